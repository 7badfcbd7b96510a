// The operations of a library, as functions.

const { codedError } = require('./errors.js');

/** @import { Operation } from '../index.js' */
/** @import { ExposedLibrary } from './types/preload.js' */

/**
 * @param {(name?: string) => Operation} bind makes the functions of an operation
 * @returns {(name?: string) => Operation} always the same ones for a name
 */
function operations(bind) {
  /** The library bounds the names. @type {Map<string | undefined, Operation>} */
  const bound = new Map();
  return function operation(name) {
    if (name !== undefined && typeof name !== 'string')
      throw codedError(
        TypeError,
        'ERR_INVALID_ARG_TYPE',
        `An operation is named by a string, and not by a ${typeof name}.`,
      );
    const known = bound.get(name) ?? bind(name);
    bound.set(name, known);
    return known;
  };
}

/**
 * What makes the exchanges of an operation, or of a library itself if there is nothing that takes one.
 * @param {ExposedLibrary} library @param {string | undefined} name @param {unknown} input
 * @returns {{
 *   exchangeDataInPlace: (bytes: Uint8Array, input?: number) => number,
 *   exchangeDataAsync: ExposedLibrary['exchangeDataAsync'],
 * }}
 */
function exchangesOf(library, name, input) {
  if (name === undefined && input === undefined) return library;
  if (!library.operation)
    throw codedError(
      Error,
      'ERR_OPERATION_UNKNOWN',
      'The preload exposes this library by functions of its own, which take neither an operation nor an input.',
    );
  const perform = library.operation(name);
  return { exchangeDataInPlace: perform, exchangeDataAsync: perform.async };
}

module.exports = { exchangesOf, operations };
