// The measurement: every row calls the same library with the same buffer. The order of the rows rotates from round to
// round, so that other activity on the machine affects all rows alike. A ratio is calculated within a round; the
// medians are those over all rounds.

const { ipcRenderer } = require('electron');

const {
  BENCH_LIBRARY = '',
  BENCH_PERFORM_LIBRARY = '',
  BENCH_SERIAL_LIBRARY = '',
  BENCH_SLOW_LIBRARY = '',
  BENCH_TIMED_LIBRARY = '',
  BENCH_NATIVE = '',
  BENCH_ROUNDS = '',
} = process.env;
const ROUNDS = Number(BENCH_ROUNDS);
const BATCH_MS = 40;
const BYTES = 64;

/** @param {string} name */
function nativeModule(name) {
  const module = { exports: /** @type {any} */ ({}) };
  process.dlopen(module, `${BENCH_NATIVE}/${name}.node`);
  return module.exports;
}

/**
 * A package of bench/package.json, which is not installed when the project's own checks run.
 * @param {string} name
 */
const peer = (name) => require(name);

/** @returns {Record<string, (buffer: Buffer) => number>} */
function rows() {
  const { exchangeDataInPlace, openLibrary } = require('../../index.js');
  const koffi = peer('koffi');
  const viaKoffi = koffi.load(BENCH_LIBRARY).func('int64_t exchange_inplace(void *data, size_t len)');
  const { DataType, load, open } = peer('ffi-rs');
  open({ library: 'fill', path: BENCH_LIBRARY });
  const raw = nativeModule('raw');
  const performs = openLibrary(BENCH_PERFORM_LIBRARY);
  return {
    'peer/raw-c': raw.exchange,
    'peer/raw-c, again': nativeModule('raw').exchange,
    'peer/raw-c, unchecked': raw.exchangeUnchecked,
    'in-place/default': exchangeDataInPlace,
    'in-place/opened': openLibrary(BENCH_LIBRARY).exchangeDataInPlace,
    'in-place/opened, one call at a time': openLibrary(BENCH_SERIAL_LIBRARY).exchangeDataInPlace,
    'in-place/performs': performs.exchangeDataInPlace,
    'in-place/operation': performs.operation('fill'),
    'peer/node-addon-api': nativeModule('addon-api').exchange,
    'peer/koffi': (buffer) => viaKoffi(buffer, buffer.length),
    'peer/ffi-rs': (buffer) =>
      load({
        library: 'fill',
        funcName: 'exchange_inplace',
        retType: DataType.I64,
        paramsType: [DataType.U8Array, DataType.I64],
        paramsValue: [buffer, buffer.length],
      }),
  };
}

/**
 * A separate loop for each row, so that V8 optimises it for the function that it calls. V8 shares type feedback between
 * functions with the same source text, so each text is different.
 * @param {string} id
 * @param {(buffer: Buffer) => number} call
 * @returns {(buffer: Buffer, times: number) => number} nanoseconds for one call
 */
function loopOf(id, call) {
  const body = `/* ${id} */
    const started = process.hrtime.bigint();
    for (let i = 0; i < times; i += 1) call(buffer);
    return Number(process.hrtime.bigint() - started) / times;`;
  return new Function('process', 'call', `return function loop(buffer, times) {${body}}`)(process, call);
}

function measure() {
  const buffer = Buffer.alloc(BYTES);
  /** @type {{ id: string, call: (buffer: Buffer) => number, loop: ReturnType<typeof loopOf>, times: number, ns: number[] }[]} */
  const entries = Object.entries(rows()).map(([id, call]) => ({ id, call, loop: loopOf(id, call), times: 0, ns: [] }));
  for (const entry of entries) {
    entry.loop(buffer, 20_000); // V8 compiles the loop
    entry.times = Math.ceil((BATCH_MS * 1e6) / entry.loop(buffer, 20_000));
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let turn = 0; turn < entries.length; turn += 1) {
      const { id, call, loop, times, ns } = entries[(round + turn) % entries.length];
      buffer.fill(0);
      if (call(buffer) !== BYTES || buffer.some((byte) => byte !== 0xa5))
        throw new Error(`${id} did not fill the buffer`);
      ns.push(loop(buffer, times));
    }
  }
  return entries.map(({ id, ns }) => ({ id, ns }));
}

const ASYNC_BATCH = 1000;
const LARGE_BYTES = 8 * 1024 * 1024;
const LARGE_BATCH = 100;

/** @typedef {(buffer: Uint8Array) => Promise<Uint8Array>} AsyncCall resolves to the buffer for the next call */

/** @param {string} library @returns {AsyncCall} */
function asyncTask(library) {
  const { Library } = nativeModule('napi-rs');
  const task = new Library(library);
  return async (buffer) => {
    await task.onWorker(buffer);
    return buffer;
  };
}

/**
 * In random order, so that the state in which a row leaves the caches and the pool's threads does not always affect the
 * same row.
 * @template T @param {T[]} list
 */
