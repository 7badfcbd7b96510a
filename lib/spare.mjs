// The memory of exchange(byteLength): pieces that were recycled, and a spare whose pages are there before it is lent.
//
// New memory has no pages. The system makes each when the library first writes to it, and that takes several times as long
// as the writing. The spare is populated when an exchange has returned, by a background thread of the preload's addon, and
// comes back over the port.
//
// All of it has one size, that of the last exchange(byteLength), and is dropped after a second without one.

import { checkedCall, checkedMemory, checkedOptions, checkSize, isDetached, isShared } from './checks.mjs';
import { aborted, stillLent } from './errors.mjs';
import { allocateMemory } from './memory.mjs';
import { POPULATE } from './protocol.mjs';

/** Smaller memory is mostly of pages that were used before. */
const SPARE_FROM = 1024 * 1024;
/** A larger spare would be a waste. */
const SPARE_TO = 256 * 1024 * 1024;
const MAX_RECYCLED = 4;
const REST_MS = 1000;

/** @import { Exchange, ExchangeOptions } from './types/page.mjs' */

/**
 * @typedef {object} Page
 * @property {(data: any, options: ExchangeOptions, kind?: 'populate') => Promise<Uint8Array<any>>} lend
 * @property {(library: string, byteLength: number, shared?: boolean) => ArrayBufferLike} allocateFor
 * @property {() => void} assertLoaded
 * @property {WeakMap<ArrayBufferLike, boolean>} lent
 */

/**
 * @typedef {object} Spare never used, and so zero
 * @property {string} library
 * @property {boolean} isShared
 * @property {boolean} isMade whether its pages are being made, and not only asked for
 * @property {ArrayBufferLike | undefined} memory once it is populated
 * @property {((memory?: ArrayBufferLike) => void) | undefined} start an exchange that waits for it
 */

/** A function that has another run when the messages that were posted before have been handled. */
function nextTask() {
  const { port1, port2 } = new MessageChannel();
  /** @type {(() => void)[]} */
  const waiting = [];
  port1.onmessage = () => waiting.shift()?.();
  return (/** @type {() => void} */ run) => {
    waiting.push(run);
    port2.postMessage(undefined);
  };
}

