// For the preload: this app's libraries in processes of their own, and a way to make one crash, so that the user sees
// the page go on.

const fs = require('node:fs');

/** @import { ExchangeLibrary } from '../index.js' */
/** @import { ExposedLibrary, LibraryFile } from '../lib/types/preload.js' */

/**
 * Longer than a thread takes to begin a call, on a busy machine, too. It is waited for without a timer: a page that is
 * reloaded meanwhile would leave the process stopped.
 */
const CALL_BEGINS_MS = 40;
/** The longest time for a process to stop. */
const STOPS_MS = 200;

/** The number of restarts is the default: that the fourth one is refused is what a crash loop looks like in any app. */
const OPTIONS = /** @type {const} */ ({ process: 'own' });

/**
 * @template {string} Name
 * @param {Record<Name, string>} paths of the libraries
 * @param {() => typeof import('../index.js')} addon
 */
function ownProcesses(paths, addon) {
  /** @type {Map<string, ExchangeLibrary>} */
  const opened = new Map();

  /** Opens it the first time, which starts its process. @param {Name} name @returns {ExchangeLibrary} */
  const open = (name) => {
    const library = opened.get(name) ?? addon().openLibrary(paths[name], OPTIONS);
    opened.set(name, library);
    return library;
  };

  const names = /** @type {Name[]} */ (Object.keys(paths));
  /** For expose(), which opens them at the page's first use. @type {Record<string, LibraryFile | ExposedLibrary>} */
  const exposed = {};
  for (const name of names) {
    exposed[`${name}-own`] = { path: paths[name], ...OPTIONS };
    exposed[`${name}-crash`] = crashing(() => open(name));
  }

  return { open, exposed, isMapped, whyUnavailable: () => whyUnavailable(() => open(names[0])) };
}

/**
 * A library whose process, if one runs, crashes during the call: an exchange with it is an exchange with that library,
 * and fails with its error. SECURITY: the page names a library of this app, and no process.
 * @param {() => ExchangeLibrary} open @returns {ExposedLibrary}
 */
const crashing = (open) => ({
  exchangeDataInPlace() {
    throw new Error("A crash takes `thread: 'worker'`: this thread has to end the process.");
  },
  async exchangeDataAsync(bytes) {
    const library = open();
    const pid = library.process?.pid;
    signal(pid, 'SIGSTOP'); // or most calls would have returned before the crash
    waitUntil(() => !mayRun(pid), STOPS_MS);
    const call = library.exchangeDataAsync(bytes);
    waitUntil(() => false, CALL_BEGINS_MS);
    signal(pid, 'SIGKILL'); // after any other signal the process would have to go on first, and could return the call
    return call;
  },
});

/** @param {() => boolean} condition @param {number} milliseconds at the longest */
function waitUntil(condition, milliseconds) {
  const end = performance.now() + milliseconds;
  while (!condition() && performance.now() < end);
}

/** Whether a process exists and is not stopped. @param {number | undefined} pid */
function mayRun(pid) {
  try {
    return !/^\d+ \(.*\) T/.test(fs.readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** @param {number | undefined} pid @param {NodeJS.Signals} name */
function signal(pid, name) {
  try {
    if (pid !== undefined) process.kill(pid, name);
  } catch {
    // It has ended just now.
  }
}

/** Whether such a process writes to memory of this page itself. The public way to learn that is to start one. */
function isMapped() {
  try {
    return require('../lib/addon.js').canMapMemory();
  } catch {
    return false; // without an addon, which each exchange reports
  }
}

/**
 * Why libraries cannot have processes of their own on this system; `undefined` if they can. Where they are known to, it is
 * not tried, as that would start one.
 * @param {() => unknown} open
 */
function whyUnavailable(open) {
  if (['linux', 'darwin', 'win32'].includes(process.platform)) return undefined;
  try {
    open();
    return undefined;
  } catch (error) {
    const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
    return code === 'ERR_PROCESS_UNAVAILABLE' ? message : undefined; // an exchange shows any other error
  }
}

module.exports = { ownProcesses };
