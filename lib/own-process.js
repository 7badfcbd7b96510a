// The options of a library that runs in a process of its own.

const { codedError } = require('./errors.js');

/** How often in a minute the process of a library is started again, unless an app says otherwise. */
const RESTARTS = 3;
const MAX = 2 ** 31 - 1;

/**
 * Checks the options of `openLibrary`, or of a library in those of `expose`.
 * @param {any} options
 * @returns {{ timeout: number, restarts: number, isolate: boolean, confine: boolean, shared: boolean, fallback: 'copy' | 'here' }
 *   | undefined} `undefined` for a library in this process; a timeout of 0 stands for none
 */
function ownProcess(options) {
  if (options === undefined) return undefined;
  if (options === null || typeof options !== 'object') throw invalid('The options of a library are an object', options);
  const { process, timeout, restarts = RESTARTS, isolate = false, confine = false, fallback = 'copy' } = options;
  if (typeof confine !== 'boolean') throw invalid('confine is a boolean', confine);
  // SECURITY: an app relies on it, so it is never ignored.
  if (confine && process !== 'own' && process !== 'shared')
    throw invalid("With confine the process is 'own' or 'shared'", process);
  if (process === undefined || process === 'here') return undefined;
  const shared = process === 'shared';
  if (process !== 'own' && !shared) throw invalid("The process of a library is 'own', 'shared' or 'here'", process);
  if (timeout !== undefined && !isWhole(timeout, 1)) throw invalid('timeout is in milliseconds, 1 or more', timeout);
  if (!isWhole(restarts, 0)) throw invalid('restarts is a number of restarts in a minute, 0 or more', restarts);
  if (typeof isolate !== 'boolean') throw invalid('isolate is a boolean', isolate);
  if (fallback !== 'copy' && fallback !== 'here') throw invalid("The fallback is 'copy' or 'here'", fallback);
  if (isolate && fallback === 'here') throw invalid("With isolate the fallback is 'copy'", fallback);
  if (confine && fallback === 'here') throw invalid("With confine the fallback is 'copy'", fallback);
  // Another window may have it by then, and it is not to be there twice.
  if (shared && fallback === 'here') throw invalid("With the process 'shared' the fallback is 'copy'", fallback);
  return { timeout: timeout ?? 0, restarts, isolate, confine, shared, fallback };
}

/** @param {unknown} value @param {number} least */
const isWhole = (value, least) => Number.isInteger(value) && Number(value) >= least && Number(value) <= MAX;

/** @param {string} what @param {unknown} given */
function invalid(what, given) {
  const shown = typeof given === 'string' || typeof given === 'number' ? JSON.stringify(given) : typeof given;
  return codedError(TypeError, 'ERR_INVALID_ARG_TYPE', `${what}; ${given === null ? 'null' : shown} was given.`);
}

module.exports = { ownProcess };
