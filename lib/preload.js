// The preload half. It runs in the isolated world, beside the addon and out of the page's reach; lib/page.mjs is
// its other half, in the page. Memory crosses between the two worlds over a private MessagePort, which moves an
// ArrayBuffer and never copies it. What comes from the page is checked here: nothing that it says is believed.

const { contextBridge } = require('electron');
const { loadAddon, preloadAddon, whileAlive } = require('./while-alive.js');
const { checkedOrigins } = require('./origins.js');

/** @import { ExposeOptions } from './types/preload.js' */
/** @typedef {Exclude<NonNullable<ExposeOptions['libraries']>[string], string>} Library */

/** What the halves call each other by. lib/page.mjs says the same. */
const NAME = 'inplaceExchange';
const HELLO = 'inplace-exchange:connect';
const SHARE = 'inplace-exchange:share';

/** @type {typeof import('./types/preload.js').expose} */
function expose(options) {
  const { origins, libraries } = options ?? {};
  const isAllowed = checkedOrigins(origins);
  // SECURITY: a window can be navigated, and runs its preload again for whatever it then shows; so may a frame in it. It is
  // the document's origin that counts: one in a sandbox has none, whatever its address is.
  if (!process.isMainFrame || !isAllowed(globalThis.origin)) return;
  // SECURITY: now, before other code of this world can put something in the place of what the addon takes memory with. If
  // it cannot be loaded, that is an error in the page, and not a page without its preload.
  const hasAddon = preloadAddon();
  const open = libraryResolver(libraries);
  /** @type {unknown} */
  let offered;
  /** @type {Problem} */
  let problem;
  let connected = false;

  /** @param {MessageEvent} event */
  const greet = (event) => {
    // SECURITY: only a message that was posted moves its port. One that a script has made up leaves the port with that
    // script as well, and with it a second hold on memory that a native thread is writing.
    if (!connected || !event.isTrusted) return;
    // SECURITY: from this very window and its own script. A frame, an opener or another origin is somebody else.
    if (event.source !== globalThis.window || event.origin !== globalThis.origin) return;
    if (event.data !== HELLO || event.ports.length !== 1) return;
    // SECURITY: or a listener of the page would be given the same port.
    event.stopImmediatePropagation();
    globalThis.removeEventListener('message', greet, true);
    answer(event.ports[0], open);
  };

  // Synchronous, and this world is given a clone: of a SharedArrayBuffer that is another handle on the same memory.
  /** @param {Event} event */
  const take = (event) => {
    offered = /** @type {CustomEvent} */ (event).detail;
  };

  globalThis.addEventListener('message', greet, true);

  // SECURITY: each asks first whether this page is still there. Another window may hold it. Without an addon there is no
  // native code to be kept from, and an error to be told.
  const guarded = hasAddon ? whileAlive : /** @type {typeof whileAlive} */ ((fn) => fn);

  contextBridge.exposeInMainWorld(NAME, {
    /** Whether the next port is taken: true once. */
    connect: guarded(() => {
      if (connected) return false;
      connected = true;
      globalThis.addEventListener('message', greet, true); // once more: document.open() takes all listeners away
      return true;
    }),
    /** Before memory is offered. */
    listen: guarded(() => globalThis.addEventListener(SHARE, take, { once: true })),
    /**
     * An exchange over the memory that was offered last: it gives the count, or -1. Numbers cross between the worlds for
     * nothing, and an argument costs a seventh of the call: so each memory has a function of its own, without any.
     */
    shared: guarded((/** @type {unknown} */ key) => {
      const memory = offered;
      offered = undefined;
      try {
        const { exchangeDataInPlace } = open(key);
        if (!isShared(memory)) throw badQuestion('No shared memory was offered.');
        const bytes = new Uint8Array(counted(memory));
        return guarded(() => {
          try {
            return exchangeDataInPlace(bytes);
          } catch (error) {
            problem = describe(error);
            return -1;
          }
        });
      } catch (error) {
        problem = describe(error);
        return undefined;
      }
    }),
    /** What went wrong last in `shared`, as plain data: the bridge drops an error's class and code. */
    problem: guarded(() => problem),
  });
}

/**
 * Opens a library when it is first asked for, by its key alone.
 * @param {ExposeOptions['libraries']} libraries
 * @returns {(key: unknown) => Library}
 */
function libraryResolver(libraries) {
  const named = new Map(libraries && Object.entries(libraries)); // a Map: `constructor` is nobody's key
  /** @type {Map<unknown, Library>} */
  const opened = new Map();
  return (key) => {
    const known = opened.get(key);
    if (known) return known;
    const addon = loadAddon();
    if (!libraries) named.set('default', addon);
    const library = named.get(/** @type {string} */ (key));
    if (library === undefined) throw unknownLibrary(key, [...named.keys()]);
    const exchange = typeof library === 'object' ? library : addon.openLibrary(library);
    opened.set(key, exchange);
    return exchange;
  };
}

