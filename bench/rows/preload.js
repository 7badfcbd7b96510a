// The rows that need no page: the addon and its peers, called from the isolated world. Also the functions that the
// page's rows need.
//
// A row is prepared for a number of bytes. `run` makes a number of calls, and may return the nanoseconds for one call
// if it has measured them itself; `filled` returns the memory that the calls have filled.

const fs = require('node:fs');
const { contextBridge, ipcRenderer } = require('electron');
const addon = require('../../index.js');
const { expose } = require('../../lib/preload.js');

const { BENCH_LIBRARY = '', BENCH_ZERO_LIBRARY = '', BENCH_NATIVE = '', BENCH_PLAN = '{}' } = process.env;
const FILL = 0xa5;

/** In a process of its own; on Linux alone. */
const own = process.platform === 'linux' ? addon.openLibrary(BENCH_LIBRARY, { process: 'own' }) : undefined;

expose({ libraries: { default: addon, zero: BENCH_ZERO_LIBRARY, ...(own && { own }) }, origins: ['app://bench'] });

/** @typedef {{ run(times: number): unknown, filled?: () => Uint8Array | undefined, sync?: boolean }} Prepared */
/** @typedef {(bytes: number) => Prepared | Promise<Prepared>} Row */

/** @param {string} name */
function nativeModule(name) {
  const module = { exports: /** @type {any} */ ({}) };
  process.dlopen(module, `${BENCH_NATIVE}/${name}.node`);
  return module.exports;
}

/** A package of bench/package.json, which is not installed when the project's own checks run. @param {string} name */
const peer = (name) => require(name);

const raw = nativeModule('raw');
const napiRs = nativeModule('napi-rs');
const koffi = peer('koffi');
const ffi = peer('ffi-rs');
const library = new napiRs.Library(BENCH_LIBRARY);
const viaKoffi = koffi.load(BENCH_LIBRARY).func('int64_t exchange_inplace(void *data, size_t len)');
ffi.open({ library: 'fill', path: BENCH_LIBRARY });

/** The buffer of all rows that fill an existing buffer. @type {Buffer} */
let buffer = Buffer.alloc(0);

/**
 * A separate loop for each row, so that V8 optimises it for the function that it calls. V8 shares type feedback between
 * functions with the same source text, so each text is different.
 * @param {string} id @param {(argument: any) => unknown} call
 * @returns {(times: number, argument: unknown) => unknown} the result of the last call
 */
function loopOf(id, call) {
  const body = `let last; for (let i = 0; i < times; i += 1) last = call(argument); return last; /* ${id} */`;
  return new Function('call', `return function loop(times, argument) { ${body} }`)(call);
}

/**
 * A row whose call fills the given buffer.
 * @param {string} id @param {(buffer: Buffer) => unknown} call @returns {Row}
 */
function inPlace(id, call) {
  const loop = loopOf(id, call);
  return () => ({ run: (times) => void loop(times, buffer), filled: () => buffer });
}

/** A row whose call returns a new buffer. @param {string} id @param {(bytes: number) => unknown} call @returns {Row} */
function newBuffer(id, call) {
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

/**
 * A row whose call is a round trip to another process.
 * @param {(bytes: Uint8Array) => Promise<Uint8Array>} trip @returns {Row}
 */
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
  'in-place/fresh': newBuffer('fresh', (bytes) => {
    const fresh = Buffer.alloc(bytes);
    addon.exchangeDataInPlace(fresh);
    return fresh;
  }),
  'copy/buffer': newBuffer('copy', raw.copy),
  'copy/napi-vec': newBuffer('vec', (bytes) => library.vec(bytes)),
  external: newBuffer('external', raw.external),
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
  /** Begins a new size. @param {number} bytes */
  begin(bytes) {
    prepared.clear();
    // Not from Node.js's pool, and written to once, because the first access to new memory costs more than filling it.
    buffer = Buffer.from(new ArrayBuffer(bytes)).fill(1);
    expected = Buffer.alloc(bytes, FILL);
  },
  /**
   * The mean time of a call of a row, in nanoseconds.
   * @param {string} id @param {number} bytes @param {number} times
   */
  async measure(id, bytes, times) {
    const row = prepared.get(id) ?? (await rows[id](bytes));
    prepared.set(id, row);
    if (buffer.length === bytes) buffer.fill(0);
    const warm = row.run(Math.floor(times / 10));
    if (warm instanceof Promise) await warm;
    const started = process.hrtime.bigint();
    const running = row.run(times);
    const measured = running instanceof Promise ? await running : running;
    const ns = typeof measured === 'number' ? measured : Number(process.hrtime.bigint() - started) / times;
    const filled = row.filled?.();
    if (filled && !expected.equals(filled)) throw new Error(`${id} did not fill ${bytes} bytes`);
    return ns;
  },
  /**
   * How many buffers of this size or more are memory of the library's process. Its own mapping, which is as long as all
   * of that memory, is not counted.
   * @param {number} bytes
   */
  mappedBuffers(bytes) {
    if (own?.process?.transport !== 'mapped') return 0;
    return fs
      .readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter((line) => line.includes('inplace-exchange-buffers'))
      .map((line) =>
        line
          .split(' ')[0]
          .split('-')
          .map((address) => Number.parseInt(address, 16)),
      )
      .filter(([start, end]) => end - start >= bytes && end - start < 2 ** 36).length;
  },
  /** Called through contextBridge, which clones the argument and the result. @param {Uint8Array} bytes */
  fill(bytes) {
    addon.exchangeDataInPlace(bytes);
    return bytes;
  },
  /** @param {unknown} message */
  send: (message) => ipcRenderer.send('message', message),
  done: () => ipcRenderer.send('done'),
  /** @param {string} message */
  failed: (message) => ipcRenderer.send('failure', message),
});
