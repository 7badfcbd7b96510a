// The preload half: expose(). It runs in the isolated world, beside the addon and out of the page's reach; lib/page.mjs
// is its counterpart in the page.
//
// The page is not trusted: whatever it passes is checked here or in port.js. Memory crosses between the two worlds over
// a private MessagePort, which transfers an ArrayBuffer without copying it.

const { contextBridge } = require('electron');
const { codedError, invalidRequest, serializeError } = require('./errors.js');
const { exchangesOf } = require('./operation.js');
const { checkedOrigins, isAllowed } = require('./origins.js');
const { serve } = require('./port.js');
const { BRIDGE, CONNECT, REFUSAL, SHARE } = require('./protocol.js');
const { isShared, trackExternalMemory } = require('./shared-memory.js');
const { loadAddon, preloadAddon, whileAlive } = require('./while-alive.js');

/** @import { ExposedLibrary, ExposeOptions, LibraryFile } from './types/preload.js' */
/** @import { SerializedError } from './errors.js' */

/** @type {typeof import('./types/preload.js').expose} */
function expose(options) {
  const { origins, libraries } = options ?? {};
  const allowed = checkedOrigins(origins);
  if (!process.contextIsolated) throw notIsolated();
  // SECURITY: a preload runs again for every document that its window, or a frame in it, is navigated to. The
  // document's origin decides, not its address: a sandboxed document has an opaque origin at any address.
  if (!process.isMainFrame) return;
  if (!isAllowed(allowed, globalThis.origin)) return refuse(allowed);
  // SECURITY: loaded now, so that the addon keeps the built-in functions that it detaches memory with before other code
  // of this world can replace them. If loading fails, each call of the page throws why.
  const hasAddon = preloadAddon();
  const resolveLibrary = libraryResolver(libraries);
  let connected = false;

  /** @param {MessageEvent} event */
  const onConnect = (event) => {
    // SECURITY: only a message that was posted transfers its port. With one that a script has dispatched, the script
    // would keep the port, and with it a second reference to memory that a native thread is writing.
    if (!connected || !event.isTrusted) return;
    // SECURITY: not from a frame, an opener or another origin.
    if (event.source !== globalThis.window || event.origin !== globalThis.origin) return;
    if (event.data !== CONNECT || event.ports.length !== 1) return;
    // SECURITY: listeners of the page would receive the same port.
    event.stopImmediatePropagation();
    globalThis.removeEventListener('message', onConnect, true);
    serve(event.ports[0], resolveLibrary);
  };
  globalThis.addEventListener('message', onConnect, true);

  // SECURITY: another window may call these functions after this page was unloaded. Without an addon there is no native
  // code to guard, and the functions report why it is missing.
  const guarded = hasAddon ? whileAlive : /** @type {typeof whileAlive} */ ((fn) => fn);

  contextBridge.exposeInMainWorld(BRIDGE, {
    /** Lets the next port in. True the first time. */
    connect: guarded(() => {
      if (connected) return false;
      connected = true;
      globalThis.addEventListener('message', onConnect, true); // again: document.open() removes all listeners
      return true;
    }),
    ...synchronousExchanges(resolveLibrary, guarded, (key) => hasOwnProcess(libraries, key)),
  });
}

/**
 * Leaves word of the origins for connect() in a document that has another one. It is plain data, and no secret: the
 * list ships with the app. A function would be more to attack.
 * @param {string[]} origins
 */
function refuse(origins) {
  try {
    contextBridge.exposeInMainWorld(REFUSAL, { origins });
  } catch {
    // The property exists: an earlier expose() has refused this document, too, or a script of the page has run before.
  }
}

/** Without context isolation the preload and the page have one globalThis, where connect() finds the word of it. */
function notIsolated() {
  Object.assign(globalThis, { [REFUSAL]: { contextIsolated: false } });
  const message =
    "Context isolation is off in this window, and expose() needs it: the page must not reach the preload's functions. Remove `contextIsolation: false` from the window's webPreferences.";
  return Object.assign(codedError(Error, 'ERR_NOT_EXPOSED', message), { reason: 'isolation' });
}

/**
 * The bridge functions behind the page's `shared` and `allocate`: `listen`, then the event with the memory, then `shared` or
 * `map`.
 * @param {(key: unknown) => ExposedLibrary} resolveLibrary @param {typeof whileAlive} guarded
 * @param {(key: unknown) => boolean} hasOwnProcess
 */
