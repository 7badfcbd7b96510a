// The libraries, and the CPU time of the page's main thread.

const fs = require('node:fs');
const { contextBridge, ipcRenderer } = require('electron');
const { expose } = require('../../lib/preload.js');

const { BENCH_LIBRARY = '', BENCH_PACED_LIBRARY = '', BENCH_SECONDS = '' } = process.env;

expose({
  libraries: {
    default: BENCH_LIBRARY,
    own: { path: BENCH_LIBRARY, process: 'own' },
    paced: BENCH_PACED_LIBRARY,
  },
  origins: ['app://bench'],
});

contextBridge.exposeInMainWorld('bench', {
  seconds: Number(BENCH_SECONDS),
  /** The CPU time of this thread, the page's main thread, in milliseconds. Linux only. */
  busyMs: () => Number(fs.readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6,
  versions: { ...process.versions },
  /** @param {unknown} result */
  done: (result) => ipcRenderer.send('result', result),
  /** @param {string} message */
  failed: (message) => ipcRenderer.send('failure', message),
});
