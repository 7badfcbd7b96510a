// Exposes the libraries to the page, and what this process holds.

const { contextBridge, ipcRenderer } = require('electron');
const { expose } = require('../../../lib/preload.js');
const { FILES, LIMIT_MS, held } = require('./libraries.js');

expose({ libraries: FILES, origins: ['app://own'] });

contextBridge.exposeInMainWorld('host', {
  plan: () => ipcRenderer.invoke('plan'),
  limit: LIMIT_MS,
  held,
  done: (/** @type {object} */ result) => ipcRenderer.send('done', result),
  failed: (/** @type {string} */ failure) => ipcRenderer.send('failed', failure),
});
