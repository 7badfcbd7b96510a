// The page half. It runs in the main world, without Node and without native code; lib/preload.js is its other half,
// in the preload. The page owns the memory. It is lent over a private MessagePort, which moves it and never copies it,
// and comes back filled.

import { checkedMemory, checkedOptions, checkSize, isDetached, isShared } from './checks.mjs';
import { aborted, departed, detached, failure, invalidBuffer, rebuilt } from './errors.mjs';
import { framesOf } from './frames.mjs';
import { ABORT, BRIDGE, CONNECT, FREE, SHARE, SHARE_MEMORY } from './protocol.mjs';

/**
 * From this size on, to move an ArrayBuffer makes V8 collect garbage each time (it takes 7 to 9 ms), and `allocate` gives
 * shared memory, which is handed over once.
 */
const SHARED_FROM_BYTES = 64 * 1024 * 1024;

/** @import { Exchange } from './types/page.mjs' */

/** @type {typeof import('./types/page.mjs').connect} */
export function connect() {
  const bridge = /** @type {any} */ (globalThis)[BRIDGE];
  if (!bridge) {
    throw failure(
      Error,
      'ERR_NOT_EXPOSED',
      "The preload of this window has not exposed anything to this page. Call expose() of 'inplace-exchange/preload' there, with this page's origin among its `origins`.",
    );
  }
  const { document } = globalThis;
  /** Set when this page has gone for good. Another window can still call what it holds of it. */
  let left = false;
  // Thrown, where other errors are rejections: V8 does not settle the promises of a page that has gone.
  const assertHere = () => {
    // A document without a window has gone, too, even without a 'pagehide'.
    if (left || document.defaultView === null) throw departed();
  };
  /** @param {(...key: string[]) => any} call of the bridge, which throws for that one reason @param {string[]} key */
  const ask = (call, ...key) => {
    try {
      return call(...key);
    } catch {
      throw departed();
    }
  };

  if (!ask(bridge.connect)) {
    throw failure(
      Error,
      'ERR_ALREADY_CONNECTED',
      'This page is connected already, and a page has one connection. Keep what connect() gave, and hand it on.',
    );
  }
  const { port1: port, port2 } = new MessageChannel();
  // To this very window: no other origin may receive it, and the preload takes it before any listener of the page.
  globalThis.postMessage(CONNECT, '/', [port2]);

  /** @typedef {{ memory: ArrayBufferLike, resolve(bytes: Uint8Array): void, reject(error: Error): void, signal?: AbortSignal, abort?: () => void }} Call */

  /** @type {Map<number, Call>} */
  const calls = new Map();
  let lastId = 0;

  port.onmessage = ({ data: [id, returned, count, problem] }) => {
    const call = calls.get(id);
    if (!call) return;
    calls.delete(id);
    const memory = returned ?? call.memory;
    lent.delete(memory);
    if (call.abort) call.signal?.removeEventListener('abort', call.abort);
    if (problem) call.reject(withMemory(rebuilt(problem, call.signal), memory));
    else call.resolve(new Uint8Array(memory, 0, count));
  };

  /** @param {PageTransitionEvent} event */
  const onPageHide = ({ isTrusted, persisted }) => {
    if (!isTrusted || persisted) return;
    left = true;
    for (const { reject } of calls.values()) reject(departed()); // without memory that a library may still be writing to
    calls.clear();
  };
  const listen = () => globalThis.addEventListener('pagehide', onPageHide);
  listen();
  new MutationObserver(listen).observe(document, { childList: true }); // document.open() takes all listeners away

  // Shared memory is not detached while it is lent. It is treated as if it were: lent once at a time.
  /** @type {WeakSet<ArrayBufferLike>} */
  const lent = new WeakSet();
  /** @type {WeakMap<ArrayBufferLike, number>} */
  const slots = new WeakMap();
  /** @type {FinalizationRegistry<number>} */
  const dropped = new FinalizationRegistry((slot) => port.postMessage([FREE, slot]));
  let lastSlot = 0;

  /** @param {SharedArrayBuffer} memory @returns {number} by what the preload knows it */
  function slotOf(memory) {
    const known = slots.get(memory);
    if (known !== undefined) return known;
    const slot = ++lastSlot;
    port.postMessage([SHARE_MEMORY, slot, memory]);
    slots.set(memory, slot);
    dropped.register(memory, slot);
    return slot;
  }

  /** @type {Exchange['exchange']} */
  const exchange = (data, options = {}) => {
    assertHere();
    return new Promise((resolve, reject) => {
      const { library, thread, signal } = checkedOptions(options);
      const memory = checkedMemory(data);
      try {
        if (lent.has(memory)) throw detached('it is lent to an exchange that is not over. Await that one first');
        if (signal?.aborted) throw aborted(signal);
        const id = ++lastId;
        if (isShared(memory)) {
          port.postMessage([id, library, slotOf(memory), thread, signal !== undefined]);
          lent.add(memory);
        } else {
          move(port, [id, library, memory, thread, signal !== undefined], memory);
        }
        /** @type {Call} */
        const call = { memory, resolve, reject };
        calls.set(id, call);
        if (signal) {
          call.signal = signal;
          call.abort = () => port.postMessage([ABORT, id]);
          signal.addEventListener('abort', call.abort);
        }
      } catch (error) {
        throw withMemory(/** @type {Error} */ (error), memory);
      }
    });
  };

  /** @type {Exchange['allocate']} */
  const allocate = (byteLength) => {
    assertHere();
    checkSize(byteLength);
    const shared = byteLength >= SHARED_FROM_BYTES;
    return new Uint8Array(shared ? sharedMemory(byteLength) : obtained(() => new ArrayBuffer(byteLength)));
  };

  /** @type {Exchange['shared']} */
  const shared = (byteLength, options = {}) => {
    const { library } = checkedOptions(options);
    checkSize(byteLength);
    assertHere();
    const memory = sharedMemory(byteLength);
    ask(bridge.listen);
    globalThis.dispatchEvent(new CustomEvent(SHARE, { detail: memory }));
    const call = ask(bridge.shared, library);
    if (!call) throw rebuilt(ask(bridge.problem));
    return {
      bytes: new Uint8Array(memory),
      exchange() {
        if (left) throw departed();
        const count = ask(call);
        if (count < 0) throw rebuilt(ask(bridge.problem));
        return count;
      },
    };
  };

  /** @type {Exchange['frames']} */
  const frames = (options) => framesOf({ exchange, allocate, assertHere }, options);

  return { exchange, allocate, shared, frames };
}

