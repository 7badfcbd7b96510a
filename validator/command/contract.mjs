// What each finding breaks: the part of exchange.h, a sentence of it, and what to do. A test compares the sentences with
// the header.

/** @typedef {{ section: string | null, text: string | null, next: string }} Rule without a section where the header is silent */

/** @param {string} section @param {string} text @param {string} next @returns {Rule} */
const rule = (section, text, next) => ({ section, text, next });
/** @param {string} next @returns {Rule} */
const advice = (next) => ({ section: null, text: null, next });

const STATIC_TEXT =
  'Text is UTF-8, NUL-terminated and static: it stays valid and unchanged for the life of the process.';
const MAX_COUNT = 'The host reports n above INT32_MAX as an error of the library.';
const FITS = 'A call with n bytes and the same input succeeds, unless the message has grown meanwhile.';
const ENVIRONMENTS = 'One process can hold several environments at once: count the calls if that matters.';
const SHARED =
  'Whatever bytes the library reads there, it must not crash, and must not access memory outside data[0..len).';
const COPY = 'Copy each size and index out of the memory once, check the copy, and use the copy alone.';
const BOUNDS = 'Compare each offset with len (capacity) before the access; -fsanitize=address shows the line.';
const FREE = 'Free what a call has allocated or opened before it returns, also where it fails.';

