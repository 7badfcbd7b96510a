// The errors of the preload, and how they cross to the page.

/** @typedef {{ name: string, message: string, fields: Record<string, unknown> }} Problem */

/**
 * An error as plain data: neither a MessagePort nor contextBridge carries its class, its code or its fields.
 * @param {unknown} error
 * @returns {Problem}
 */
function describe(error) {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), fields: {} };
  const plain = Object.entries(error).filter(([, value]) => typeof value !== 'object' && typeof value !== 'function');
  return { name: error.name, message: error.message, fields: Object.fromEntries(plain) };
}

/** @param {string} message */
const badQuestion = (message) => Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_VALUE' });

/** @param {unknown} key @param {string[]} known */
function unknownLibrary(key, known) {
  const name = typeof key === 'string' ? `'${key.slice(0, 100)}'` : `by a ${typeof key}`;
  const message = `No library is exposed as ${name}. The preload exposes: ${known.join(', ') || 'none'}. Add it to the libraries of expose().`;
  return Object.assign(new Error(message), { code: 'ERR_LIBRARY_UNKNOWN' });
}

module.exports = { badQuestion, describe, unknownLibrary };
