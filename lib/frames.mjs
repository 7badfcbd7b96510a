// frames(): an async generator over exchanges that are made ahead.
//
// At most `depth` buffers exist, and one is filled again only after the consumer has asked for the next frame: a slow
// consumer slows the library down, and memory stays bounded.

import { checkedMemory, checkedOptions, checkInteger, checkSize, checkType, isDetached } from './checks.mjs';
import { aborted } from './errors.mjs';

/** Throughput does not grow beyond that. */
const MAX_BUFFERS = 64;

/** @import { Exchange, FramesOptions, Memory } from './types/page.mjs' */

/**
 * @typedef {object} Page
 * @property {Exchange['exchange']} exchange
 * @property {(library: string, byteLength: number, shared?: boolean) => ArrayBufferLike} allocateFor
 * @property {() => void} assertLoaded
 */

/** @param {Page} page @param {FramesOptions} options */
export function createFrames({ exchange, allocateFor, assertLoaded }, options) {
  const { library, operation, signal } = checkedOptions(options);
  const { byteLength, shared, depth = 3, request, input } = options;
  assertLoaded();
  checkSize(byteLength);
  checkInteger('depth', depth, 1, MAX_BUFFERS);
  if (input !== undefined) checkInteger('input', input, 0, byteLength);
  checkType('request', request, 'function');
  checkType('shared', shared, 'boolean');

  /** @type {ArrayBufferLike[]} lent before any is allocated */
  const free = [];
  let kept = false;
  let ended = false;

  async function* fill() {
    const end = new AbortController();
    const stop = signal ? AbortSignal.any([signal, end.signal]) : end.signal;
    const unlessAborted = abortable(signal, end.signal);
    /** @type {Promise<Uint8Array>[]} in the order in which they are yielded */
    const filling = [];
    let index = 0;
    let failed = false;

    const lendNext = async () => {
      let memory = free.pop();
      while (memory && isDetached(memory)) memory = free.pop(); // transferred after it was recycled
      memory ??= allocateFor(library, byteLength, shared);
      request?.(new Uint8Array(memory), index);
      index += 1;
      return exchange(memory, { library, operation, input, signal: stop });
    };
    const fillNext = () => {
      if (failed) return;
      const frame = lendNext();
      // Handled here as well, or a frame that fails before it is awaited would be an unhandled rejection.
      frame.catch(() => {
        failed = true;
      });
      filling.push(frame);
    };

    try {
      while (filling.length < depth) fillNext();
      for (;;) {
        const frame = await unlessAborted(/** @type {Promise<Uint8Array>} */ (filling.shift()));
        kept = false;
        yield frame;
        const memory = frame.buffer;
        if (!kept && !isDetached(memory) && !free.includes(memory)) free.push(memory);
        fillNext();
      }
    } finally {
      ended = true;
      end.abort();
      free.length = 0;
    }
  }

  const stream = fill();
  const next = stream.next.bind(stream);
  return Object.assign(stream, {
    next() {
      assertLoaded();
      return next();
    },
    keep() {
      kept = true;
    },
    /** @param {Memory} data */
    recycle(data) {
      const memory = ArrayBuffer.isView(data) ? data.buffer : data;
      checkedMemory(memory);
      checkInteger('the size of the memory', memory.byteLength, byteLength, byteLength);
      if (!ended && free.length < depth && !free.includes(memory)) free.push(memory);
    },
  });
}

/**
 * Wraps the await of a frame so that an abort rejects it at once, even if the library cannot be stopped. The listener
 * on `signal`, which may outlive the frames, references the awaited frame only, so that a dropped stream can be
 * collected.
 * @param {AbortSignal | undefined} signal @param {AbortSignal} end removes the listener
 * @returns {<T>(promise: Promise<T>) => Promise<T>}
 */
function abortable(signal, end) {
  const ignore = () => {};
  /** @type {(reason: Error) => void} */
  let rejectAwaited = ignore;
  signal?.addEventListener('abort', () => rejectAwaited(aborted(signal)), { signal: end });
  return (promise) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) throw aborted(signal);
      rejectAwaited = reject;
      promise.then(resolve, reject).finally(() => {
        rejectAwaited = ignore;
      });
    });
}