function synchronousExchanges(resolveLibrary, guarded, hasOwnProcess) {
  /** @type {unknown} */
  let offered;
  /** @type {SerializedError} */
  let lastError;

  // An event is dispatched synchronously, and its detail is cloned into this world. The clone of a SharedArrayBuffer
  // refers to the same memory.
  /** @param {Event} event */
  const onShare = (event) => {
    offered = /** @type {CustomEvent} */ (event).detail;
  };

  return {
    listen: guarded(() => globalThis.addEventListener(SHARE, onShare, { once: true })),
    /**
     * A function that exchanges over the memory that was offered last, and returns the count, or -1. A function for
     * each memory, because an argument would cost a seventh of the call, and a number crosses the bridge for free.
     */
    shared: guarded((/** @type {unknown} */ key, /** @type {any} */ operation) => {
      const memory = offered;
      offered = undefined;
      try {
        const library = resolveLibrary(key);
        if (!isShared(memory)) throw invalidRequest('No shared memory was offered.');
        loadAddon().mapSharedMemory(library, memory);
        const { exchangeDataInPlace } = exchangesOf(library, operation, undefined);
        const bytes = new Uint8Array(trackExternalMemory(memory));
        return guarded((/** @type {number | undefined} */ input) => {
          try {
            if (input === undefined) return exchangeDataInPlace(bytes);
            return exchangesOf(library, operation, input).exchangeDataInPlace(bytes, input);
          } catch (error) {
            lastError = serializeError(error);
            return -1;
          }
        });
      } catch (error) {
        lastError = serializeError(error);
        return undefined;
      }
    }),
    /** Maps the memory that was offered last for a library in a process of its own, which is to be lent it later. */
    map: guarded((/** @type {unknown} */ key) => {
      const memory = offered;
      offered = undefined;
      try {
        if (isShared(memory) && hasOwnProcess(key)) loadAddon().mapSharedMemory(resolveLibrary(key), memory);
      } catch {
        // The exchange reports it.
      }
    }),
    /** The last error of `shared` or of a function that it returned. Thrown, it would lose its class and code. */
    lastError: guarded(() => lastError),
  };
}

/**
 * Resolves a key to its library, which is opened the first time.
 * @param {ExposeOptions['libraries']} libraries
 * @returns {(key: unknown) => ExposedLibrary}
 */
function libraryResolver(libraries) {
  const named = new Map(libraries && Object.entries(libraries)); // a Map has no inherited keys, such as `constructor`
  /** @type {Map<unknown, ExposedLibrary>} */
  const opened = new Map();
  return (key) => {
    const known = opened.get(key);
    if (known) return known;
    const addon = loadAddon();
    if (!libraries) named.set('default', addon);
    const library = named.get(/** @type {string} */ (key));
    if (library === undefined) throw unknownLibrary(key, [...named.keys()]);
    const exchange = openedLibrary(library, addon);
    opened.set(key, exchange);
    return exchange;
  };
}

/** @param {string | LibraryFile | ExposedLibrary} library @param {ReturnType<typeof loadAddon>} addon */
function openedLibrary(library, addon) {
  if (typeof library === 'string') return addon.openLibrary(library);
  return 'exchangeDataInPlace' in library ? library : addon.openLibrary(library.path, library);
}

/**
 * Whether a library is to run, or runs, in a process of its own.
 * @param {ExposeOptions['libraries']} libraries @param {unknown} key
 */
function hasOwnProcess(libraries, key) {
  const library = Object.entries(libraries ?? {}).find(([name]) => name === key)?.[1];
  const process = typeof library === 'object' && 'process' in library ? library.process : undefined;
  return process !== undefined && process !== 'here';
}

/** @param {unknown} key @param {string[]} known */
function unknownLibrary(key, known) {
  const name = typeof key === 'string' ? `'${key.slice(0, 100)}'` : `by a ${typeof key}`;
  const message = `No library is exposed as ${name}. The preload exposes: ${known.join(', ') || 'none'}. Add it to the libraries of expose().`;
  return codedError(Error, 'ERR_LIBRARY_UNKNOWN', message);
}

module.exports = { expose, whileAlive };
