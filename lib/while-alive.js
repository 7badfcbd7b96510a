// whileAlive(fn): a function that throws, in place of calling fn, once its environment has ended.
//
// Another page can keep what a preload exposed: a window that the page opened keeps it over a reload of the page.
// Node.js has then freed the environment, and V8 would still call its native functions, through freed memory. So the
// check reads a word of a typed array, and calls no native code.

const { codedError } = require('./errors.js');

/** @import { whileAlive as WhileAlive } from './types/preload.js' */

/** @type {typeof import('./addon.js') | undefined} */
let addon;
/** @type {Error | undefined} */
let loadError;

/** The addon, loaded by the first call. A failure is final, and thrown again by each call. */
function loadAddon() {
  if (loadError) throw loadError;
  try {
    addon ??= require('./addon.js');
    return addon;
  } catch (error) {
    const reason = process.sandboxed ? sandboxed() : /** @type {Error} */ (error);
    loadError = Object.assign(reason, { code: 'ERR_ADDON' });
    throw loadError;
  }
}

/** A sandboxed preload gets this far in a bundle only, as its `require` finds no packages. */
const sandboxed = () =>
  new Error(
    "The preload of this window is sandboxed, and a sandboxed process cannot load a native addon. Set `sandbox: false` in the window's webPreferences, and leave this package out of the preload's bundle.",
  );

/** Loads the addon now. Returns whether that succeeded; loadAddon() throws why not. */
function preloadAddon() {
  try {
    return Boolean(loadAddon());
  } catch {
    return false; // kept in `loadError`
  }
}

/** @type {typeof WhileAlive} */
function whileAlive(fn) {
  if (typeof fn !== 'function')
    throw codedError(
      TypeError,
      'ERR_INVALID_ARG_TYPE',
      `whileAlive takes a function, and was given ${fn === null ? 'null' : typeof fn}.`,
    );
  if (!preloadAddon()) return /** @type {any} */ (loadAddon); // which throws
  const { environmentEnded } = loadAddon();
  return /** @type {typeof fn} */ (
    (...args) => {
      // undefined, and so not 0, if a script has detached the array.
      if (environmentEnded[0] !== 0) throw environmentGone();
      return fn(...args);
    }
  );
}

const environmentGone = () =>
  Object.assign(
    codedError(Error, 'ABORT_ERR', 'The page that exposed this function was unloaded, and its native code with it.'),
    { name: 'AbortError' },
  );

module.exports = { loadAddon, preloadAddon, whileAlive };
