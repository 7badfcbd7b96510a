// The page half: connect(), and the functions that it returns. It runs in the main world, without Node.js and without
// native code; lib/preload.js is its counterpart in the isolated world.
//
// The page allocates and owns the memory. It lends it over a private MessagePort, which transfers an ArrayBuffer
// without copying it, and gets it back filled. A Worker does so over a port that the page gives it.

import { checkedOptions, checkSize } from './checks.mjs';
import { createConnection } from './connection.mjs';
import { codedError, deserializeError, invalidType, pageUnloaded } from './errors.mjs';
import { allocateShared } from './memory.mjs';
import { BRIDGE, CONNECT, SHARE, WORKER } from './protocol.mjs';
import { notExposed } from './unexposed.mjs';

/** Each port costs the page's main thread, which answers. */
const MAX_WORKERS = 16;

/** @import { Exchange, WorkerExchange } from './types/page.mjs' */

/**
 * The connection of this document, once it is made. V8 keeps one module for each address, so a script that is loaded
 * again (hot reload) finds it here.
 * @type {{ page: Exchange, assertLoaded(): void } | undefined}
 */
let connection;

/** Those of ports. @type {WeakMap<MessagePort, WorkerExchange>} */
const connections = new WeakMap();

/** @type {typeof import('./types/page.mjs').connect} */
export const connect = /** @type {any} */ (
  (/** @type {unknown} */ port) => {
    if (port !== undefined) return connectPort(port);
    connection ??= openConnection();
    connection.assertLoaded();
    return connection.page;
  }
);

/** @param {unknown} port of portForWorker() */
function connectPort(port) {
  if (!(port instanceof MessagePort)) throw invalidType('port', 'a MessagePort of portForWorker()', port);
  const known = connections.get(port);
  if (known) return known;
  // A Worker ends with its page. It cannot reach the bridge.
  const { functions } = createConnection(port, { assertLoaded() {}, map() {} });
  connections.set(port, functions);
  return functions;
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

  const connection = createConnection(port, {
    assertLoaded,
    map: (memory, library) => offer(memory, bridge.map, library),
  });

  /** @param {PageTransitionEvent} event */
  const onPageHide = ({ isTrusted, persisted }) => {
    if (!isTrusted || persisted) return;
    unloaded = true;
    connection.abandon(pageUnloaded());
  };
  const listen = () => globalThis.addEventListener('pagehide', onPageHide);
  listen();
  new MutationObserver(listen).observe(document, { childList: true }); // document.open() removes all listeners

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

  let workers = 0;

  /** @type {Exchange['portForWorker']} */
  const portForWorker = () => {
    assertLoaded();
    if (workers === MAX_WORKERS)
      throw codedError(
        RangeError,
        'ERR_OUT_OF_RANGE',
        `${MAX_WORKERS} ports for Workers are open, which is the most. Close one, or end its Worker.`,
      );
    workers += 1;
    const { port1, port2 } = new MessageChannel();
    const closed = new MessageChannel();
    closed.port1.onmessage = () => {
      workers -= 1;
      closed.port1.close();
    };
    port.postMessage([WORKER], [port2, closed.port2]);
    return port1;
  };

  return { page: { ...connection.functions, shared, portForWorker }, assertLoaded };
}
