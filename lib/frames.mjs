// frames(): buffers that are lent one after another, a few of them in flight.

import { checkedMemory, checkedOptions, checkSize, checkWhole, isDetached } from './checks.mjs';
import { aborted, invalidType } from './errors.mjs';

/** More in flight do not make frames come faster. */
const MOST_BUFFERS = 64;

/** @import { Exchange, Frames, FramesOptions, Memory } from './types/page.mjs' */

/**
 * @param {Pick<Exchange, 'exchange' | 'allocate'> & { assertHere(): void }} page
 * @param {FramesOptions} options
 * @returns {Frames}
 */
export function framesOf({ exchange, allocate, assertHere }, options) {
  const { library, signal } = checkedOptions(options);
  const { byteLength, depth = 3, request } = options;
  assertHere();
  checkSize(byteLength);
  checkWhole('depth', depth, 1, MOST_BUFFERS);
  if (request !== undefined && typeof request !== 'function') throw invalidType('request', 'a function', request);

  /** @type {ArrayBufferLike[]} memory to be lent before any is allocated */
  const free = [];
  let kept = false;
  let ended = false;

  async function* fill() {
    const end = new AbortController();
    const stop = signal ? AbortSignal.any([signal, end.signal]) : end.signal;
    const unlessAborted = abortable(signal, end.signal);
    /** @type {Promise<Uint8Array>[]} */
    const filling = [];
    let index = 0;
    let failed = false;

    const lendNext = async () => {
      let memory = free.pop();
      while (memory && isDetached(memory)) memory = free.pop(); // it was given back, and then away
      memory ??= allocate(byteLength).buffer;
      request?.(new Uint8Array(memory), index);
      index += 1;
      return exchange(memory, { library, signal: stop });
    };
    const fillNext = () => {
      if (failed) return;
      const frame = lendNext();
      // It is thrown when its turn comes, and not as a rejection that nobody handles before.
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
      assertHere();
      return next();
    },
    keep() {
      kept = true;
    },
    /** @param {Memory} data */
    recycle(data) {
      const memory = ArrayBuffer.isView(data) ? data.buffer : data;
      checkedMemory(memory);
      checkWhole('the size of the memory', memory.byteLength, byteLength, byteLength);
      if (!ended && free.length < depth && !free.includes(memory)) free.push(memory);
    },
  });
}

/**
 * An abort is not kept waiting by a library that cannot be stopped. What listens to the signal, which may live long,
 * holds nothing but the frame that is awaited.
 * @param {AbortSignal | undefined} signal @param {AbortSignal} end when it is not listened to any more
 * @returns {<T>(promise: Promise<T>) => Promise<T>}
 */
function abortable(signal, end) {
  const none = () => {};
  /** @type {(reason: Error) => void} */
  let giveUp = none;
  signal?.addEventListener('abort', () => giveUp(aborted(signal)), { signal: end });
  return (promise) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) throw aborted(signal);
      giveUp = reject;
      promise.then(resolve, reject).finally(() => {
        giveUp = none;
      });
    });
}