/** By the name of a finding; `shared/` before it: in that check alone. @type {Record<string, Rule>} */
export const RULES = {
  load: advice(
    'docs/write-a-library.md says how a library is built; npx inplace-exchange doctor FILE examines the file.',
  ),
  'load-symbol': rule(
    'the beginning',
    'A library must export exchange_inplace or exchange_perform.',
    'Export one of them with C linkage: extern "C" in C++, #[unsafe(no_mangle)] extern "C" in Rust.',
  ),
  'load-version': rule(
    'exchange_abi_version',
    'return EXCHANGE_ABI_VERSION',
    'Build it against the header of this version, and return the constant.',
  ),
  'unknown-export': rule(
    'the beginning',
    'Every other function is optional',
    'No function of the contract has this name, so it is never called. Correct the name, or hide the symbol.',
  ),
  'flags-reserved': rule(
    'exchange_flags',
    'The other bits are reserved: set them to 0',
    'Return EXCHANGE_CONCURRENT or 0.',
  ),
  'operations-limit': rule(
    'exchange_operations',
    'All of it has at most 32 KiB; the host ignores the rest.',
    'Shorten the names: each has at most 255 bytes.',
  ),
  'operations-twice': rule(
    'exchange_operations',
    'Of two that are the same, the first is meant.',
    'Rename one of them.',
  ),
  'operations-unused': rule(
    'exchange_operations',
    'Returns the names of the operations of exchange_perform',
    'Export exchange_perform as well: without it there are no operations.',
  ),
  'text-utf8': rule('Text', STATIC_TEXT, 'Return UTF-8; a literal is u8"..." in C.'),
  'text-changes': rule(
    'Text',
    STATIC_TEXT,
    'Return literals, or a text of its own for each status: no buffer that is used again.',
  ),
  'words-utf8': rule(
    'Text',
    STATIC_TEXT,
    'Pass UTF-8 to exchange_call.message, and no bytes of the input as they are.',
  ),
  'no-words': rule(
    'exchange_inplace, Returns n',
    'exchange_error_message(n) may say why.',
    'Return a description of this status from exchange_error_message: without it users see a number.',
  ),
  'open-refused': rule(
    'exchange_open',
    'A negative return refuses: the exchange fails with that status',
    'Nothing else could be checked. Validate it where it can be opened.',
  ),
  'second-refused': rule(
    'exchange_open',
    ENVIRONMENTS,
    'A second window or worker cannot use it. If that is not meant, count.',
  ),
  'reopen-refused': rule(
    'exchange_open',
    ENVIRONMENTS,
    'Release in exchange_close all that exchange_open has taken: a page that is reloaded opens it again.',
  ),
  'session-fails': rule(
    'exchange_open',
    ENVIRONMENTS,
    'Count the opens and closes; release with the last close, and take again with the next open.',
  ),
  outside: rule(
    'exchange_inplace',
    'data points to len bytes that the host lends until this function returns.',
    BOUNDS,
  ),
  'shared/outside': rule('Shared memory', SHARED, COPY),
  'late-access': rule(
    'exchange_inplace',
    'The library may read and write them until then, and must not access them afterwards: do not keep a pointer to them.',
    'Keep no pointer to the memory, in variables or in threads: copy what is needed, and join threads before returning.',
  ),
  'empty-access': rule(
    'exchange_inplace',
    'data is never NULL; if len is 0 it must not be dereferenced.',
    'Check len first: a pointer that is not null says nothing.',
  ),
  alignment: rule(
    'exchange_inplace',
    'It is aligned to one byte only.',
    'Copy numbers with memcpy, and use unaligned loads and stores (loadu, storeu; read_unaligned in Rust).',
  ),
  crash: rule(
    'Input',
    'The bytes in data come from a JavaScript program: validate them as untrusted input.',
    'Run the library with this input under -fsanitize=address,undefined.',
  ),
  'shared/crash': rule('Shared memory', SHARED, COPY),
  unwound: rule(
    'Errors',
    'No panic, exception or longjmp may leave any of these functions: the host cannot catch it, and the process ends.',
    'Catch it inside (catch_unwind, catch (...)), and return a negative status.',
  ),
  exited: rule(
    'Errors',
    'Catch it inside, and return a negative status.',
    'A library never calls exit(), which ends the page: return a negative status.',
  ),
  hang: rule(
    'exchange_cancel',
    'Absent: the host waits until the exchange returns.',
    'Return, whatever the input is; ask exchange_call.cancelled in long loops, or export exchange_cancel.',
  ),
  'count-int': rule(
    'exchange_inplace, Returns n',
    MAX_COUNT,
    'Declare the function with the type of the header, int64_t: one that returns int sets 32 of 64 bits.',
  ),
  'count-range': rule(
    'exchange_inplace, Returns n',
    MAX_COUNT,
    'Check sizes that come from the input; return a negative status if they are beyond any limit.',
  ),
  'exact-fails': rule(
    'exchange_inplace, Returns n',
    FITS,
    'Return a size that is enough; where it is not known, an upper bound.',
  ),
  'never-fits': rule('exchange_inplace, Returns n', FITS, 'Compute the size from the input, not from len (capacity).'),
  'input-changed': rule(
    'exchange_perform',
    'If the message does not fit, leave the input intact where you can',
    'Compare sizes before the first write: the caller has to keep a copy of the input otherwise.',
  ),
  stale: rule(
    'exchange_call',
    'What is in data after the input is unspecified.',
    'Read data[0..input) alone, and write each byte of the message.',
  ),
  'thread-differs': rule(
    'exchange_flags',
    'Synchronous calls, exchange_open and exchange_close may also come from the thread of a JavaScript environment.',
    'Keep state in the process, not in thread-local variables; or say in your documents that only asynchronous calls work.',
  ),
  'concurrent-differs': rule(
    'EXCHANGE_CONCURRENT',
    'exchange_inplace may run on several threads at once, each call with its own memory.',
    'Keep no state of a call in static variables, or lock it; or do not set EXCHANGE_CONCURRENT. Built with gcc -fsanitize=thread, it has the race shown here.',
  ),
  'data-race': rule(
    'EXCHANGE_CONCURRENT',
    'exchange_inplace may run on several threads at once, each call with its own memory.',
    'Keep it in the call, lock a mutex around all accesses, or make it atomic; or do not set EXCHANGE_CONCURRENT.',
  ),
  'thread-race': advice(
    'Lock a mutex around all accesses, or make it atomic; join threads before what they use is gone.',
  ),
  sanitized: advice('Validate the build that ships as well: only there are memory and speed what users have.'),
  'load-sanitizer': advice(
    'Install the runtime (Debian: apt-get install libtsan2, which gcc brings), or set LD_LIBRARY_PATH.',
  ),
  'load-addresses': advice('Type: setarch -R npx inplace-exchange validate LIBRARY'),
  'load-unlinked': advice('Build it with gcc -fsanitize=thread, also where it is linked, or without the option.'),
  'cancel-blocks': rule(
    'exchange_cancel',
    'It must return at once, without waiting for an exchange.',
    'Increment a counter in it, and do nothing else.',
  ),
  'cancel-sticks': rule(
    'exchange_cancel',
    'It may come when no exchange is running, or just after one has begun.',
    'Use a counter that an exchange reads when it begins, not a flag.',
  ),
  'cancel-late': rule(
    'exchange_cancel',
    'Requests that all running exchanges return soon, with any negative status.',
    'Look for the request at least every few milliseconds.',
  ),
  'cancel-unasked': rule(
    'exchange_call',
    'return soon, with any negative status',
    'Ask exchange_call.cancelled at least every few milliseconds in long loops.',
  ),
  'cancel-absent': rule(
    'exchange_cancel',
    'Absent: the host waits until the exchange returns.',
    'A page that is reloaded waits as long. Export exchange_cancel, or exchange_perform.',
  ),
  'memory-grows': advice(FREE),
  'descriptors-grow': advice(FREE),
  'threads-grow': advice('Start threads once, in exchange_open, or join them before the call returns.'),
  'all-failed': advice('The checks have seen little of it. Give a real request: --input FILE.'),
  'too-large': advice('Give an input whose message fits: --input FILE.'),
  'long-calls': advice('The other checks have seen little of them. Give a request that is done soon: --input FILE.'),
  differs: advice('That is allowed: a camera does so. What compares answers was left out for these inputs.'),
  'few-calls': advice('Slow growth cannot be seen in so few.'),
  'no-memory': advice('The system has refused memory: the check is not complete.'),
};

/** @param {string} check @param {string} id @returns {Rule} */
export const ruleOf = (check, id) => RULES[`${check}/${id}`] ?? RULES[id];

/** All functions of the contract. */
export const FUNCTIONS = [
  'exchange_inplace',
  'exchange_perform',
  'exchange_stream',
  'exchange_operations',
  'exchange_abi_version',
  'exchange_flags',
  'exchange_library_name',
  'exchange_error_message',
  'exchange_open',
  'exchange_close',
  'exchange_cancel',
];