/** @param {unknown} key @param {string[]} known */
function unknownLibrary(key, known) {
  const name = typeof key === 'string' ? `'${key.slice(0, 100)}'` : `by a ${typeof key}`;
  const message = `No library is exposed as ${name}. The preload exposes: ${known.join(', ') || 'none'}. Add it to the libraries of expose().`;
  return Object.assign(new Error(message), { code: 'ERR_LIBRARY_UNKNOWN' });
}

/**
 * Answers what the page asks over its port. A question is one of
 *   [id, key, memory, thread, abortable]   an exchange: memory is an ArrayBuffer, or the slot of a shared one
 *   ['abort', id]                          stop that exchange, if it can be stopped
 *   ['share', slot, memory]                a SharedArrayBuffer, which is called by its slot from then on
 *   ['free', slot]                         it will not be lent again
 * and the answer to an exchange is [id, memory, count] or [id, memory, -1, problem]; a slot is not sent back.
 *
 * @param {MessagePort} port
 * @param {(key: unknown) => Library} open
 */
function answer(port, open) {
  /** @type {Map<unknown, SharedArrayBuffer>} */
  const slots = new Map();
  /** @type {Map<unknown, AbortController>} */
  const running = new Map();

  /** @param {unknown} id @param {unknown} memory @param {number} count @param {Problem} [problem] */
  const reply = (id, memory, count, problem) => {
    if (memory instanceof ArrayBuffer) port.postMessage([id, memory, count, problem], [memory]);
    else port.postMessage([id, undefined, count, problem]);
  };

  port.onmessage = ({ data: question }) => {
    const id = question?.[0];
    if (typeof id === 'number') {
      const memory = question[2];
      try {
        const bytes = new Uint8Array(memory instanceof ArrayBuffer ? memory : slot(memory));
        if (question[3] === 'main') reply(id, memory, open(question[1]).exchangeDataInPlace(bytes));
        else exchangeOnWorker(id, open(question[1]), bytes, question[4] === true);
      } catch (error) {
        reply(id, memory, -1, describe(error));
      }
    } else if (id === 'abort') running.get(question[1])?.abort();
    else if (id === 'share' && isShared(question[2])) slots.set(question[1], counted(question[2]));
    else if (id === 'free') slots.delete(question[1]);
    else reply(undefined, undefined, -1, describe(badQuestion('This is no question that the bridge knows.')));
  };

  /** @param {unknown} number */
  function slot(number) {
    const memory = slots.get(number);
    if (!memory) throw badQuestion('What was lent is neither an ArrayBuffer nor the slot of memory that was shared.');
    return memory;
  }

  /** @param {number} id @param {Library} library @param {Uint8Array} bytes @param {boolean} abortable */
  async function exchangeOnWorker(id, library, bytes, abortable) {
    // What came over the port is held here and nowhere else, and is not touched until it has been settled.
    const exchangeDataAsync = loadAddon().owned(library.exchangeDataAsync);
    /** @type {AbortSignal | undefined} */
    let signal;
    if (abortable) {
      const controller = new AbortController();
      running.set(id, controller);
      signal = controller.signal;
    }
    try {
      const message = await exchangeDataAsync(bytes, { signal });
      reply(id, message.buffer, message.length);
    } catch (error) {
      // Without memory when the page is going and the library still writes to it. A function that is not the addon's does
      // not say: what it has not moved is still here.
      const ours = exchangeDataAsync !== library.exchangeDataAsync;
      const { buffer = ours ? undefined : bytes } = /** @type {{ buffer?: Uint8Array }} */ (error);
      reply(id, buffer?.byteLength ? buffer.buffer : undefined, -1, describe(error));
    } finally {
      running.delete(id);
    }
  }
}

/** @param {unknown} memory @returns {memory is SharedArrayBuffer} */
const isShared = (memory) => typeof SharedArrayBuffer === 'function' && memory instanceof SharedArrayBuffer;

/**
 * V8 does not count what a handle on shared memory holds, and would not collect garbage while memory runs out.
 * @param {SharedArrayBuffer} memory
 */
function counted(memory) {
  loadAddon().countSharedMemory(memory);
  return memory;
}

/** @param {string} message */
const badQuestion = (message) => Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_VALUE' });

/** @typedef {{ name: string, message: string, fields: Record<string, unknown> }} Problem */

/**
 * An error as plain data: neither a MessagePort nor contextBridge carries its class, its code or its fields.
 * @param {unknown} error
 * @returns {Problem}
 */
function describe(error) {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), fields: {} };
  const plain = Object.entries(error).filter(([, value]) => typeof value !== 'object' && typeof value !== 'function');
  return { name: error.name, message: error.message, fields: Object.fromEntries(plain) };
}

module.exports = { expose, whileAlive };
