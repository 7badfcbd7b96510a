// The same calls in plain Node.js, by the addon; and streams, by both ends of the page's port.

import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { createConnection } from '../../../lib/connection.mjs';
import { RUNS } from './runs.mjs';

const require = createRequire(import.meta.url);
const { openLibrary } = require('../../../index.js');
const { codedError } = require('../../../lib/errors.js');
const { serve } = require('../../../lib/port.js');
const { fixtureLibrary } = require('../../support/fixtures.js');
const { files, held, left, streamed, threads } = require('./libraries.js');

const libraries = Object.fromEntries(
  Object.entries(files()).map(([name, { path, ...options }]) => [name, openLibrary(path, options)]),
);

/** @type {import('./runs.mjs').Api['exchange']} */
async function exchange(bytes, { library, thread, signal }) {
  const { exchangeDataAsync, exchangeDataInPlace } = libraries[library];
  if (thread === 'worker') return exchangeDataAsync(bytes, { signal });
  signal?.throwIfAborted();
  try {
    return bytes.subarray(0, exchangeDataInPlace(bytes));
  } catch (error) {
    throw Object.assign(/** @type {Error} */ (error), { buffer: bytes });
  }
}

/** @type {import('./runs.mjs').Api['shared']} */
function shared(length, { library }) {
  const bytes = new Uint8Array(new SharedArrayBuffer(length));
  return { bytes, exchange: () => libraries[library].exchangeDataInPlace(bytes) };
}

/** As a page has it, but for the Web Locks of Workers. @returns {import('./runs.mjs').PageApi} */
function pageApi() {
  /** @type {any} */ (globalThis).navigator = {};
  /** @type {Map<unknown, any>} */
  const known = new Map(Object.entries({ ...files(), ...streamed(), overflow: fixtureLibrary('overflow') }));
  const { port1, port2 } = new MessageChannel();
  serve(port2, (key) => {
    const library = known.get(key);
    if (!library) throw codedError(Error, 'ERR_LIBRARY_UNKNOWN', 'There is none of that name.');
    return typeof library === 'string' ? openLibrary(library) : openLibrary(library.path, library);
  });
  const { functions } = createConnection(port1, { assertLoaded() {}, map() {} });
  const startReader = () => {
    const worker = new Worker(new URL('random-reader.mjs', import.meta.url));
    return {
      postMessage: (/** @type {unknown} */ data) => worker.postMessage(data),
      onMessage: (/** @type {(data: any) => void} */ listener) => worker.on('message', listener),
      onError: (/** @type {(error: Error) => void} */ listener) => worker.on('error', listener),
      terminate: () => worker.terminate(),
    };
  };
  return { ...functions, shared, held, left, threads, startReader, maps: false };
}

/** For AddressSanitizer: a library that writes a byte behind each slot, and so behind the memory. */
async function overflow() {
  const { ended } = pageApi().stream({ library: 'overflow', byteLength: 65_536, slots: 16 });
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 2000))]);
  return {};
}

const plan = JSON.parse(process.env.OWN_PLAN ?? '{}');
process.stdout.write(''); // which has a descriptor of its own from the first time on
const runs = { ...RUNS, overflow };
try {
  const api = plan.what === 'randomStreams' ? pageApi() : { exchange, shared, held, left, maps: false };
  end(await runs[/** @type {keyof typeof runs} */ (plan.what)](api, plan), 0);
} catch (error) {
  end({ failure: /** @type {Error} */ (error).stack }, 1);
}

/** Ports and Workers may be open. @param {object} result @param {number} status */
function end(result, status) {
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(status));
}
