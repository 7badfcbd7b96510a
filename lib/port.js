// The preload's end of the page's port: exchanges, their aborts, and the memory that the page shares.
//
// The page is not trusted. Every message is checked here, and an invalid one is answered with an error.

const { codedError, invalidRequest, serializeError } = require('./errors.js');
const { immutableError, isImmutable } = require('./immutable.js');
const { exchangesOf } = require('./operation.js');
const { ABORT, FREE, POPULATE, PROGRESS, SHARE_MEMORY, WORKER } = require('./protocol.js');
const { isShared, trackExternalMemory } = require('./shared-memory.js');
const { loadAddon } = require('./while-alive.js');

/** As the page has it: one that does not keep to it gets no answer. */
const MAX_WORKERS = 16;

/** @import { ExposedLibrary } from './types/preload.js' */
/** @import { SerializedError } from './errors.js' */

/**
 * Serves the requests that come over the port:
 *   [id, key, memory, thread, abortable, operation, input, reports, stream]
 *                                          an exchange; memory is an ArrayBuffer, or the slot of a SharedArrayBuffer.
 *                                          With a stream (lib/start-stream.mjs) it is one that fills the memory until it ends
 *   [id, key, memory, POPULATE]            has the pages of the memory made; a count of 0 if they were not
 *   [ABORT, id, ...]                       aborts these exchanges, in this order
 *   [SHARE_MEMORY, slot, memory]           a SharedArrayBuffer, which requests name by its slot from now on
 *   [FREE, slot]                           the page has dropped that memory
 *   [WORKER], with two ports               serves the one, as this, and tells the other when that was closed
 * The response to an exchange is [id, memory, count] or [id, memory, -1, error], without the memory if it is shared. Before
 * it come any number of [PROGRESS, id, done, total], if the exchange reports.
 *
 * @param {MessagePort} port
 * @param {(key: unknown) => ExposedLibrary} resolveLibrary
 * @param {boolean} [isWorkers] whether it is the port of a Worker, and so may be closed before this environment ends
 * @returns {() => void} ends it, with all that runs
 */
function serve(port, resolveLibrary, isWorkers = false) {
  /** @type {Map<unknown, SharedArrayBuffer>} */
  const slots = new Map();
  /** @type {Map<unknown, AbortController>} */
  const running = new Map();

  /** @param {unknown} id @param {unknown} memory @param {number} count @param {SerializedError} [error] */
  const respond = (id, memory, count, error) => {
    if (memory instanceof ArrayBuffer && !isImmutable(memory)) port.postMessage([id, memory, count, error], [memory]);
    else port.postMessage([id, undefined, count, error]);
  };

  let workers = 0;

  port.onmessage = ({ data: request, ports }) => {
    const id = request?.[0];
    if (typeof id === 'number') {
      const memory = request[2];
      try {
        // It cannot have been transferred: the page has posted it by hand, and this is a copy. It is refused before a
        // thread would write to it, and not transferred back, which V8 would refuse.
        if (isImmutable(memory)) throw immutableError();
        const bytes = new Uint8Array(memory instanceof ArrayBuffer ? memory : memoryOf(memory));
        const [, key, , thread, abortable, operation, input, reports, stream] = request;
        if (thread === POPULATE) return populate(id, memory, bytes, resolveLibrary(key));
        const exchanges = exchangesOf(resolveLibrary(key), operation, input);
        if (stream !== undefined) fillOnWorker(id, exchanges.exchangeDataAsync, bytes, stream);
        else if (thread === 'main') respond(id, memory, exchanges.exchangeDataInPlace(bytes, input));
        else
          exchangeOnWorker(
            id,
            exchanges.exchangeDataAsync,
            bytes,
            { input },
            abortable === true || isWorkers,
            reports === true,
          );
      } catch (error) {
        respond(id, memory, -1, serializeError(error));
      }
    } else if (id === ABORT && Array.isArray(request)) for (const each of request.slice(1)) running.get(each)?.abort();
    else if (id === SHARE_MEMORY && isShared(request[2])) slots.set(request[1], trackExternalMemory(request[2]));
    else if (id === FREE) slots.delete(request[1]);
    else if (id === WORKER && !isWorkers && ports.length === 2) serveWorker(ports[0], ports[1]);
    else respond(undefined, undefined, -1, serializeError(invalidRequest('This is no request of the protocol.')));
  };

  /** @param {MessagePort} worker @param {MessagePort} closed */
  function serveWorker(worker, closed) {
    if (workers === MAX_WORKERS) return worker.close();
    workers += 1;
    const end = serve(worker, resolveLibrary, true);
    worker.addEventListener('close', () => {
      workers -= 1;
      end();
      closed.postMessage(undefined);
      closed.close();
    });
  }

  /** @param {unknown} slot */
  function memoryOf(slot) {
    const memory = slots.get(slot);
    if (!memory) throw invalidRequest('The memory of a request is an ArrayBuffer, or the slot of a SharedArrayBuffer.');
    return memory;
  }

  /** @param {number} id @param {ExposedLibrary['exchangeDataAsync']} exchangeAsync @param {Uint8Array} bytes @param {object} stream */
  function fillOnWorker(id, exchangeAsync, bytes, stream) {
    if (loadAddon().owned(exchangeAsync) === exchangeAsync) throw noStreams();
    const now = performance.timeOrigin + performance.now();
    exchangeOnWorker(id, exchangeAsync, bytes, { stream: { ...stream, now } }, true, false);
  }

  /**
   * Memory that is lent to a process of a library gets other pages then. Those that it has would be copied first.
   * @param {number} id @param {unknown} memory @param {Uint8Array} bytes @param {ExposedLibrary} library
   */
  function populate(id, memory, bytes, library) {
    if ('process' in library) respond(id, memory, 0);
    else exchangeOnWorker(id, loadAddon().populate, bytes, {}, false, false);
  }

  /**
   * @param {number} id @param {ExposedLibrary['exchangeDataAsync']} exchangeAsync @param {Uint8Array} bytes
   * @param {object} said of the call @param {boolean} abortable @param {boolean} reports
   */
  async function exchangeOnWorker(id, exchangeAsync, bytes, said, abortable, reports) {
    // The memory was transferred to this function, which alone references it and does not touch it until the call
    // settles.
    const exchangeDataAsync = loadAddon().owned(exchangeAsync);
    /** @type {AbortSignal | undefined} */
    let signal;
    if (abortable) {
      const controller = new AbortController();
      running.set(id, controller);
      signal = controller.signal;
    }
    /** @type {((done: number, total: number) => void) | undefined} */
    const onProgress = reports ? (done, total) => port.postMessage([PROGRESS, id, done, total]) : undefined;
    try {
      const message = await exchangeDataAsync(bytes, { ...said, signal, onProgress });
      respond(id, message.buffer, message.length);
    } catch (error) {
      // The addon's error has no buffer if the page is being unloaded while the library still writes to it. The error
      // of a function that is not the addon's need not have one: memory that it has not detached is still here.
      const isAddons = exchangeDataAsync !== exchangeAsync;
      const { buffer = isAddons ? undefined : bytes } = /** @type {{ buffer?: Uint8Array }} */ (error);
      respond(id, buffer?.byteLength ? buffer.buffer : undefined, -1, serializeError(error));
    } finally {
      running.delete(id);
    }
  }

  return () => {
    for (const controller of [...running.values()].reverse()) controller.abort();
    slots.clear();
  };
}

const noStreams = () =>
  codedError(
    Error,
    'ERR_OPERATION_UNKNOWN',
    'The preload exposes this library by functions of its own, which fill no stream.',
  );

module.exports = { serve };
