// The schedule: for each workload, rounds that measure every row, in an order that rotates from round to round.

import { checksum, difference } from './checks.mjs';
import { rowsOf } from './rows.mjs';

const { bench, gc } = /** @type {any} */ (globalThis);

const SETTLE_MS = 100;
const WIDTH = 4000;
const HEIGHT = 3000;
const PIXELS = WIDTH * HEIGHT * 4;
/** Of these rows, other code does the work, and its results may differ. */
const OTHERS = ['WebAssembly', 'ImageDecoder'];
/** How much a picture of another decoder may differ on average, of 255. */
const TOLERANCE = 1;

/**
 * @typedef {import('./rows.mjs').Workload} Workload
 * @typedef {{ ms: number, library?: number }} Measured
 */

/** The first result of each row is compared with the right one, byte by byte. @typedef {(bytes: Uint8Array) => unknown} Check */

/**
 * @param {Workload} workload @param {Check} check throws if a result is wrong
 * @param {(bytes: Uint8Array) => unknown} checkOther the same for a row of other code; its result is reported
 */
async function measure(workload, check, checkOther) {
  const { name, library, operation, input, capacity } = workload;
  bench.prepare(library, ['decode', 'compress'].includes(operation) ? 1 : 2, input, capacity);
  const rows = Object.entries(await rowsOf(workload));
  /** @type {Map<string, number>} */
  const sums = new Map();
  /** @type {Record<string, unknown>} */
  const notes = {};
  for (let round = -1; round < bench.rounds; round += 1) {
    /** @type {Record<string, Measured>} */
    const measured = {};
    for (const [id, row] of rotated(rows, round + 1)) {
      row.prepare?.();
      const started = performance.now();
      const { bytes, ms = performance.now() - started } = await row.run();
      measured[id] = { ms, library: await row.took?.() };
      if (bytes) {
        const sum = checksum(bytes);
        if (!sums.has(id)) notes[id] = OTHERS.includes(id) ? checkOther(bytes) : check(bytes);
        else if (sums.get(id) !== sum) throw new Error(`${name}: ${id} has another result in round ${round}`);
        sums.set(id, sum);
      }
      // What a row leaves behind is collected at no other's cost, also what V8 does of that in the background.
      gc();
      await sleep(SETTLE_MS);
    }
    if (round >= 0) bench.report({ workload: name, round, measured }); // the first round warms up
  }
  bench.report({ workload: name, bytes: { input: input.length, capacity }, notes, versions: bench.versions });
}

/** @param {number} ms */
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @template T @param {T[]} list @param {number} by @returns {T[]} */
const rotated = (list, by) => [...list.slice(by % list.length), ...list.slice(0, by % list.length)];

/** @param {string} what @param {boolean} right */
function assert(what, right) {
  if (!right) throw new Error(`not the same: ${what}`);
}

async function main() {
  const file = new Uint8Array(await (await fetch('/picture.jpg')).arrayBuffer());
  const decoding = /** @type {Workload} */ ({
    name: 'JPEG, decoded',
    library: 'jpeg',
    operation: 'decode',
    input: file,
    capacity: PIXELS,
  });
  bench.prepare('jpeg', 1, file, PIXELS);
  /** By the library, without a page. @type {Uint8Array} */
  const pixels = bench.across(file);
  const sum = checksum(pixels);
  const isPicture = (/** @type {Uint8Array} */ bytes) => assert('pixels', checksum(bytes) === sum);
  await measure(decoding, isPicture, (bytes) => {
    const differs = difference(bytes, pixels);
    assert(`pixels, ${JSON.stringify(differs)}`, differs.mean < TOLERANCE);
    return differs;
  });

  const capacity = Math.ceil(PIXELS * 1.005); // what the library says of data that does not compress
  bench.prepare('zstd', 1, pixels, capacity);
  /** @type {Uint8Array} */
  const compressed = bench.across(pixels);
  const { decompress } = await import(String('/node_modules/@bokuweb/zstd-wasm/dist/esm/index.web.js'));
  const compressing = /** @type {Workload} */ ({
    name: 'zstd, compressed',
    library: 'zstd',
    operation: 'compress',
    input: pixels,
    capacity,
  });
  const sumOfCompressed = checksum(compressed);
  await measure(
    compressing,
    (bytes) => assert('frames', checksum(bytes) === sumOfCompressed),
    (bytes) => {
      isPicture(decompress(bytes)); // another version of zstd may choose other bytes
      return { bytes: bytes.length };
    },
  );
  const decompressing = /** @type {Workload} */ ({
    name: 'zstd, decompressed',
    library: 'zstd',
    operation: 'decompress',
    input: compressed,
    capacity: PIXELS,
  });
  await measure(decompressing, isPicture, isPicture);
}

main().then(bench.done, (error) => bench.failed(String(error?.stack ?? error)));
