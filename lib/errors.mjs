// The errors of the page: those that it makes, and those of the preload, made anew from what came over.

/**
 * The error that was thrown on the other side, from what came of it over here.
 * @param {{ name: string, message: string, fields: object }} problem
 * @param {AbortSignal} [signal]
 */
export function rebuilt({ name, message, fields }, signal) {
  const error = new ({ TypeError, RangeError }[name] ?? Error)(message);
  Object.assign(error, fields);
  return name === 'AbortError' ? asAbort(error, signal) : error;
}

/** @param {AbortSignal} [signal] */
export const aborted = (signal, message = 'The operation was aborted.') =>
  asAbort(failure(Error, 'ABORT_ERR', message), signal);

export const departed = () => aborted(undefined, 'The page that made this exchange has gone.');

/** @param {Error} error @param {AbortSignal} [signal] */
function asAbort(error, signal) {
  return Object.defineProperties(error, {
    name: { value: 'AbortError', configurable: true, writable: true },
    cause: { value: signal?.reason, configurable: true, writable: true },
  });
}

/** @param {ErrorConstructor} Class @param {string} code @param {string} message */
export const failure = (Class, code, message) => Object.assign(new Class(message), { code });

/** @param {string} why */
export const invalidBuffer = (why) => failure(TypeError, 'ERR_INVALID_BUFFER', `This cannot be lent: ${why}.`);

/** @param {string} why */
export const detached = (why) => failure(TypeError, 'ERR_BUFFER_DETACHED', `This memory is elsewhere: ${why}.`);

/** @param {string} what @param {string} expected @param {unknown} value */
export const invalidType = (what, expected, value) =>
  failure(TypeError, 'ERR_INVALID_ARG_TYPE', `${what} must be ${expected}, and is ${kindOf(value)}.`);

/** @param {unknown} value */
export const shown = (value) =>
  typeof value === 'object' || typeof value === 'function' ? kindOf(value) : String(value);

/** @param {unknown} value */
export function kindOf(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  return `an object of class ${value.constructor?.name ?? 'unknown'}`;
}
