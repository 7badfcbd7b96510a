// The preload half. It runs in the isolated world, beside the addon and out of the page's reach; lib/page.mjs is
// its other half, in the page. Memory crosses between the two worlds over a private MessagePort, which moves an
// ArrayBuffer and never copies it. What comes from the page is checked here: nothing that it says is believed.

const { contextBridge } = require('electron');
const { badQuestion, describe, unknownLibrary } = require('./errors.js');
const { checkedOrigins } = require('./origins.js');
const { answer } = require('./port.js');
const { BRIDGE, CONNECT, SHARE } = require('./protocol.js');
const { counted, isShared } = require('./shared-memory.js');
const { loadAddon, preloadAddon, whileAlive } = require('./while-alive.js');

/** @import { ExposeOptions } from './types/preload.js' */
/** @import { Library } from './port.js' */
/** @import { Problem } from './errors.js' */

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
    if (event.data !== CONNECT || event.ports.length !== 1) return;
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

  contextBridge.exposeInMainWorld(BRIDGE, {
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

module.exports = { expose, whileAlive };
