// The native addon, for the modules of this package. index.js is the public part of it.

const { refuseImmutable } = require('./immutable.js');
const { loadError } = require('./load-error.js');
const { isPackaged } = require('./packaged.js');

/** @import { ExposedLibrary } from './types/preload.js' */
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

/** For each `exchangeDataAsync`, the variant that does not detach the memory. @type {WeakMap<Function, Function>} */
const ownedVariants = new WeakMap([[native.exchangeDataAsync, native.exchangeOwnedAsync]]);

function load() {
  // SECURITY: environment variables (NAPI_RS_NATIVE_LIBRARY_PATH, NAPI_RS_FORCE_WASI, ...) make the generated loader
  // load other code. They are for development, so they are hidden from it in a packaged app.
  const names = isPackaged(__dirname) ? Object.keys(process.env).filter((name) => /^NAPI_RS_/i.test(name)) : [];
  const values = names.map((name) => process.env[name]);
  for (const name of names) delete process.env[name];
  try {
    return require('../native.js');
  } catch (error) {
    throw loadError(error, /** @type {any} */ (require('../package.json')).optionalDependencies);
  } finally {
    names.forEach((name, index) => {
      process.env[name] = values[index];
    });
  }
}

/** @type {typeof import('../index.js').openLibrary} */
function openLibrary(path) {
  const { exchangeOwnedAsync, ...library } = native.openLibrary(path);
  ownedVariants.set(library.exchangeDataAsync, exchangeOwnedAsync);
  return { ...library, exchangeDataInPlace: refuseImmutable(library.exchangeDataInPlace) };
}

/**
 * The variant of `exchangeDataAsync` for memory that only the caller references, and does not touch until the promise
 * settles: it does not detach the memory, which is quicker. A function that is not the addon's is returned as it is.
 * @param {ExposedLibrary['exchangeDataAsync']} exchangeDataAsync
 * @returns {ExposedLibrary['exchangeDataAsync']}
 */
const owned = (exchangeDataAsync) => /** @type {any} */ (ownedVariants.get(exchangeDataAsync) ?? exchangeDataAsync);

module.exports = {
  bindingTarget: native.__napiBindingTarget,
  addressOf: native.addressOf,
  exchangeDataAsync: native.exchangeDataAsync,
  exchangeDataInPlace: refuseImmutable(native.exchangeDataInPlace),
  externalBuffersAllowed: native.externalBuffersAllowed,
  openLibrary,
  owned,
  countSharedMemory: native.countSharedMemory,
  /** One element, which is not 0 once this environment has ended. */
  environmentEnded: native.environmentEnded,
};
