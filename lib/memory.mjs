// The memory that a page allocates to be lent.

import { codedError } from './errors.mjs';

/**
 * From this size on, each transfer of an ArrayBuffer makes V8 collect garbage (7 to 9 ms). `allocate` then returns
 * shared memory, which is posted once.
 */
const SHARED_FROM_BYTES = 64 * 1024 * 1024;

/** @param {number} byteLength @param {boolean} [shared] @returns {ArrayBufferLike} */
export function allocateMemory(byteLength, shared = byteLength >= SHARED_FROM_BYTES) {
  return shared ? allocateShared(byteLength) : allocateOrThrow(() => new ArrayBuffer(byteLength));
}

/** @param {number} byteLength */
export function allocateShared(byteLength) {
  if (typeof SharedArrayBuffer === 'function') return allocateOrThrow(() => new SharedArrayBuffer(byteLength));
  throw codedError(
    Error,
    'ERR_NOT_ISOLATED',
    "Shared memory needs a page that is cross-origin isolated. Serve it with 'Cross-Origin-Opener-Policy: same-origin' and 'Cross-Origin-Embedder-Policy: require-corp', or start Electron with --enable-features=SharedArrayBuffer.",
  );
}

/** @template {ArrayBufferLike} T @param {() => T} allocate @returns {T} */
function allocateOrThrow(allocate) {
  try {
    return allocate();
  } catch (error) {
    throw codedError(RangeError, 'ERR_MEMORY_ALLOCATION_FAILED', `${/** @type {Error} */ (error).message}.`);
  }
}
