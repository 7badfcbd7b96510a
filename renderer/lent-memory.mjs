// The memory that the Exchange panel lends. It is gone during an exchange, and comes back with the result or the error.

import { formatBytes } from './format.mjs';
import { allocate, exchange } from './host.mjs';

/** The largest memory that a library gets if it asks for more. */
const MAX_BYTES = 2 ** 28;

/** The request that makes native-lib fill all of the memory. It stands at the start of the memory. */
const FILL = new TextEncoder().encode('fill');

/** @typedef {import('../lib/types/page.mjs').ExchangeOptions} ExchangeOptions */
/** @typedef {{ bytes: Uint8Array, milliseconds: number, movedTo?: bigint }} Exchanged */

/** @type {ArrayBufferLike} */
export let memory = new ArrayBuffer(0);
/** What the memory was allocated for. It is larger if the library asked for more. */
export const chosen = { size: 0, library: '' };

/**
 * Allocates memory, unless there is some for that size and library: from 64 MiB on it is lent to a library in its own
 * process without a copy only if it was allocated for it.
 * @param {number} size @param {string} library
 */
export function choose(size, library) {
  if (size === chosen.size && library === chosen.library) return;
  Object.assign(chosen, { size, library });
  allocateFor(size);
}

/** @param {number} byteLength */
function allocateFor(byteLength) {
  memory = allocate(byteLength, { library: chosen.library }).buffer;
}

/**
 * An exchange. If the library asks for more memory, it gets it, once.
 * @param {ExchangeOptions} options @param {boolean} [fill]
 * @returns {Promise<Exchanged>}
 */
export async function exchangeFitting(options, fill) {
  try {
    return await exchangeOnce(options, fill);
  } catch (error) {
    const { code, required } = /** @type {{ code?: string, required?: number }} */ (error);
    if (code !== 'ERR_BUFFER_TOO_SMALL' || required === undefined) throw error;
    if (required > MAX_BYTES)
      throw {
        code,
        message: `The message needs ${formatBytes(required)}. This window lends ${formatBytes(MAX_BYTES)} at most.`,
      };
    allocateFor(required);
    try {
      const movedTo = await memoryAddress();
      return { ...(await exchangeOnce(options, fill)), movedTo };
    } catch (error) {
      allocateFor(chosen.size); // the next press starts with the chosen size
      throw error;
    }
  }
}

/**
 * @param {ExchangeOptions} options
 * @param {boolean} [fill] whether the library is asked to fill all of it
 * @returns {Promise<Exchanged>}
 */
export async function exchangeOnce(options, fill = false) {
  new Uint8Array(memory, 0, Math.min(FILL.length, memory.byteLength)).set(fill ? FILL : new Uint8Array(FILL.length));
  const started = performance.now();
  const bytes = await reclaim(exchange(memory, options));
  return { bytes, milliseconds: performance.now() - started };
}

/** Takes the memory back, from the result or from the error. @param {Promise<Uint8Array>} lent */
export async function reclaim(lent) {
  try {
    const bytes = await lent;
    memory = bytes.buffer;
    return bytes;
  } catch (error) {
    const { buffer } = /** @type {{ buffer?: Uint8Array }} */ (error);
    if (buffer) memory = buffer.buffer;
    else allocateFor(chosen.size);
    throw error;
  }
}

/**
 * The address of the memory in native code. It comes in the first eight bytes, which are then restored.
 * @returns {Promise<bigint>}
 */
export async function memoryAddress() {
  const start = new Uint8Array(memory, 0, 8).slice();
  await reclaim(exchange(memory, { library: 'address', thread: 'main' }));
  const address = new DataView(memory).getBigUint64(0, true);
  new Uint8Array(memory).set(start);
  return address;
}
