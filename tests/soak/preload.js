// The preload of an app that uses the package: exposes libraries, and a function of its own. It also forwards the
// page's reports.

const { contextBridge, ipcRenderer } = require('electron');
const addon = require('../../index.js');
const { fixtureLibrary } = require('../support/fixtures.js');
const preload = require('../../lib/preload.js');

/** A hand-written bridge function must not call native code after its page was unloaded. @type {<T>(fn: T) => T} */
const whileAlive = /** @type {any} */ (preload).whileAlive ?? ((/** @type {any} */ fn) => fn);

const LIBRARIES = ['uppercase-c', 'camera', 'camera-deaf', 'camera-concurrent', 'crash-second'];

preload.expose({
  libraries: { default: addon, ...Object.fromEntries(LIBRARIES.map((name) => [name, fixtureLibrary(name)])) },
  origins: ['app://soak'],
});

const own = new Uint8Array(256);

contextBridge.exposeInMainWorld('soak', {
  options: process.argv.find((argument) => argument.startsWith('--soak='))?.slice('--soak='.length) ?? '{}',
  /** @param {string} report */
  report: (report) => ipcRenderer.send('report', report),
  count: whileAlive(() => addon.exchangeDataInPlace(own)),
});

// In a window that shares another window's event loop, asynchronous calls must be refused, and must not crash the
// process.
const { pathname, search } = globalThis.location;
if (pathname === '/popup' && search === '?preload') {
  addon.exchangeDataAsync(new Uint8Array(256)).then(
    () => ipcRenderer.send('report', JSON.stringify({ counts: { 'popup-preload': 1 } })),
    ({ code }) => {
      const expected = ['ERR_EVENT_LOOP', 'ABORT_ERR']; // refused, or the opener closed the window first
      const faults = expected.includes(code) ? [] : [`popup-preload: exchangeDataAsync was rejected with ${code}`];
      ipcRenderer.send('report', JSON.stringify({ errors: { [code]: 1 }, faults }));
    },
  );
}
