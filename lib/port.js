// What serves the page's port: exchanges, and the memory that the page shares.

const { badQuestion, describe } = require('./errors.js');
const { ABORT, FREE, SHARE_MEMORY } = require('./protocol.js');
const { counted, isShared } = require('./shared-memory.js');
const { loadAddon } = require('./while-alive.js');

/** @import { ExposeOptions } from './types/preload.js' */
/** @import { Problem } from './errors.js' */
/** @typedef {Exclude<NonNullable<ExposeOptions['libraries']>[string], string>} Library */

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
    } else if (id === ABORT) running.get(question[1])?.abort();
    else if (id === SHARE_MEMORY && isShared(question[2])) slots.set(question[1], counted(question[2]));
    else if (id === FREE) slots.delete(question[1]);
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

module.exports = { answer };
