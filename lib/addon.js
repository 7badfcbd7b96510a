// The addon, as the package's own modules see it. index.js makes public what others may use of it.

const { isPackaged } = require('./packaged.js');

/**
 * @typedef {Omit<typeof import('../index.js'), 'openLibrary'> & {
 *   openLibrary(path: string): import('../index.js').ExchangeLibrary & { exchangeOwnedAsync: Function },
 *   exchangeOwnedAsync: Function,
 *   countSharedMemory(memory: SharedArrayBuffer): void,
 *   environmentEnded: Int32Array,
 * }} Native
 */

/** @type {Native} */
const native = load();

/** By a library's `exchangeDataAsync`, the same for memory that nobody else holds. @type {WeakMap<Function, Function>} */
const owning = new WeakMap([[native.exchangeDataAsync, native.exchangeOwnedAsync]]);

function load() {
  // SECURITY: the generated loader obeys variables (NAPI_RS_NATIVE_LIBRARY_PATH, NAPI_RS_FORCE_WASI, ...) that name other
  // code to load. They are for development.
  const names = isPackaged(__dirname) ? Object.keys(process.env).filter((name) => /^NAPI_RS_/i.test(name)) : [];
  const values = names.map((name) => process.env[name]);
  for (const name of names) delete process.env[name];
  try {
    return require('../native.js');
  } finally {
    names.forEach((name, index) => {
      process.env[name] = values[index];
    });
  }
}

/** @type {typeof import('../index.js').openLibrary} */
function openLibrary(path) {
  const { exchangeOwnedAsync, ...library } = native.openLibrary(path);
  owning.set(library.exchangeDataAsync, exchangeOwnedAsync);
  return library;
}

/**
 * `exchangeDataAsync` for memory that the caller alone holds, and does not touch until the promise settles. The memory
 * is not detached, which saves a step. What is no function of the addon's is given back as it is.
 * @param {import('../index.js').ExchangeLibrary['exchangeDataAsync']} exchangeDataAsync
 * @returns {import('../index.js').ExchangeLibrary['exchangeDataAsync']}
 */
const owned = (exchangeDataAsync) => /** @type {any} */ (owning.get(exchangeDataAsync) ?? exchangeDataAsync);

module.exports = {
  bindingTarget: native.__napiBindingTarget,
  addressOf: native.addressOf,
  exchangeDataAsync: native.exchangeDataAsync,
  exchangeDataInPlace: native.exchangeDataInPlace,
  externalBuffersAllowed: native.externalBuffersAllowed,
  openLibrary,
  owned,
  countSharedMemory: native.countSharedMemory,
  /** One word: not 0 once this environment has ended. */
  environmentEnded: native.environmentEnded,
};
