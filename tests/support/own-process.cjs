// The switch of npm run test:own: with LIBRARY_PROCESS=own, every library of a test runs in a process of its own, the
// default one too. Loaded before the test and, for a page, by the preload of the fixture.
//
// It waits for the addon, and does not load it: some tests change what the addon finds when it is loaded.

const { createHash } = require('node:crypto');
const Module = require('node:module');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');
const DEFAULT_LIBRARY =
  { win32: 'native_lib.dll', darwin: 'libnative_lib.dylib' }[/** @type {string} */ (process.platform)] ??
  'libnative_lib.so';
const ADDON = path.join(ROOT, 'lib', 'addon.js');

/**
 * A process has the variables from when it was started. With another log it has to be another process, which is one of
 * other options; the same in all threads.
 */
const restarts = () =>
  1000 +
  createHash('sha256')
    .update(process.env.CAMERA_LOG ?? '')
    .digest()
    .readUInt16LE();

const defaultLibrary = () => {
  const { INPLACE_EXCHANGE_LIBRARY, NAPI_RS_NATIVE_LIBRARY_PATH } = process.env;
  const folder = NAPI_RS_NATIVE_LIBRARY_PATH ? path.dirname(NAPI_RS_NATIVE_LIBRARY_PATH) : ROOT;
  return INPLACE_EXCHANGE_LIBRARY ?? path.join(folder, DEFAULT_LIBRARY);
};

/** @param {any} addon */
function useOwnProcesses(addon) {
  const { openLibrary, owned } = addon;
  /** @type {import('../../index.js').ExchangeLibrary | undefined} */
  let opened;
  const byDefault = () => {
    opened ??= /** @type {import('../../index.js').ExchangeLibrary} */ (addon.openLibrary(defaultLibrary()));
    return opened;
  };
  const exchangeDataAsync = (/** @type {any[]} */ ...args) =>
    /** @type {Function} */ (byDefault().exchangeDataAsync)(...args);
  Object.assign(addon, {
    openLibrary: (/** @type {string} */ file, /** @type {any} */ options) =>
      openLibrary(file, { process: 'own', restarts: restarts(), ...options }),
    exchangeDataInPlace: (/** @type {any} */ bytes) => byDefault().exchangeDataInPlace(bytes),
    exchangeDataAsync,
    operation: (/** @type {any} */ name) => byDefault().operation(name),
    owned: (/** @type {Function} */ exchange) =>
      owned(exchange === exchangeDataAsync ? byDefault().exchangeDataAsync : exchange),
  });
}

if (process.env.LIBRARY_PROCESS === 'own') {
  const internal = /** @type {any} */ (Module);
  const load = internal._load;
  let done = false;
  internal._load = (/** @type {string} */ request, /** @type {any} */ parent, /** @type {any[]} */ ...rest) => {
    const exports = load(request, parent, ...rest);
    if (!done && request.endsWith('addon.js') && internal._resolveFilename(request, parent) === ADDON) {
      done = true;
      useOwnProcesses(exports);
    }
    return exports;
  };
}
