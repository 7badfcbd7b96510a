// The argument checks of the page half. They are made before any memory is lent, so a refused argument loses nothing.

import { codedError, detached, formatted, invalidBuffer, invalidType, kindOf, stillLent } from './errors.mjs';

/** The largest count that the C ABI returns. */
const MAX_BYTES = 2 ** 31 - 1;

/** @param {unknown} memory @returns {memory is SharedArrayBuffer} */
export const isShared = (memory) => typeof SharedArrayBuffer === 'function' && memory instanceof SharedArrayBuffer;

/** @param {ArrayBufferLike} memory */
export const isDetached = (memory) => 'detached' in memory && memory.detached;

/**
 * The whole buffer behind `data`, which must not be a view of a part of it.
 * @param {unknown} data
 * @param {WeakMap<ArrayBufferLike, boolean>} [lent] what was lent, and whether it still is
 * @returns {ArrayBufferLike}
 */
export function checkedMemory(data, lent) {
  const isView = data instanceof Uint8Array || data instanceof Uint8ClampedArray;
  const memory = isView ? data.buffer : data;
  if (!(memory instanceof ArrayBuffer) && !isShared(memory)) {
    const wrap = ArrayBuffer.isView(data) ? '. Pass new Uint8Array(x.buffer, x.byteOffset, x.byteLength)' : '';
    throw invalidBuffer(`it is ${kindOf(data)}, and not a Uint8Array or an ArrayBuffer of this page${wrap}`);
  }
  if (isDetached(memory)) {
    const isLent = lent?.get(memory);
    if (isLent === undefined) throw detached('it was transferred elsewhere');
    throw isLent
      ? stillLent()
      : detached('an exchange has returned it, in its result or its error. Lend `buffer` of that');
  }
  if (isView && data.byteLength !== memory.byteLength)
    throw invalidBuffer(
      `it is a view of ${data.byteLength} bytes on an ArrayBuffer of ${memory.byteLength}, all of which would be moved. Pass data.buffer to lend the whole, or data.slice() for a copy of the part`,
    );
  if ('resizable' in memory ? memory.resizable : 'growable' in memory && memory.growable)
    throw invalidBuffer('its ArrayBuffer is resizable. Pass one of fixed length');
  return memory;
}

/**
 * @template {object} Options
 * @param {Options & { library?: unknown, operation?: unknown, thread?: unknown, signal?: unknown }} options
 */
export function checkedOptions(options) {
  if (typeof options !== 'object' || options === null) throw invalidType('options', 'an object', options);
  const { library = 'default', operation, thread = 'worker', signal } = /** @type {any} */ (options);
  checkType('library', library, 'string');
  checkType('operation', operation, 'string');
  if (thread !== 'worker' && thread !== 'main')
    throw codedError(TypeError, 'ERR_INVALID_ARG_VALUE', `thread is 'worker' or 'main', not ${formatted(thread)}.`);
  if (signal !== undefined && !isSignal(signal)) throw invalidType('signal', 'an AbortSignal of this page', signal);
  return /** @type {{ library: string, operation?: string, thread: 'worker' | 'main', signal?: AbortSignal }} */ ({
    library,
    operation,
    thread,
    signal,
  });
}

/** For an option that may be left out. @param {string} name @param {unknown} value @param {string} type */
export function checkType(name, value, type) {
  if (value !== undefined && typeof value !== type) throw invalidType(name, `a ${type}`, value);
}

/** @param {number} byteLength @param {number} [min] */
export const checkSize = (byteLength, min = 0) => checkInteger('byteLength', byteLength, min, MAX_BYTES);

/** @param {string} what @param {unknown} value @param {number} min @param {number} max */
export function checkInteger(what, value, min, max) {
  if (Number.isInteger(value) && Number(value) >= min && Number(value) <= max) return;
  const range = min === max ? String(min) : `a whole number from ${min} to ${max}`;
  throw codedError(RangeError, 'ERR_OUT_OF_RANGE', `${what} must be ${range}, and is ${formatted(value)}.`);
}

/**
 * What is said of one exchange.
 * @param {{ input?: unknown, onProgress?: unknown }} options @param {number} byteLength of the memory
 */
export function checkedCall({ input, onProgress }, byteLength) {
  if (input !== undefined) checkInteger('input', input, 0, byteLength);
  checkType('onProgress', onProgress, 'function');
  return { input, onProgress: /** @type {((done: number, total: number) => void) | undefined} */ (onProgress) };
}

/** @param {unknown} value @returns {value is AbortSignal} */
function isSignal(value) {
  try {
    return value instanceof AbortSignal && typeof value.aborted === 'boolean';
  } catch {
    return false; // inherits from AbortSignal.prototype without being one, so the getter throws
  }
}
