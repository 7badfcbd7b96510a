// The preload of an app that uses the package: exposes libraries, and a function of its own. It also forwards the
// page's reports.

const { contextBridge, ipcRenderer } = require('electron');
const addon = require('../../index.js');
const { files, held, ownPrograms } = require('../fuzz/own/libraries.js');
const { fixtureLibrary } = require('../support/fixtures.js');
const preload = require('../../lib/preload.js');

/** A hand-written bridge function must not call native code after its page was unloaded. @type {<T>(fn: T) => T} */
const whileAlive = /** @type {any} */ (preload).whileAlive ?? ((/** @type {any} */ fn) => fn);

const LIBRARIES = [
  'uppercase-c',
  'camera',
  'camera-deaf',
  'camera-concurrent',
  'crash-second',
  'counter',
  'counter-concurrent',
];

/** The limit of a call in ms: many windows share the processors. */
const OWN_LIMIT_MS = 3000;

const options = process.argv.find((argument) => argument.startsWith('--soak='))?.slice('--soak='.length) ?? '{}';
const { process: inProcess } = JSON.parse(options);

/** @param {string} path */
const own = (path) => ({ path, process: /** @type {const} */ ('own'), restarts: 1_000_000 });
const paths = LIBRARIES.map((name) => [name, fixtureLibrary(name)]);

/** By the process of the libraries. @type {Record<string, () => import('../../lib/types/preload.js').ExposeOptions['libraries']>} */
const libraries = {
  here: () => ({ default: addon, ...Object.fromEntries(paths) }),
  own: () => ({
    default: own(process.env.INPLACE_EXCHANGE_LIBRARY ?? ''),
    ...Object.fromEntries(paths.map(([name, path]) => [name, own(path)])),
    ...files(OWN_LIMIT_MS),
  }),
  shared: () =>
    Object.fromEntries(
      ['life', 'counter', 'camera', 'pushes', 'uppercase-c'].map((name) => [
        name,
        { path: fixtureLibrary(name), process: /** @type {const} */ ('shared') },
      ]),
    ),
};

preload.expose({
  libraries: libraries[inProcess ?? 'here']?.(),
  origins: ['app://soak'],
});

const bytes = new Uint8Array(256);

contextBridge.exposeInMainWorld('soak', {
  options,
  /** @param {string} report */
  report: (report) => ipcRenderer.send('report', report),
  count: whileAlive(() => addon.exchangeDataInPlace(bytes)),
  held,
  /** Kills the programs of this page's libraries. */
  kill() {
    for (const { pid } of ownPrograms()) process.kill(pid, 'SIGKILL');
  },
  /** Opens a library that is never closed. Other options make it another process. @param {number} restarts */
  leakProgram: (restarts) => addon.openLibrary(fixtureLibrary('faults'), { process: 'own', restarts }).process?.pid,
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
