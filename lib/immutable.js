// Immutable ArrayBuffers: V8 14.6 and later have them behind the flag --js-immutable-arraybuffer.
//
// Guarantees that no library writes to one. V8 protects it from JavaScript alone, and Node-API gives native code its
// address like any other's. An asynchronous exchange is refused by V8, which does not detach it; a synchronous one is
// refused here. In a runtime without them nothing is checked, and the call costs nothing more.

const { codedError } = require('./errors.js');

// As they are now: code that runs later may replace them.
const { apply } = Reflect;
const Shared = globalThis.SharedArrayBuffer;
const getterOf = (/** @type {object} */ prototype, /** @type {string} */ name) =>
  Object.getOwnPropertyDescriptor(prototype, name)?.get;
const getBuffer = getterOf(Object.getPrototypeOf(Uint8Array.prototype), 'buffer');
const getImmutable = getterOf(ArrayBuffer.prototype, 'immutable');

/** @param {unknown} memory @returns {boolean} */
function isImmutable(memory) {
  // The getter throws for shared memory, which is never immutable; the throw would cost more than the exchange.
  if (!getImmutable || (Shared && memory instanceof Shared)) return false;
  try {
    return apply(getImmutable, memory, []);
  } catch {
    return false; // no ArrayBuffer
  }
}

/**
 * The function, which refuses immutable memory where there is such memory.
 * @template {(...args: any[]) => number} ExchangeDataInPlace
 * @param {ExchangeDataInPlace} exchangeDataInPlace @returns {ExchangeDataInPlace}
 */
function refuseImmutable(exchangeDataInPlace) {
  if (!getImmutable || !getBuffer) return exchangeDataInPlace;
  // A function, as it can be called with `new` like the addon's own.
  return /** @type {any} */ (
    function exchangeDataInPlaceChecked(/** @type {unknown} */ view, /** @type {unknown[]} */ ...input) {
      if (isImmutable(bufferOf(view))) throw immutableError();
      return exchangeDataInPlace(view, ...input);
    }
  );
}

/** @param {unknown} view */
function bufferOf(view) {
  try {
    return apply(/** @type {() => unknown} */ (getBuffer), view, []);
  } catch {
    return undefined; // no view: the addon says so
  }
}

const immutableError = () =>
  codedError(
    TypeError,
    'ERR_INVALID_BUFFER',
    "The view's ArrayBuffer is immutable, and a library writes to the memory that it is lent. Pass a copy of it: view.slice()",
  );

module.exports = { immutableError, isImmutable, refuseImmutable };
