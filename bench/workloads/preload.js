// Exposes the libraries to the page, and the same libraries by koffi: within the preload, where nothing crosses to the
// page, and across contextBridge, which clones what it is given and what it returns.

const { contextBridge, ipcRenderer } = require('electron');
const { expose } = require('../../lib/preload.js');

const { BENCH_JPEG = '', BENCH_ZSTD = '', BENCH_ROUNDS = '' } = process.env;
/** @type {Record<string, string>} */
const paths = { jpeg: BENCH_JPEG, zstd: BENCH_ZSTD };
const own = (/** @type {string} */ path) => /** @type {const} */ ({ path, process: 'own' });

expose({
  libraries: { jpeg: BENCH_JPEG, zstd: BENCH_ZSTD, 'jpeg/own': own(BENCH_JPEG), 'zstd/own': own(BENCH_ZSTD) },
  origins: ['app://bench'],
});

/** A package of bench/package.json, which is not installed when the project's own checks run. @param {string} name */
const peer = (name) => require(name);
const koffi = peer('koffi');

const libraries = Object.fromEntries(
  Object.entries(paths).map(([name, path]) => {
    const file = koffi.load(path);
    const run = file.func('int64_t timed_run(uint8_t *data, size_t capacity, size_t input, uint32_t operation)');
    return [name, { run, took: file.func('double timed_took()') }];
  }),
);

/**
 * What a call needs. `input` and the right result are kept for the row in which nothing crosses.
 * @type {{ library: string, operation: number, input: Uint8Array, memory: Uint8Array, expected: Uint8Array }}
 */
let workload;

function run() {
  const { library, operation, input, memory } = workload;
  const count = Number(libraries[library].run(memory, memory.length, input.length, operation));
  if (count < 0 || count > memory.length) throw new Error(`${library}: ${count}`);
  return count;
}

contextBridge.exposeInMainWorld('bench', {
  rounds: Number(BENCH_ROUNDS),
  versions: { ...process.versions },
  /** @param {string} library @param {number} operation @param {Uint8Array} input a clone @param {number} capacity */
  prepare(library, operation, input, capacity) {
    const memory = new Uint8Array(capacity);
    workload = { library, operation, input, memory, expected: memory };
    memory.set(input);
    workload.expected = memory.slice(0, run());
  },
  /** Puts the input into the memory, which the last message has overwritten. */
  refill() {
    workload.memory.fill(7);
    workload.memory.set(workload.input);
  },
  /** Milliseconds. */
  within() {
    const started = performance.now();
    const count = run();
    const took = performance.now() - started;
    if (Buffer.compare(workload.memory.subarray(0, count), workload.expected) !== 0)
      throw new Error(`${workload.library}: another result`);
    return took;
  },
  /** @param {Uint8Array} input a clone; the result is cloned again */
  across(input) {
    const { memory } = workload;
    memory.set(input);
    const count = run();
    // Of a view, all of its memory is cloned.
    return count === memory.length ? memory : memory.slice(0, count);
  },
  took: () => libraries[workload.library].took() / 1e6,
  /** @param {unknown} message */
  report: (message) => ipcRenderer.send('message', message),
  done: () => ipcRenderer.send('done'),
  /** @param {string} message */
  failed: (message) => ipcRenderer.send('failure', message),
});
