// The two transports that bring a picture from the library to the page.

import { frames, host } from '../host.mjs';
import { REQUEST_BYTES } from './request.mjs';

/** Pictures in flight: one is computed while another waits to be drawn. More would only add latency. */
const DEPTH = 2;

/**
 * @typedef {object} Transport
 * @property {AsyncIterable<Uint8Array>} pictures
 * @property {(memory: Uint8Array) => void} recycle takes back the memory of a picture that was drawn
 */

/**
 * The transport of this package: the library writes into the page's memory, and nothing is copied.
 * @param {'live' | 'live-own'} library
 * @param {number} byteLength @param {(memory: Uint8Array) => void} request @param {AbortSignal} signal
 * @returns {Transport}
 */
export function inPlace(library, byteLength, request, signal) {
  const pictures = frames({ library, byteLength, depth: DEPTH, signal, request });
  return { pictures, recycle: (memory) => pictures.recycle(memory) };
}

/**
 * The transport without this package, for comparison: the library writes into memory of the preload, also on another
 * thread and with as many pictures in flight, and contextBridge clones the picture into the page.
 * @param {'live' | 'live-own'} library
 * @param {number} byteLength @param {(memory: Uint8Array) => void} request @param {AbortSignal} signal
 * @returns {Transport}
 */
export const byBridge = (library, byteLength, request, signal) => ({
  pictures: bridgePictures(library, byteLength, request, signal),
  recycle() {},
});

/**
 * @param {'live' | 'live-own'} library
 * @param {number} byteLength @param {(memory: Uint8Array) => void} request @param {AbortSignal} signal
 */
async function* bridgePictures(library, byteLength, request, signal) {
  const requestNext = () => {
    const memory = new Uint8Array(REQUEST_BYTES);
    request(memory);
    /** @type {ReturnType<typeof host.picture>} */
    const answer = host.picture(memory, byteLength, library);
    return answer.catch((error) => ({ picture: undefined, error }));
  };
  const inFlight = Array.from({ length: DEPTH }, requestNext);
  try {
    while (!signal.aborted) {
      const { picture, error } = await /** @type {ReturnType<typeof requestNext>} */ (inFlight.shift());
      if (!picture) throw error;
      yield picture;
      if (!signal.aborted) inFlight.push(requestNext());
    }
  } finally {
    await Promise.all(inFlight);
  }
}
