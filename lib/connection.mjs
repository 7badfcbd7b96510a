// What goes over a port to the preload, from a page or from a Worker: exchanges, and what is like one. lib/port.js is at its other
// end.

import { checkedCall, checkedMemory, checkedOptions, isDetached, isShared } from './checks.mjs';
import { aborted, deserializeError, invalidBuffer, stillLent } from './errors.mjs';
import { createFrames } from './frames.mjs';
import { allocateMemory } from './memory.mjs';
import { ABORT, FREE, POPULATE, PROGRESS, SHARE_MEMORY } from './protocol.mjs';
import { createSpares } from './spare.mjs';
import { startStream } from './start-stream.mjs';

/** @import { Exchange, Frames, FramesOptions } from './types/page.mjs' */

/**
 * An exchange in flight.
 * @typedef {object} Call
 * @property {ArrayBufferLike} memory
 * @property {(bytes: any) => void} resolve with a view of that memory
 * @property {(error: Error) => void} reject
 * @property {((done: number, total: number) => void) | undefined} onProgress
 * @property {AbortSignal} [signal]
 * @property {() => void} [abort] the listener on the signal
 */

/**
 * @param {MessagePort} port
 * @param {object} place
 * @param {() => void} place.assertLoaded throws once exchanges cannot be made any more
 * @param {(memory: ArrayBufferLike, library: string) => void} place.map has shared memory mapped for a library's process
 */
export function createConnection(port, { assertLoaded, map }) {
  /** @type {Map<number, Call>} */
  const calls = new Map();
  let lastId = 0;

  port.onmessage = ({ data: [id, returned, count, error] }) => {
    if (id === PROGRESS) return calls.get(returned)?.onProgress?.(count, error);
    const call = calls.get(id);
    if (!call) return;
    calls.delete(id);
    const memory = returned ?? call.memory;
    lent.set(call.memory, false);
    if (call.abort) call.signal?.removeEventListener('abort', call.abort);
    if (error) call.reject(withMemory(deserializeError(error, call.signal), memory));
    else call.resolve(new Uint8Array(memory, 0, count));
  };

  /** Calls whose signal was aborted in this task. @type {number[]} */
  let abortedCalls = [];

  /**
   * Posts all aborts of a task in one message, the newest call first: if a running call were aborted before those that
   * are queued behind it, the library's thread would begin the next one in between.
   * @param {number} id
   */
  const abortLater = (id) => {
    abortedCalls.unshift(id);
    if (abortedCalls.length > 1) return;
    queueMicrotask(() => {
      port.postMessage([ABORT, ...abortedCalls]);
      abortedCalls = [];
    });
  };

  /**
   * Memory that was lent, and whether its exchange is still in flight. A SharedArrayBuffer is not detached, and must not
   * be lent twice at a time; of an ArrayBuffer, which is, the error says where it has gone.
   * @type {WeakMap<ArrayBufferLike, boolean>}
   */
  const lent = new WeakMap();
  /** @type {WeakMap<ArrayBufferLike, number>} */
  const slots = new WeakMap();
  /** @type {FinalizationRegistry<number>} */
  const collected = new FinalizationRegistry((slot) => port.postMessage([FREE, slot]));
  let lastSlot = 0;

  /**
   * The number by which the preload knows this memory; posts it the first time.
   * @param {SharedArrayBuffer} memory @returns {number}
   */
  function slotOf(memory) {
    const known = slots.get(memory);
    if (known !== undefined) return known;
    const slot = ++lastSlot;
    port.postMessage([SHARE_MEMORY, slot, memory]);
    slots.set(memory, slot);
    collected.register(memory, slot);
    return slot;
  }

  /**
   * An exchange. With a `kind`, what is like one: the making of the memory's pages, or a stream.
   * @param {any} data @param {import('./types/page.mjs').ExchangeOptions} options @param {'populate' | object} [kind]
   * @returns {Promise<Uint8Array<any>>}
   */
  const lend = (data, options, kind) => {
    assertLoaded();
    return new Promise((resolve, reject) => {
      const { library, operation, thread, signal } = checkedOptions(options);
      const memory = checkedMemory(data, lent);
      try {
        const { input, onProgress } = checkedCall(options, memory.byteLength);
        if (lent.get(memory)) throw stillLent();
        if (signal?.aborted) throw aborted(signal);
        const id = ++lastId;
        const what = kind === POPULATE ? POPULATE : thread;
        const stream = kind === POPULATE ? undefined : kind;
        const said = [what, signal !== undefined, operation, input, onProgress !== undefined, stream];
        if (isShared(memory)) port.postMessage([id, library, slotOf(memory), ...said]);
        else transfer(port, [id, library, memory, ...said], memory);
        lent.set(memory, true);
        /** @type {Call} */
        const call = { memory, resolve, reject, onProgress };
        calls.set(id, call);
        if (signal) {
          call.signal = signal;
          call.abort = () => abortLater(id);
          signal.addEventListener('abort', call.abort);
        }
      } catch (error) {
        throw withMemory(/** @type {Error} */ (error), memory);
      }
    });
  };

  /** @param {string} library @param {number} byteLength @param {boolean} [shared] */
  const allocateFor = (library, byteLength, shared) => {
    const memory = allocateMemory(byteLength, shared);
    // Now, while nobody else has it: later it could not be mapped without losing what is written meanwhile.
    if (isShared(memory)) map(memory, library);
    return memory;
  };

  const { exchange, allocate, recycle } = createSpares({ lend, allocateFor, assertLoaded, lent });

  /** @type {Exchange['frames']} */
  const frames = (/** @type {FramesOptions<any>} */ options) =>
    /** @type {Frames<any>} */ (createFrames({ exchange, allocateFor, assertLoaded }, options));

  /** @type {Exchange['stream']} */
  const stream = (options) => startStream({ lend, allocateFor, assertLoaded }, options);

  return {
    functions: { exchange, allocate, frames, recycle, stream },
    /** Rejects all calls, without the memory, as the library may still write to it. @param {Error} error */
    abandon(error) {
      for (const { reject } of calls.values()) reject(error);
      calls.clear();
    },
  };
}

/** @param {MessagePort} port @param {unknown[]} request @param {ArrayBufferLike} memory */
function transfer(port, request, memory) {
  try {
    port.postMessage(request, [/** @type {ArrayBuffer} */ (memory)]);
  } catch (error) {
    throw invalidBuffer(
      `it cannot be moved (${/** @type {Error} */ (error).message}). Pass a copy of it: data.slice()`,
    );
  }
}

/**
 * Gives the memory back to the caller with the error, unless it is detached.
 * @param {Error} error @param {ArrayBufferLike} memory
 */
function withMemory(error, memory) {
  if (isDetached(memory)) return error;
  return Object.defineProperty(error, 'buffer', { value: new Uint8Array(memory), configurable: true, writable: true });
}
