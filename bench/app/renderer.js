// The measurement: every row calls the same library with the same buffer, in rounds whose order rotates, so that what
// the machine does meanwhile falls on all rows alike. A ratio is taken inside a round; medians are taken over rounds.

const { ipcRenderer } = require('electron');

const { BENCH_LIBRARY = '', BENCH_SERIAL_LIBRARY = '', BENCH_NATIVE = '', BENCH_ROUNDS = '' } = process.env;
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
 * A package of bench/package.json, which is not there when the project's own checks run.
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
  return {
    'peer/raw-c': raw.exchange,
    'peer/raw-c, again': nativeModule('raw').exchange,
    'peer/raw-c, unchecked': raw.exchangeUnchecked,
    'in-place/default': exchangeDataInPlace,
    'in-place/opened': openLibrary(BENCH_LIBRARY).exchangeDataInPlace,
    'in-place/opened, one call at a time': openLibrary(BENCH_SERIAL_LIBRARY).exchangeDataInPlace,
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
 * A loop of its own for each row, which V8 optimises for the one function it calls. It shares what it has learnt between
 * functions of the same text, so each text is different.
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
    entry.loop(buffer, 20_000); // V8 has compiled the loop after that
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

/** How much resident memory ten million calls leave behind. */
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

try {
  const { electron, chrome, node, napi } = process.versions;
  ipcRenderer.send('result', {
    bytes: BYTES,
    versions: { electron, chrome, node, napi },
    rows: measure(),
    memory: memory(),
  });
} catch (error) {
  ipcRenderer.send('failure', error instanceof Error ? error.stack : String(error));
}