/** @param {Page} page */
export function createSpares({ lend, allocateFor, assertLoaded, lent }) {
  /** Of all that is kept; -1 while nothing is. */
  let size = -1;
  /** @type {ArrayBufferLike[]} */
  let recycled = [];
  /** @type {Spare | undefined} */
  let spare;
  /**
   * For the spare after that, without pages. To allocate it takes longer than many an exchange, and may collect garbage.
   * @type {ArrayBufferLike | undefined}
   */
  let raw;
  /** Libraries with processes of their own, in which a spare's pages would be replaced. @type {Set<string>} */
  const unpopulated = new Set();
  /** What an exchange(byteLength) has returned. @type {WeakSet<ArrayBufferLike>} */
  const results = new WeakSet();
  const inNextTask = nextTask();
  /** Whether the last two were of one size. A spare for one that is not repeated would be a waste. */
  let isRepeated = false;
  let inFlight = 0;
  let lastUse = 0;
  let isTimed = false;

  /** Lets it be collected. */
  const drop = () => {
    recycled = [];
    spare = undefined;
    raw = undefined;
    size = -1;
  };

  const dropAfterRest = () => {
    const rest = inFlight > 0 ? 0 : performance.now() - lastUse;
    isTimed = rest < REST_MS;
    if (isTimed) setTimeout(dropAfterRest, REST_MS - rest);
    else drop();
  };

  /** @param {number} byteLength */
  const use = (byteLength) => {
    isRepeated = byteLength === size;
    if (!isRepeated) drop();
    size = byteLength;
    lastUse = performance.now();
    if (isTimed) return;
    isTimed = true;
    setTimeout(dropAfterRest, REST_MS);
  };

  const takeRecycled = () => {
    let memory = recycled.pop();
    while (memory && (isDetached(memory) || lent.get(memory))) memory = recycled.pop(); // used elsewhere since
    return memory;
  };

  /** The spare, if it is for such memory: its pages may be there already. @param {string} library @param {number} byteLength */
  const spareFor = (library, byteLength) =>
    spare && byteLength === size && (spare.isShared ? spare.library === library : !unpopulated.has(library))
      ? spare
      : undefined;

  /** The spare's memory, if its pages are there. @param {string} library @param {number} byteLength */
  const takeSpare = (library, byteLength) => {
    const memory = spareFor(library, byteLength)?.memory;
    if (memory) spare = undefined;
    return memory;
  };

  /**
   * Has the pages of memory made, on another thread.
   * @param {string} library @param {ArrayBufferLike} memory
   * @returns {Promise<ArrayBufferLike | undefined>} the memory, which is back
   */
  const populate = async (library, memory) => {
    try {
      const { buffer, length } = await lend(memory, { library }, POPULATE);
      if (length === 0) unpopulated.add(library);
      return buffer;
    } catch (error) {
      return /** @type {any} */ (error).buffer?.buffer; // the exchange itself reports what concerns it
    }
  };

  /** @param {string} library @param {number} byteLength */
  const isPopulated = (library, byteLength) =>
    byteLength >= SPARE_FROM && byteLength <= SPARE_TO && !unpopulated.has(library);

  /** @param {number} byteLength @returns {ArrayBufferLike | undefined} undefined if there is too little memory */
  const allocateRaw = (byteLength) => {
    try {
      return allocateMemory(byteLength);
    } catch {
      return undefined;
    }
  };

  /**
   * Has the next spare populated. The page asks for it while a library works, and not when it has the result to draw; the
   * thread waits until the exchange has returned, which would be slowed down.
   * @param {string} library @param {number} byteLength
   */
  const populateNext = async (library, byteLength) => {
    if (spare || !isRepeated || inFlight > 1 || byteLength !== size || !isPopulated(library, byteLength)) return;
    const memory = raw ?? allocateRaw(byteLength);
    raw = undefined;
    if (!memory) return;
    /** @type {Spare} */
    const next = {
      library,
      isShared: isShared(memory),
      isMade: inFlight === 0,
      memory: undefined,
      start: undefined,
    };
    spare = next;
    const made = await populate(library, memory);
    const isWanted = made !== undefined && spareFor(library, byteLength) === next;
    if (spare === next && (next.start || !isWanted)) spare = undefined;
    if (next.start) next.start(isWanted ? made : undefined);
    else if (isWanted) {
      next.memory = made;
      raw = allocateRaw(byteLength);
    }
  };

  /** Has an exchange that waits for the spare wait no longer, so that exchanges are made in their order. */
  const startWaiting = () => {
    const start = spare?.start;
    if (!spare || !start) return;
    spare.start = undefined;
    start();
  };

  /** @param {number} byteLength @param {ExchangeOptions} options */
  const exchangeNew = async (byteLength, options) => {
    const { library, thread, signal } = checkedOptions(options);
    checkSize(byteLength);
    checkedCall(options, byteLength);
    if (signal?.aborted) throw aborted(signal);
    use(byteLength);
    inFlight += 1;
    const old = takeRecycled();
    const askForNext = () => {
      if (!old) inNextTask(() => populateNext(library, byteLength));
    };
    try {
      const bytes = await new Promise((resolve) => {
        const start = async (/** @type {ArrayBufferLike | undefined} */ memory) => {
          const lending = lend(memory ?? allocateFor(library, byteLength), options);
          if (thread === 'worker') askForNext();
          return lending;
        };
        const ready = old ?? takeSpare(library, byteLength);
        const next = spareFor(library, byteLength);
        if (ready || !next?.isMade || next.start) resolve(start(ready));
        else next.start = (memory) => resolve(start(memory));
      });
      results.add(bytes.buffer);
      return bytes;
    } finally {
      inFlight -= 1;
      lastUse = performance.now();
      if (spare && inFlight === 0) spare.isMade = true;
      if (thread === 'main') askForNext();
    }
  };

  return {
    exchange: /** @type {Exchange['exchange']} */ (
      (/** @type {any} */ data, options = {}) => {
        assertLoaded();
        startWaiting();
        return typeof data === 'number' ? exchangeNew(data, options) : lend(data, options);
      }
    ),

    /** @type {Exchange['allocate']} */
    allocate(byteLength, options = {}) {
      assertLoaded();
      const { library } = checkedOptions(options);
      checkSize(byteLength);
      return new Uint8Array(takeSpare(library, byteLength) ?? allocateFor(library, byteLength));
    },

    /** @type {Exchange['recycle']} */
    recycle(data) {
      assertLoaded();
      // A result is a view that is trimmed to the message.
      const isResult = ArrayBuffer.isView(data) && results.has(data.buffer);
      const memory = checkedMemory(isResult ? data.buffer : data, lent);
      if (lent.get(memory)) throw stillLent();
      if (size < 0) use(memory.byteLength);
      if (memory.byteLength === size && recycled.length < MAX_RECYCLED && !recycled.includes(memory))
        recycled.push(memory);
    },
  };
}
