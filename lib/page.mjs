// The page half. It runs in the main world, without Node and without native code; lib/preload.js is its other half,
// in the preload. The page owns the memory. It is lent over a private MessagePort, which moves it and never copies it,
// and comes back filled.

/** What the halves call each other by. lib/preload.js says the same. */
const NAME = 'inplaceExchange';
const HELLO = 'inplace-exchange:connect';
const SHARE = 'inplace-exchange:share';

/**
 * From this size on, to move an ArrayBuffer makes V8 collect garbage each time (it takes 7 to 9 ms), and `allocate` gives
 * shared memory, which is handed over once.
 */
const SHARED_FROM_BYTES = 64 * 1024 * 1024;

/** What a library can count to. */
const MOST_BYTES = 2 ** 31 - 1;

/** More in flight do not make frames come faster. */
const MOST_BUFFERS = 64;

/** @import { Exchange, Frames, FramesOptions, Memory } from './types/page.mjs' */

/** @type {typeof import('./types/page.mjs').connect} */
export function connect() {
  const bridge = /** @type {any} */ (globalThis)[NAME];
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
  globalThis.postMessage(HELLO, '/', [port2]);

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
  const dropped = new FinalizationRegistry((slot) => port.postMessage(['free', slot]));
  let lastSlot = 0;

  /** @param {SharedArrayBuffer} memory @returns {number} by what the preload knows it */
  function slotOf(memory) {
    const known = slots.get(memory);
    if (known !== undefined) return known;
    const slot = ++lastSlot;
    port.postMessage(['share', slot, memory]);
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
          call.abort = () => port.postMessage(['abort', id]);
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
 * @param {Pick<Exchange, 'exchange' | 'allocate'> & { assertHere(): void }} page
 * @param {FramesOptions} options
 * @returns {Frames}
 */
function framesOf({ exchange, allocate, assertHere }, options) {
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

/** @param {unknown} memory @returns {memory is SharedArrayBuffer} */
const isShared = (memory) => typeof SharedArrayBuffer === 'function' && memory instanceof SharedArrayBuffer;

/** @param {ArrayBufferLike} memory */
const isDetached = (memory) => 'detached' in memory && memory.detached;

/** All of an ArrayBuffer, or of a shared one. @param {unknown} data @returns {ArrayBufferLike} */
function checkedMemory(data) {
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
function checkedOptions(options) {
  if (typeof options !== 'object' || options === null) throw invalidType('options', 'an object', options);
  const { library = 'default', thread = 'worker', signal } = options;
  if (typeof library !== 'string') throw invalidType('library', 'a string', library);
  if (thread !== 'worker' && thread !== 'main')
    throw failure(TypeError, 'ERR_INVALID_ARG_VALUE', `thread is 'worker' or 'main', not ${shown(thread)}.`);
  if (signal !== undefined && !isSignal(signal)) throw invalidType('signal', 'an AbortSignal of this page', signal);
  return { library, thread, signal };
}

/** @param {number} byteLength */
const checkSize = (byteLength) => checkWhole('byteLength', byteLength, 0, MOST_BYTES);

/** @param {string} what @param {unknown} value @param {number} least @param {number} most */
function checkWhole(what, value, least, most) {
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) return;
  const range = least === most ? String(least) : `a whole number from ${least} to ${most}`;
  throw failure(RangeError, 'ERR_OUT_OF_RANGE', `${what} must be ${range}, and is ${shown(value)}.`);
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

/**
 * The error that was thrown on the other side, from what came of it over here.
 * @param {{ name: string, message: string, fields: object }} problem
 * @param {AbortSignal} [signal]
 */
function rebuilt({ name, message, fields }, signal) {
  const error = new ({ TypeError, RangeError }[name] ?? Error)(message);
  Object.assign(error, fields);
  return name === 'AbortError' ? asAbort(error, signal) : error;
}

/** @param {AbortSignal} [signal] */
const aborted = (signal, message = 'The operation was aborted.') =>
  asAbort(failure(Error, 'ABORT_ERR', message), signal);

const departed = () => aborted(undefined, 'The page that made this exchange has gone.');

/** @param {Error} error @param {AbortSignal} [signal] */
function asAbort(error, signal) {
  return Object.defineProperties(error, {
    name: { value: 'AbortError', configurable: true, writable: true },
    cause: { value: signal?.reason, configurable: true, writable: true },
  });
}

/** Nothing is lost with an error. @param {Error} error @param {ArrayBufferLike} memory */
function withMemory(error, memory) {
  if (isDetached(memory)) return error;
  return Object.defineProperty(error, 'buffer', { value: new Uint8Array(memory), configurable: true, writable: true });
}

/** @param {ErrorConstructor} Class @param {string} code @param {string} message */
const failure = (Class, code, message) => Object.assign(new Class(message), { code });

/** @param {string} why */
const invalidBuffer = (why) => failure(TypeError, 'ERR_INVALID_BUFFER', `This cannot be lent: ${why}.`);

/** @param {string} why */
const detached = (why) => failure(TypeError, 'ERR_BUFFER_DETACHED', `This memory is elsewhere: ${why}.`);

/** @param {string} what @param {string} expected @param {unknown} value */
const invalidType = (what, expected, value) =>
  failure(TypeError, 'ERR_INVALID_ARG_TYPE', `${what} must be ${expected}, and is ${kindOf(value)}.`);

/** @param {unknown} value @returns {value is AbortSignal} */
function isSignal(value) {
  try {
    return value instanceof AbortSignal && typeof value.aborted === 'boolean';
  } catch {
    return false; // an object with its prototype
  }
}

/** @param {unknown} value */
const shown = (value) => (typeof value === 'object' || typeof value === 'function' ? kindOf(value) : String(value));

/** @param {unknown} value */
function kindOf(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  return `an object of class ${value.constructor?.name ?? 'unknown'}`;
}
