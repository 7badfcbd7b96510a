// The native addon, for the modules of this package. index.js is the public part of it.

const { codedError } = require('./errors.js');
const { refuseImmutable } = require('./immutable.js');
const { loadError } = require('./load-error.js');
const { operations } = require('./operation.js');
const { ownProcess } = require('./own-process.js');
const { isPackaged } = require('./packaged.js');
const { reporter } = require('./progress.js');

/** @typedef {import('../index.js').ExchangeLibrary & { exchangeOwnedAsync: ExchangeAsync, binding: number, own?: number }} NativeLibrary */
/** @import { ExchangeAsync } from './progress.js' */
/** @import { ExposedLibrary } from './types/preload.js' */
/**
 * @typedef {Omit<typeof import('../index.js'), 'openLibrary' | 'shareLibraries'> & {
 *   openLibrary(path: string): NativeLibrary,
 *   openOwnLibrary(path: string, timeout: number, restarts: number, isolate: boolean, confine: boolean, shared: boolean): NativeLibrary,
 *   ownProcess(number: number): [pid: number | undefined, restarts: number, isMapped: boolean],
 *   canMapMemory(): boolean,
 *   mapSharedMemory(number: number, memory: SharedArrayBuffer): void,
 *   exchangeOwnedAsync: ExchangeAsync,
 *   bindOperation(binding: number, name?: string): { perform: any, exchangeDataAsync: any, exchangeOwnedAsync: ExchangeAsync },
 *   operationsOf(binding: number): string[],
 *   shareLibraries(): [program: string, refusal: string | null | undefined],
 *   progressOf(call: number): [done: number, total: number] | null,
 *   populator(): { exchangeDataAsync: any, exchangeOwnedAsync: ExchangeAsync },
 *   countSharedMemory(memory: SharedArrayBuffer): void,
 *   environmentEnded: Int32Array,
 * }} Native
 */

/** @type {Native} */
const native = load();

/** The number of the default library. */
const DEFAULT = 0;

const withProgress = reporter(native.progressOf);

/** For each `exchangeDataAsync`, the variant that does not detach the memory. @type {WeakMap<Function, Function>} */
const ownedVariants = new WeakMap();
const exchangeDataAsync = asynchronous(native);

/** By the `exchangeDataAsync` of a library in a process of its own. @type {WeakMap<Function, number>} */
const ownNumbers = new WeakMap();

/**
 * `exchangeDataAsync` of a library, or of one of its operations.
 * @param {{ exchangeDataAsync: any, exchangeOwnedAsync: ExchangeAsync }} functions
 * @returns {import('../index.js').ExchangeLibrary['exchangeDataAsync']}
 */
function asynchronous(functions) {
  const exchangeAsync = withProgress(functions.exchangeDataAsync);
  ownedVariants.set(exchangeAsync, withProgress(functions.exchangeOwnedAsync));
  return exchangeAsync;
}

/** The operations of a library. @param {number} binding */
const operationsOf = (binding) =>
  operations((name) => {
    const functions = native.bindOperation(binding, name);
    return Object.assign(refuseImmutable(functions.perform), { async: asynchronous(functions) });
  });

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
function openLibrary(path, options) {
  const process = ownProcess(options);
  const isOwn = process !== undefined && (process.fallback === 'copy' || native.canMapMemory());
  const opened = isOwn
    ? native.openOwnLibrary(path, process.timeout, process.restarts, process.isolate, process.confine, process.shared)
    : native.openLibrary(path);
  const { exchangeOwnedAsync, binding, own, ...library } = opened;
  const handle = {
    ...library,
    operations: native.operationsOf(binding),
    exchangeDataInPlace: refuseImmutable(library.exchangeDataInPlace),
    exchangeDataAsync: asynchronous(opened),
    operation: operationsOf(binding),
  };
  if (own === undefined) return handle;
  ownNumbers.set(handle.exchangeDataAsync, own);
  return Object.defineProperty(handle, 'process', { enumerable: true, get: () => describeProcess(own) });
}

/** @type {typeof import('../index.js').shareLibraries} */
function shareLibraries() {
  const [path, refusal] = native.shareLibraries();
  if (refusal === null || refusal === undefined) return;
  const message = `shareLibraries() cannot have this process start those of libraries: ${refusal}.`;
  throw Object.assign(codedError(Error, 'ERR_PROCESS_UNAVAILABLE', message), { path });
}

/** @param {number} own */
function describeProcess(own) {
  const [pid, restarts, isMapped] = native.ownProcess(own);
  return { pid: pid ?? undefined, transport: isMapped ? 'mapped' : 'copied', restarts };
}

/**
 * Maps shared memory that nobody else uses yet for the process of a library, so that it is lent without a copy from then on.
 * Without effect on other libraries, and where memory cannot be mapped.
 * @param {ExposedLibrary} library @param {SharedArrayBuffer} memory
 */
function mapSharedMemory(library, memory) {
  const own = ownNumbers.get(library.exchangeDataAsync);
  if (own !== undefined) native.mapSharedMemory(own, memory);
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
  /** Whether a library in a process of its own writes to this environment's memory itself. */
  canMapMemory: native.canMapMemory,
  exchangeDataAsync,
  exchangeDataInPlace: refuseImmutable(native.exchangeDataInPlace),
  externalBuffersAllowed: native.externalBuffersAllowed,
  openLibrary,
  operation: operationsOf(DEFAULT),
  shareLibraries,
  owned,
  countSharedMemory: native.countSharedMemory,
  mapSharedMemory,
  /** As `exchangeDataAsync`, and in place of a library's call has the pages of the memory made. No byte changes. */
  populate: asynchronous(native.populator()),
  /** One element, which is not 0 once this environment has ended. */
  environmentEnded: native.environmentEnded,
};
