// Exposes the libraries to the page, and what this process holds.

const { contextBridge, ipcRenderer } = require('electron');
const { expose } = require('../../../lib/preload.js');
const { LIMIT_MS, files, held, left, streamed, threads } = require('./libraries.js');

expose({ libraries: { ...files(), ...streamed() }, origins: ['app://own'] });

contextBridge.exposeInMainWorld('host', {
  plan: () => ipcRenderer.invoke('plan'),
  limit: LIMIT_MS,
  held,
  left,
  threads,
  done: (/** @type {object} */ result) => ipcRenderer.send('done', result),
  failed: (/** @type {string} */ failure) => ipcRenderer.send('failed', failure),
});
