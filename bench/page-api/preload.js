// The alternatives that the page is compared with, and data that only the preload has: addresses, resident memory, CPU
// time.

const fs = require('node:fs');
const { contextBridge, ipcRenderer } = require('electron');
const { openLibrary } = require('../../index.js');
const { expose } = require('../../lib/preload.js');

const { BENCH_LIBRARY = '', BENCH_ZERO_LIBRARY = '', BENCH_ADDRESS_LIBRARY = '', BENCH_PROBE = '' } = process.env;

expose({
  libraries: {
    own: { path: BENCH_LIBRARY, process: 'own' },
    default: BENCH_LIBRARY,
    zero: BENCH_ZERO_LIBRARY,
    address: BENCH_ADDRESS_LIBRARY,
  },
  origins: ['app://bench'],
});

const probe = { exports: /** @type {any} */ ({}) };
process.dlopen(probe, BENCH_PROBE);
const { addressOf } = probe.exports;

// A port that echoes memory, and a port that also replies with its address.
globalThis.addEventListener('message', ({ data: kind, ports: [port] }) => {
  if (kind === 'echo') port.onmessage = ({ data }) => port.postMessage(data, [data]);
  if (kind === 'where')
    port.onmessage = ({ data }) => port.postMessage([addressOf(new Uint8Array(data)), data], [data]);
});

const { exchangeDataInPlace } = openLibrary(BENCH_LIBRARY);

contextBridge.exposeInMainWorld('bench', {
  empty() {},
  /** @param {Uint8Array} bytes a clone; the result is cloned again */
  fill(bytes) {
    exchangeDataInPlace(bytes);
    return bytes;
  },
  /**
   * Milliseconds for the round trip to the main process, without that between the page and the preload.
   * @param {number} byteLength
   */
  async invoke(byteLength) {
    const bytes = new Uint8Array(byteLength).fill(1);
    const started = performance.now();
    const result = await ipcRenderer.invoke('fill', bytes);
    const took = performance.now() - started;
    if (result.length !== byteLength || result.some((/** @type {number} */ byte) => byte !== 0xa5))
      throw new Error('not filled');
    return took;
  },
  residentBytes: () => process.memoryUsage.rss(),
  /** The CPU time of this thread, the page's main thread, in milliseconds. Linux only. */
  busyMs: () => Number(fs.readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6,
  versions: { ...process.versions },
  /** @param {unknown} result */
  done: (result) => ipcRenderer.send('result', result),
  /** @param {string} message */
  failed: (message) => ipcRenderer.send('failure', message),
});
