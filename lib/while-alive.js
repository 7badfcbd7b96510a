// Functions that end with their environment.
//
// Another page can hold on to what a preload exposes: a window that the page has opened, over a reload of the page.
// Node.js has then freed the environment, and a call of a native function jumps through freed memory. V8 does not know.
// So a function that reaches native code asks first, without native code, whether its environment has ended.

/** @import { whileAlive as WhileAlive } from './types/preload.js' */

/** @type {typeof import('./addon.js') | undefined} */
let addon;
/** @type {Error | undefined} */
let failure;

/** The addon, loaded when it is first asked for. A failure is kept: it will not go better the next time. */
function loadAddon() {
  if (failure) throw failure;
  try {
    addon ??= require('./addon.js');
    return addon;
  } catch (error) {
    failure = Object.assign(/** @type {Error} */ (error), { code: 'ERR_ADDON' });
    throw failure;
  }
}

/** Loads the addon now, and tells whether that went well. What went wrong is thrown by those who use it. */
function preloadAddon() {
  try {
    return Boolean(loadAddon());
  } catch {
    return false; // kept in `failure`
  }
}

/** @type {typeof WhileAlive} */
function whileAlive(fn) {
  if (typeof fn !== 'function')
    throw Object.assign(
      new TypeError(`whileAlive takes a function, and was given ${fn === null ? 'null' : typeof fn}.`),
      {
        code: 'ERR_INVALID_ARG_TYPE',
      },
    );
  if (!preloadAddon()) return /** @type {any} */ (loadAddon); // it throws why there is none
  const { environmentEnded } = loadAddon();
  return /** @type {typeof fn} */ (
    (...args) => {
      // Not 0 also when somebody has detached the word: it is undefined then.
      if (environmentEnded[0] !== 0) throw ended();
      return fn(...args);
    }
  );
}

const ended = () =>
  Object.assign(new Error('The page that exposed this function has gone, and its native code with it.'), {
    name: 'AbortError',
    code: 'ABORT_ERR',
  });

module.exports = { loadAddon, preloadAddon, whileAlive };