function shuffled(list) {
  return list
    .map((value) => ({ value, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value);
}

/**
 * Asynchronous calls, one after another: the nanoseconds from a call to the resolution of its promise, in each round.
 * @param {number} bytes @param {number} batch
 */
async function measureAsync(bytes, batch) {
  const { exchangeDataAsync, exchangeDataInPlace } = require('../../index.js');
  const viaTask = asyncTask(BENCH_LIBRARY);
  /** @type {Record<string, AsyncCall>} */
  const calls = {
    'in-place/async': exchangeDataAsync,
    'peer/napi-rs AsyncTask': viaTask,
    'peer/napi-rs AsyncTask, again': viaTask,
    'in-place/default': async (buffer) => {
      exchangeDataInPlace(buffer);
      return buffer;
    },
  };
  const rows = Object.entries(calls).map(([id, call]) => ({
    id,
    call,
    buffer: /** @type {Uint8Array} */ (new Uint8Array(bytes)),
    ns: [0],
  }));
  const filled = Buffer.alloc(bytes, 0xa5);
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const row of shuffled(rows)) {
      row.buffer.fill(0);
      const started = process.hrtime.bigint();
      for (let i = 0; i < batch; i += 1) row.buffer = await row.call(row.buffer);
      row.ns[Math.max(round, 0)] = Number(process.hrtime.bigint() - started) / batch; // the first round warms up
      if (!filled.equals(row.buffer)) throw new Error(`${row.id} did not fill the buffer`);
    }
  }
  return { bytes, rows: rows.map(({ id, ns }) => ({ id, ns })) };
}

/**
 * The ratio of a large call's time to the sum of its parts: the library's own time for it, and the overhead of a small
 * call. All are measured in the same round.
 */
async function wholeOverParts() {
  const { openLibrary } = require('../../index.js');
  const inPlace = (/** @type {string} */ library) => openLibrary(library).exchangeDataAsync;
  const batch = async (/** @type {AsyncCall} */ call, /** @type {number} */ size) => {
    /** @type {Uint8Array} */
    let bytes = await call(new Uint8Array(size));
    let inLibrary = 0;
    const started = process.hrtime.bigint();
    for (let i = 0; i < LARGE_BATCH; i += 1) {
      bytes = await call(bytes);
      inLibrary += Number(new DataView(bytes.buffer).getBigInt64(bytes.length - 8, true));
    }
    const whole = Number(process.hrtime.bigint() - started);
    return { whole, inLibrary };
  };
  const rows = Object.entries({ 'in-place/async': inPlace, 'peer/AsyncTask': asyncTask }).map(([id, via]) => ({
    id,
    call: via(BENCH_TIMED_LIBRARY),
    ratios: /** @type {number[]} */ ([]),
  }));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { call, ratios } of shuffled(rows)) {
      const small = await batch(call, BYTES);
      const large = await batch(call, LARGE_BYTES);
      ratios.push(large.whole / (large.inLibrary + small.whole - small.inLibrary));
    }
  }
  return rows.map(({ id, ratios }) => ({ id, ratios }));
}

/** The longest time for which the main thread was busy while a library worked for two seconds on other threads. */
async function longestTask() {
  const CALLS = 20;
  const { openLibrary } = require('../../index.js');
  const { exchangeDataAsync } = openLibrary(BENCH_SLOW_LIBRARY);
  // Written to once, because the first access to new memory costs more than the call.
  const buffers = Array.from({ length: CALLS }, () => new Uint8Array(LARGE_BYTES).fill(1));
  const { port1, port2 } = new MessageChannel();
  let last = performance.now();
  let longest = 0;
  port2.onmessage = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    port1.postMessage(0); // received in the next task
  };
  port1.postMessage(0);
  const started = performance.now();
  await Promise.all(buffers.map((buffer) => exchangeDataAsync(buffer)));
  const took = performance.now() - started;
  port1.close();
  return { calls: CALLS, took, longest };
}

/** The growth of resident memory after a hundred thousand asynchronous calls. */
async function asyncMemory() {
  const { exchangeDataAsync } = require('../../index.js');
  const collect = /** @type {() => void} */ (/** @type {any} */ (globalThis).gc);
  /** @type {Uint8Array} */
  let buffer = new Uint8Array(BYTES);
  const loop = async (/** @type {number} */ times) => {
    for (let i = 0; i < times; i += 1) buffer = await exchangeDataAsync(buffer);
    collect();
    return process.memoryUsage.rss();
  };
  const before = await loop(10_000);
  /** @type {number[]} */
  const grown = [];
  for (let part = 0; part < 4; part += 1) grown.push((await loop(25_000)) - before);
  return { calls: 100_000, grownBytes: grown };
}

/** The growth of resident memory after ten million calls. */
function memory() {
  const { exchangeDataInPlace } = require('../../index.js');
  const loop = loopOf('memory', exchangeDataInPlace);
  const buffer = Buffer.alloc(BYTES);
  const collect = /** @type {() => void} */ (/** @type {any} */ (globalThis).gc);
  loop(buffer, 1_000_000);
  collect();
  const before = process.memoryUsage.rss();
  loop(buffer, 10_000_000);
  collect();
  return { calls: 10_000_000, grownBytes: process.memoryUsage.rss() - before };
}

async function report() {
  const { electron, chrome, node, napi } = process.versions;
  return {
    bytes: BYTES,
    versions: { electron, chrome, node, napi },
    rows: measure(),
    memory: memory(),
    asyncMemory: await asyncMemory(),
    async: [await measureAsync(BYTES, ASYNC_BATCH), await measureAsync(LARGE_BYTES, LARGE_BATCH)],
    wholeOverParts: await wholeOverParts(),
    longestTask: await longestTask(),
  };
}

report().then(
  (result) => ipcRenderer.send('result', result),
  (error) => ipcRenderer.send('failure', error instanceof Error ? error.stack : String(error)),
);
