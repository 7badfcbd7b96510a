// The errors of the page half: those that it creates, and those of the preload half, deserialized.

/** @param {ErrorConstructor} Class @param {string} code @param {string} message */
export const codedError = (Class, code, message) => Object.assign(new Class(message), { code });

/**
 * An error of the preload half, from what `serializeError` (errors.js) made of it.
 * @param {{ name: string, message: string, fields: object }} serialized
 * @param {AbortSignal} [signal] whose reason becomes the `cause` of an AbortError
 */
export function deserializeError({ name, message, fields }, signal) {
  const error = new ({ TypeError, RangeError }[name] ?? Error)(message);
  Object.assign(error, fields);
  return name === 'AbortError' ? asAbortError(error, signal) : error;
}

/** @param {AbortSignal} [signal] */
export const aborted = (signal, message = 'The operation was aborted.') =>
  asAbortError(codedError(Error, 'ABORT_ERR', message), signal);

export const pageUnloaded = () => aborted(undefined, 'The page that made this exchange was unloaded.');

/** @param {Error} error @param {AbortSignal} [signal] */
function asAbortError(error, signal) {
  return Object.defineProperties(error, {
    name: { value: 'AbortError', configurable: true, writable: true },
    cause: { value: signal?.reason, configurable: true, writable: true },
  });
}

/** @param {string} why */
export const invalidBuffer = (why) => codedError(TypeError, 'ERR_INVALID_BUFFER', `This cannot be lent: ${why}.`);

/** @param {string} why */
export const detached = (why) =>
  codedError(TypeError, 'ERR_BUFFER_DETACHED', `This memory cannot be lent now: ${why}.`);

export const stillLent = () => detached('it is lent to an exchange that has not returned. Await that one first');

/** @param {string} what @param {string} expected @param {unknown} value */
export const invalidType = (what, expected, value) =>
  codedError(TypeError, 'ERR_INVALID_ARG_TYPE', `${what} must be ${expected}, and is ${kindOf(value)}.`);

/** A value as a message shows it. @param {unknown} value */
export const formatted = (value) =>
  typeof value === 'object' || typeof value === 'function' ? kindOf(value) : String(value);

/** @param {unknown} value */
export function kindOf(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  return `an object of class ${value.constructor?.name ?? 'unknown'}`;
}
