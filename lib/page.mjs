// The page half: connect(), and the functions that it returns. It runs in the main world, without Node.js and without
// native code; lib/preload.js is its counterpart in the isolated world.
//
// The page allocates and owns the memory. It lends it over a private MessagePort, which transfers an ArrayBuffer
// without copying it, and gets it back filled.

import { checkedCall, checkedMemory, checkedOptions, checkSize, isDetached, isShared } from './checks.mjs';
import { aborted, codedError, deserializeError, invalidBuffer, pageUnloaded, stillLent } from './errors.mjs';
import { createFrames } from './frames.mjs';
import { ABORT, BRIDGE, CONNECT, FREE, POPULATE, PROGRESS, SHARE, SHARE_MEMORY } from './protocol.mjs';
import { createSpares } from './spare.mjs';
import { startStream } from './start-stream.mjs';
import { notExposed } from './unexposed.mjs';

/**
 * From this size on, each transfer of an ArrayBuffer makes V8 collect garbage (7 to 9 ms). `allocate` then returns
 * shared memory, which is posted once.
 */
const SHARED_FROM_BYTES = 64 * 1024 * 1024;

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
 * The connection of this document, once it is made. V8 keeps one module for each address, so a script that is loaded
 * again (hot reload) finds it here.
 * @type {{ page: Exchange, assertLoaded(): void } | undefined}
 */
let connection;

/** @type {typeof import('./types/page.mjs').connect} */
export function connect() {
  connection ??= openConnection();
  connection.assertLoaded();
  return connection.page;
}

function openConnection() {
  const bridge = /** @type {any} */ (globalThis)[BRIDGE];
  if (!bridge) throw notExposed();
  const { document } = globalThis;
  /** Set when this page is unloaded. Another window can hold these functions and call them after that. */
  let unloaded = false;
  // Throws where other errors are rejections, as V8 does not settle the promises of an unloaded page.
  const assertLoaded = () => {
    // A document can also lose its window without a 'pagehide' that this listener sees.
    if (unloaded || document.defaultView === null) throw pageUnloaded();
  };
  /**
   * Calls a function of the bridge. It throws for one reason: its environment has ended (lib/while-alive.js).
   * @param {(...values: any[]) => any} call @param {unknown[]} values
   */
  const callBridge = (call, ...values) => {
    try {
      return call(...values);
    } catch {
      throw pageUnloaded();
    }
  };

  if (!callBridge(bridge.connect)) {
    throw codedError(
      Error,
      'ERR_ALREADY_CONNECTED',
      'Another copy of inplace-exchange/page has connected this page, and a page has one connection. Import one copy, in one bundle or from one address.',
    );
  }
  const { port1: port, port2 } = new MessageChannel();
  // SECURITY: only this page's own origin may receive it. The preload stops it before any listener of the page.
  globalThis.postMessage(CONNECT, '/', [port2]);

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

  /** @param {PageTransitionEvent} event */
  const onPageHide = ({ isTrusted, persisted }) => {
    if (!isTrusted || persisted) return;
    unloaded = true;
    // Without the memory, as the library may still write to it.
    for (const { reject } of calls.values()) reject(pageUnloaded());
    calls.clear();
  };
  const listen = () => globalThis.addEventListener('pagehide', onPageHide);
  listen();
  new MutationObserver(listen).observe(document, { childList: true }); // document.open() removes all listeners

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
    if (isShared(memory)) offer(memory, bridge.map, library);
    return memory;
  };

  /**
   * Hands shared memory to the preload, for the function of the bridge.
   * @param {ArrayBufferLike} memory @param {(...key: any[]) => any} use @param {(string | undefined)[]} key
   */
  const offer = (memory, use, ...key) => {
    callBridge(bridge.listen);
    globalThis.dispatchEvent(new CustomEvent(SHARE, { detail: memory }));
    return callBridge(use, ...key);
  };

  /** @type {Exchange['shared']} */
  const shared = (byteLength, options = {}) => {
    const { library, operation } = checkedOptions(options);
    checkSize(byteLength);
    assertLoaded();
    const memory = allocateShared(byteLength);
    const call = offer(memory, bridge.shared, library, operation);
    if (!call) throw deserializeError(callBridge(bridge.lastError));
    return {
      bytes: new Uint8Array(memory),
      exchange(input) {
        if (unloaded) throw pageUnloaded();
        const count = input === undefined ? callBridge(call) : callBridge(call, input); // an argument has its price
        if (count < 0) throw deserializeError(callBridge(bridge.lastError));
        return count;
      },
    };
  };

  const { exchange, allocate, recycle } = createSpares({
    lend,
    allocateFor,
    allocateMemory,
    assertLoaded,
    lent,
  });

  /** @type {Exchange['frames']} */
  const frames = (/** @type {FramesOptions<any>} */ options) =>
    /** @type {Frames<any>} */ (createFrames({ exchange, allocateFor, assertLoaded }, options));

  /** @type {Exchange['stream']} */
  const stream = (options) => startStream({ lend, allocateFor, assertLoaded }, options);

  return { page: { exchange, allocate, shared, frames, recycle, stream }, assertLoaded };
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

/** @param {number} byteLength @param {boolean} [shared] @returns {ArrayBufferLike} */
function allocateMemory(byteLength, shared = byteLength >= SHARED_FROM_BYTES) {
  return shared ? allocateShared(byteLength) : allocateOrThrow(() => new ArrayBuffer(byteLength));
}

/** @param {number} byteLength */
function allocateShared(byteLength) {
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

/**
 * Gives the memory back to the caller with the error, unless it is detached.
 * @param {Error} error @param {ArrayBufferLike} memory
 */
function withMemory(error, memory) {
  if (isDetached(memory)) return error;
  return Object.defineProperty(error, 'buffer', { value: new Uint8Array(memory), configurable: true, writable: true });
}
