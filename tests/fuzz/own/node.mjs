// The same calls in plain Node.js, by the addon.

import { createRequire } from 'node:module';
import { RUNS } from './runs.mjs';

const require = createRequire(import.meta.url);
const { openLibrary } = require('../../../index.js');
const { files, held, left } = require('./libraries.js');

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

const plan = JSON.parse(process.env.OWN_PLAN ?? '{}');
try {
  const result = await RUNS[/** @type {keyof typeof RUNS} */ (plan.what)](
    { exchange, shared, held, left, maps: false },
    plan,
  );
  process.stdout.write(`${JSON.stringify(result)}\n`);
} catch (error) {
  process.stdout.write(`${JSON.stringify({ failure: /** @type {Error} */ (error).stack })}\n`);
  process.exitCode = 1;
}
