// What is passed to the page's functions is checked here, before anything is lent.

import { detached, failure, invalidBuffer, invalidType, kindOf, shown } from './errors.mjs';

/** What a library can count to. */
const MOST_BYTES = 2 ** 31 - 1;

/** @param {unknown} memory @returns {memory is SharedArrayBuffer} */
export const isShared = (memory) => typeof SharedArrayBuffer === 'function' && memory instanceof SharedArrayBuffer;

/** @param {ArrayBufferLike} memory */
export const isDetached = (memory) => 'detached' in memory && memory.detached;

/** All of an ArrayBuffer, or of a shared one. @param {unknown} data @returns {ArrayBufferLike} */
export function checkedMemory(data) {
  const view = data instanceof Uint8Array || data instanceof Uint8ClampedArray;
  const memory = view ? data.buffer : data;
  if (!(memory instanceof ArrayBuffer) && !isShared(memory)) {
    const wrap = ArrayBuffer.isView(data) ? '. Pass new Uint8Array(x.buffer, x.byteOffset, x.byteLength)' : '';
    throw invalidBuffer(`it is ${kindOf(data)}, and not a Uint8Array or an ArrayBuffer of this page${wrap}`);
  }
  if (isDetached(memory)) throw detached('it was transferred elsewhere');
  if (view && data.byteLength !== memory.byteLength)
    throw invalidBuffer(
      `it is a view of ${data.byteLength} bytes on an ArrayBuffer of ${memory.byteLength}, all of which would be moved. Pass data.buffer to lend the whole, or data.slice() for a copy of the part`,
    );
  if ('resizable' in memory ? memory.resizable : 'growable' in memory && memory.growable)
    throw invalidBuffer('its ArrayBuffer is resizable. Pass one of fixed length');
  return memory;
}

/**
 * @template {object} Options
 * @param {Options & { library?: unknown, thread?: unknown, signal?: unknown }} options
 */
export function checkedOptions(options) {
  if (typeof options !== 'object' || options === null) throw invalidType('options', 'an object', options);
  const { library = 'default', thread = 'worker', signal } = options;
  if (typeof library !== 'string') throw invalidType('library', 'a string', library);
  if (thread !== 'worker' && thread !== 'main')
    throw failure(TypeError, 'ERR_INVALID_ARG_VALUE', `thread is 'worker' or 'main', not ${shown(thread)}.`);
  if (signal !== undefined && !isSignal(signal)) throw invalidType('signal', 'an AbortSignal of this page', signal);
  return { library, thread, signal };
}

/** @param {number} byteLength */
export const checkSize = (byteLength) => checkWhole('byteLength', byteLength, 0, MOST_BYTES);

/** @param {string} what @param {unknown} value @param {number} least @param {number} most */
export function checkWhole(what, value, least, most) {
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) return;
  const range = least === most ? String(least) : `a whole number from ${least} to ${most}`;
  throw failure(RangeError, 'ERR_OUT_OF_RANGE', `${what} must be ${range}, and is ${shown(value)}.`);
}

/** @param {unknown} value @returns {value is AbortSignal} */
function isSignal(value) {
  try {
    return value instanceof AbortSignal && typeof value.aborted === 'boolean';
  } catch {
    return false; // an object with its prototype
  }
}
