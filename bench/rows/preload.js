// The rows that need no page: the addon and its peers, called from the isolated world; and what the page's rows need.
//
// A row makes what it calls for a number of bytes. `run` makes so many calls and may say itself what one of them took, in
// nanoseconds; `filled` is the memory that they have filled.

const { contextBridge, ipcRenderer } = require('electron');
const addon = require('../../index.js');
const { expose } = require('../../lib/preload.js');

const { BENCH_LIBRARY = '', BENCH_ZERO_LIBRARY = '', BENCH_NATIVE = '', BENCH_PLAN = '{}' } = process.env;
const FILL = 0xa5;

expose({ libraries: { default: addon, zero: BENCH_ZERO_LIBRARY }, origins: ['app://bench'] });

/** @typedef {{ run(times: number): unknown, filled?: () => Uint8Array | undefined, sync?: boolean }} Prepared */
/** @typedef {(bytes: number) => Prepared | Promise<Prepared>} Row */

/** @param {string} name */
function nativeModule(name) {
  const module = { exports: /** @type {any} */ ({}) };
  process.dlopen(module, `${BENCH_NATIVE}/${name}.node`);
  return module.exports;
}

/** A package of bench/package.json, which is not there when the project's own checks run. @param {string} name */
const peer = (name) => require(name);

const raw = nativeModule('raw');
const napiRs = nativeModule('napi-rs');
const koffi = peer('koffi');
const ffi = peer('ffi-rs');
const library = new napiRs.Library(BENCH_LIBRARY);
const viaKoffi = koffi.load(BENCH_LIBRARY).func('int64_t exchange_inplace(void *data, size_t len)');
ffi.open({ library: 'fill', path: BENCH_LIBRARY });

/** One buffer for all rows that fill one which is there already. @type {Buffer} */
let buffer = Buffer.alloc(0);

/**
 * A loop of its own for each row, which V8 optimises for the one function it calls. It shares what it has learnt between
 * functions of the same text, so each text is different.
 * @param {string} id @param {(argument: any) => unknown} call
 * @returns {(times: number, argument: unknown) => unknown} what the last call gave
 */
function loopOf(id, call) {
  const body = `let last; for (let i = 0; i < times; i += 1) last = call(argument); return last; /* ${id} */`;
  return new Function('call', `return function loop(times, argument) { ${body} }`)(call);
}

/** Fills the buffer that it is given. @param {string} id @param {(buffer: Buffer) => unknown} call @returns {Row} */
function inPlace(id, call) {
  const loop = loopOf(id, call);
  return () => ({ run: (times) => void loop(times, buffer), filled: () => buffer });
}

/** Gives a buffer that it has made. @param {string} id @param {(bytes: number) => unknown} call @returns {Row} */
function made(id, call) {
  const loop = loopOf(id, call);
  return (bytes) => {
    /** @type {unknown} */
    let last;
    return {
      run(times) {
        last = loop(times, bytes);
      },
      filled: () => /** @type {Buffer} */ (last),
    };
  };
}

/** The way to another process and back. @param {(bytes: Uint8Array) => Promise<Uint8Array>} trip @returns {Row} */
const copied = (trip) => (bytes) => {
  const sent = new Uint8Array(bytes).fill(1);
  /** @type {Uint8Array | undefined} */
  let last;
  return {
    async run(times) {
      for (let i = 0; i < times; i += 1) last = await trip(sent);
    },
    filled: () => last,
  };
};

/** @type {Promise<MessagePort>} */
const utilityPort = new Promise((resolve) => {
  ipcRenderer.once('utility', ({ ports: [port] }) => resolve(port));
  ipcRenderer.send('utility');
});