/**
 * @param {MessagePort} port @param {unknown[]} question @param {ArrayBufferLike} memory
 */
function move(port, question, memory) {
  try {
    port.postMessage(question, [/** @type {ArrayBuffer} */ (memory)]);
  } catch (error) {
    throw invalidBuffer(
      `it cannot be moved (${/** @type {Error} */ (error).message}). Pass a copy of it: data.slice()`,
    );
  }
}

/** @param {number} byteLength */
function sharedMemory(byteLength) {
  if (typeof SharedArrayBuffer === 'function') return obtained(() => new SharedArrayBuffer(byteLength));
  throw failure(
    Error,
    'ERR_NOT_ISOLATED',
    "Shared memory needs a page that is cross-origin isolated. Serve it with 'Cross-Origin-Opener-Policy: same-origin' and 'Cross-Origin-Embedder-Policy: require-corp', or start Electron with --enable-features=SharedArrayBuffer.",
  );
}

/** @template {ArrayBufferLike} T @param {() => T} allocate @returns {T} */
function obtained(allocate) {
  try {
    return allocate();
  } catch (error) {
    throw failure(RangeError, 'ERR_MEMORY_ALLOCATION_FAILED', `${/** @type {Error} */ (error).message}.`);
  }
}

/** Nothing is lost with an error. @param {Error} error @param {ArrayBufferLike} memory */
function withMemory(error, memory) {
  if (isDetached(memory)) return error;
  return Object.defineProperty(error, 'buffer', { value: new Uint8Array(memory), configurable: true, writable: true });
}
