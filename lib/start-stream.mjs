// stream(): shared memory that a library fills on a thread of its own, without the page.
//
// To the preload it is an exchange that takes long: it ends by its signal, and with the page. The page makes the memory and
// says what is in it; from then on the native side and the reader (lib/stream.mjs) need nobody.

import { checkedOptions, checkInteger, checkSize } from './checks.mjs';
import { codedError, formatted, invalidType } from './errors.mjs';
import { ENDED, EPOCH, FAILED, HELD, layoutOf, lockOf, MAGIC, MAX_SLOTS, PHASE, POLICIES, VERSION } from './ring.mjs';

/** @import { StreamOptions, Stream } from './types/page.mjs' */

/** What is smaller cannot be mapped for a library in a process of its own. It takes no more memory than is used. */
const MIN_BYTES = 1024 * 1024;

/**
 * @typedef {object} Page
 * @property {(memory: SharedArrayBuffer, options: object, stream: object) => Promise<unknown>} lend
 * @property {(library: string, byteLength: number, shared: true) => ArrayBufferLike} allocateFor
 * @property {() => void} assertLoaded
 */

/** @param {Page} page @param {StreamOptions} options @returns {Stream} */
export function startStream({ lend, allocateFor, assertLoaded }, options) {
  const { library, operation, signal } = checkedOptions(options);
  const { byteLength, slots = 4, policy = 'wait' } = options;
  const input = copyOf(options.input);
  assertLoaded();
  checkSize(byteLength, 1);
  checkInteger('slots', slots, 2, MAX_SLOTS);
  const number = POLICIES.indexOf(policy);
  if (number < 0)
    throw codedError(
      TypeError,
      'ERR_INVALID_ARG_VALUE',
      `policy is '${POLICIES.join("' or '")}', not ${formatted(policy)}.`,
    );
  checkInteger('the size of the input', input?.length ?? 0, 0, byteLength);

  const layout = layoutOf(slots, byteLength, number);
  const memory = /** @type {SharedArrayBuffer} */ (allocateFor(library, Math.max(layout.length, MIN_BYTES), true));
  const words = new Int32Array(memory, 0, layout.data / 4);
  const name = crypto.getRandomValues(new Int32Array(2));
  words.set([MAGIC, VERSION, slots, byteLength, layout.stride, layout.data, number, ...name]);

  const end = new AbortController();
  let isStopped = false;
  let hasEnded = false;
  const said = { slots, byteLength, policy: number, input };
  const stopped = signal ? AbortSignal.any([signal, end.signal]) : end.signal;
  const ended = lend(memory, { library, operation, signal: stopped }, said)
    .then(
      () => {},
      (error) => {
        if (!isStopped || error.code !== 'ABORT_ERR') throw error;
      },
    )
    .finally(() => {
      hasEnded = true;
      // Nobody else says so of one that never began.
      Atomics.compareExchange(words, PHASE, 0, stopped.aborted ? ENDED : FAILED);
      Atomics.notify(words, HELD);
    });
  const stop = () => {
    isStopped = true;
    end.abort();
    return ended.catch(() => {});
  };
  stopWithReader(words, () => hasEnded, stop);
  return { memory, ended, stop };
}

/** The page may go on writing to what it has passed. @param {unknown} input */
function copyOf(input) {
  if (input === undefined) return undefined;
  try {
    if (ArrayBuffer.isView(input) && input instanceof Uint8Array) return new Uint8Array(input);
  } catch {
    // Its memory was transferred elsewhere, or has become shorter.
  }
  throw invalidType('input', 'a Uint8Array whose memory is there', input);
}

/**
 * Stops when the Worker that reads is gone, without having been closed, and no other reader has taken over.
 * @param {Int32Array} words @param {() => boolean} hasEnded @param {() => void} stop
 */
async function stopWithReader(words, hasEnded, stop) {
  const { locks } = navigator;
  const waitAsync = /** @type {any} */ (Atomics).waitAsync;
  if (!locks || !waitAsync) return;
  try {
    for (let held = 0; !hasEnded(); ) {
      await waitAsync(words, HELD, held).value;
      if (Atomics.load(words, HELD) === held) continue;
      held = Atomics.load(words, HELD);
      await locks.request(lockOf(words, held), () => {});
      if (Atomics.load(words, EPOCH) === held) stop();
    }
  } catch {
    // Locks are not to be had at this origin.
  }
}