/** @type {Record<string, Row>} */
const rows = {
  'limit/native-fill': (bytes) => ({ run: (times) => library.limit(bytes, times) }),
  'control/no-op': () => {
    const loop = loopOf('no-op', raw.noop);
    return { run: (times) => void loop(times, undefined) };
  },
  'control/no-op-again': () => {
    const loop = loopOf('no-op again', nativeModule('raw').noop);
    return { run: (times) => void loop(times, undefined) };
  },
  'in-place/default': inPlace('default', addon.exchangeDataInPlace),
  'in-place/opened': inPlace('opened', addon.openLibrary(BENCH_LIBRARY).exchangeDataInPlace),
  'in-place/async': () => ({
    async run(times) {
      for (let i = 0; i < times; i += 1) buffer = Buffer.from((await addon.exchangeDataAsync(buffer)).buffer);
    },
    filled: () => buffer,
  }),
  'in-place/fresh': made('fresh', (bytes) => {
    const fresh = Buffer.alloc(bytes);
    addon.exchangeDataInPlace(fresh);
    return fresh;
  }),
  'copy/buffer': made('copy', raw.copy),
  'copy/napi-vec': made('vec', (bytes) => library.vec(bytes)),
  external: made('external', raw.external),
  'peer/raw-c': inPlace('raw', raw.exchange),
  'peer/node-addon-api': inPlace('addon-api', nativeModule('addon-api').exchange),
  'peer/koffi': inPlace('koffi', (buffer) => viaKoffi(buffer, buffer.length)),
  'peer/ffi-rs': inPlace('ffi-rs', (buffer) =>
    ffi.load({
      library: 'fill',
      funcName: 'exchange_inplace',
      retType: ffi.DataType.I64,
      paramsType: [ffi.DataType.U8Array, ffi.DataType.I64],
      paramsValue: [buffer, buffer.length],
    }),
  ),
  'peer/napi-buffer': inPlace('napi buffer', napiRs.exchangeBuffer),
  'peer/napi-slice': inPlace('napi slice', napiRs.exchangeSlice),
  'electron/invoke': copied((sent) => ipcRenderer.invoke('fill', sent)),
  'electron/utility-port': copied(async (sent) => {
    const port = await utilityPort;
    return new Promise((resolve) => {
      port.onmessage = ({ data }) => resolve(data);
      port.postMessage(sent);
    });
  }),
};

/** @type {Map<string, Prepared>} */
const prepared = new Map();
/** @type {Buffer} */
let expected = Buffer.alloc(0);

contextBridge.exposeInMainWorld('bench', {
  plan: JSON.parse(BENCH_PLAN),
  rows: Object.keys(rows),
  versions: { ...process.versions },
  /** A new size. @param {number} bytes */
  begin(bytes) {
    prepared.clear();
    // Not from Node's pool, and written to once: the first touch of fresh memory costs more than filling it.
    buffer = Buffer.from(new ArrayBuffer(bytes)).fill(1);
    expected = Buffer.alloc(bytes, FILL);
  },
  /**
   * Nanoseconds for a call of a row, as a mean of so many. @param {string} id @param {number} bytes @param {number} times
   */
  async measure(id, bytes, times) {
    const row = prepared.get(id) ?? (await rows[id](bytes));
    prepared.set(id, row);
    if (buffer.length === bytes) buffer.fill(0);
    const warm = row.run(Math.floor(times / 10));
    if (warm instanceof Promise) await warm;
    const started = process.hrtime.bigint();
    const running = row.run(times);
    const said = running instanceof Promise ? await running : running;
    const ns = typeof said === 'number' ? said : Number(process.hrtime.bigint() - started) / times;
    const filled = row.filled?.();
    if (filled && !expected.equals(filled)) throw new Error(`${id} did not fill ${bytes} bytes`);
    return ns;
  },
  /** What contextBridge does to it: a clone comes in, and another goes out. @param {Uint8Array} bytes */
  fill(bytes) {
    addon.exchangeDataInPlace(bytes);
    return bytes;
  },
  /** @param {unknown} told */
  tell: (told) => ipcRenderer.send('told', told),
  done: () => ipcRenderer.send('done'),
  /** @param {string} message */
  failed: (message) => ipcRenderer.send('failure', message),
});
