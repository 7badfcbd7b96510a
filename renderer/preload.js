// The preload of this app: it shares the page's process and is out of the page's reach (the isolated world). It exposes
// the default library to the page, and what the page says about itself.

const { contextBridge, ipcRenderer } = require('electron');
const { expose } = require('./expose.js');

// Not beside the message that is shown when the page was given up: nothing native runs there.
if (location.pathname === '/') expose({ origins: ['app://inplace-exchange'] });

/** @returns {boolean | undefined} undefined when there is no addon, which an exchange then says in words */
function externalBuffersAllowed() {
  try {
    return require('../index.js').externalBuffersAllowed();
  } catch {
    return undefined;
  }
}

const host = {
  /** @returns {Promise<{ news?: { title: string, text: string }, mayOpen: boolean }>} what to show at the start, such as why the page was started again; whether the library may be opened unasked */
  start: () => ipcRenderer.invoke('start'),
  /** Told, and heard, before the library is opened: should this process not survive it, the main process knows why. @returns {Promise<void>} */
  opening: () => ipcRenderer.invoke('opening'),
  /** @returns {Promise<void>} */
  opened: () => ipcRenderer.invoke('opened'),
  runtime: {
    electron: process.versions.electron,
    chromium: process.versions.chrome,
    contextIsolated: process.contextIsolated,
    externalBuffersAllowed: externalBuffersAllowed(),
  },
};

// Not beside the message that is shown when this page had to be given up: nothing native runs there.
if (location.pathname === '/') contextBridge.exposeInMainWorld('host', host);

/** @typedef {typeof host} Host */
