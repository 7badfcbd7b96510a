// The errors of the preload half, and the form in which errors cross to the page.

/** @param {ErrorConstructor} Class @param {string} code @param {string} message */
const codedError = (Class, code, message) => Object.assign(new Class(message), { code });

/** @param {string} message */
const invalidRequest = (message) => codedError(TypeError, 'ERR_INVALID_ARG_VALUE', message);

/** @typedef {{ name: string, message: string, fields: Record<string, unknown> }} SerializedError */

/**
 * An error as plain data, because neither a MessagePort nor contextBridge carries its class, its code or its fields.
 * @param {unknown} error
 * @returns {SerializedError}
 */
function serializeError(error) {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), fields: {} };
  const plain = Object.entries(error).filter(([, value]) => typeof value !== 'object' && typeof value !== 'function');
  return { name: error.name, message: error.message, fields: Object.fromEntries(plain) };
}

module.exports = { codedError, invalidRequest, serializeError };
