// The loads of a page of the soak. Each runs until the page ends, with pauses that leave CPU time to others.

import { page } from './connection.mjs';
import { difference, fillPattern, PATTERN_BYTES, requestFill } from './expected.mjs';
import { loadAborts, loadCrash, loadPlanted } from './failing.mjs';
import { loadFrames } from './frames.mjs';
import { loadKills, loadRandom } from './own.mjs';
import { loadPopupGone, loadPopupPreload, loadPopups } from './popups.mjs';
import { loadSharing } from './sharing.mjs';
import { loadStreams } from './streams.mjs';

/** @import { Context } from './page.mjs' */
/** @typedef {(context: Context) => Promise<void>} Load */

/** @type {Uint8Array | undefined} */
let knownPattern;
/** @param {Context} context */
export function pattern({ version }) {
  knownPattern ??= fillPattern(version);
  return knownPattern;
}

/** A random size, mostly small. @param {Context} context */
function size({ below }) {
  const kind = below(100);
  if (kind === 0) return PATTERN_BYTES;
  return kind < 10 ? 1024 * 1024 : 87 + below(kind < 50 ? 200 : 16_000);
}

const LOWER_CASE_A = 97;
const BUSY = ['ERR_LIBRARY_BUSY'];

/**
 * Fills the memory with random letters for the library that converts to upper case, and returns the expected result.
 * @param {Context} context @param {Uint8Array} bytes
 */
function fillWithLetters({ below }, bytes) {
  const expected = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at += 1) {
    const letter = below(26);
    bytes[at] = LOWER_CASE_A + letter;
    expected[at] = LOWER_CASE_A - 32 + letter;
  }
  return expected;
}

/** @param {Context} context @param {string} load @param {Uint8Array} bytes @param {Uint8Array} expected @param {number} length */
function checkResult({ fault, plant }, load, bytes, expected, length) {
  if (plant === 'wrong' && performance.now() > 5000) bytes[bytes.length >> 1] ^= 1;
  if (bytes.length !== length) fault(`${load}: ${bytes.length} bytes were returned, not ${length}`);
  const at = difference(bytes, expected);
  if (at !== -1) fault(`${load}: wrong byte ${bytes[at]} at ${at} of ${bytes.length}, expected ${expected[at]}`);
}

/** @param {Context} context @param {'main' | 'worker'} thread */
async function exchangeOnce(context, thread) {
  const { below } = context;
  const filled = below(2) === 0;
  const bytes = new Uint8Array(filled ? size(context) : 16 + below(2000));
  const expected = filled ? pattern(context) : fillWithLetters(context, bytes);
  if (filled) requestFill(bytes, below(256));
  const library = filled ? 'default' : 'uppercase-c';
  const { length } = bytes;
  const result = await context.tracked(thread, () => page.exchange(bytes, { library, thread }), BUSY);
  if (result) checkResult(context, thread, result, expected, length);
}

/** @param {Context} context */
async function loadMain(context) {
  for (;;) {
    await exchangeOnce(context, 'main');
    await context.pause(context.below(30));
  }
}

/** From 64 MiB on, `allocate` returns shared memory, to which the preload keeps a reference until the page drops it. */
const SHARED_BYTES = 64 * 1024 * 1024;

/** @param {Context} context */
async function loadWorker(context) {
  for (let round = 1; ; round += 1) {
    await Promise.all(Array.from({ length: 1 + context.below(6) }, () => exchangeOnce(context, 'worker')));
    if (round % 10 === 0) await exchangeSlowly(context);
    if (round % 200 === 0) await exchangeShared(context);
    await context.pause(context.below(60));
  }
}

/** Several concurrent calls that take a random time. @param {Context} context */
async function exchangeSlowly(context) {
  const call = async () => {
    const bytes = new Uint8Array(64);
    bytes[0] = 1 + context.below(20);
    const expected = new Uint8Array(64).fill(0xa5);
    expected.set(bytes.subarray(0, 4));
    const options = { library: 'camera-concurrent' };
    const result = await context.tracked('worker', () => page.exchange(bytes, options), []);
    if (result) checkResult(context, 'worker', result, expected, 64);
  };
  await Promise.all([call(), call(), call()]);
}

/** @param {Context} context */
async function exchangeShared(context) {
  const bytes = page.allocate(SHARED_BYTES);
  requestFill(bytes.subarray(0, 4096), 0);
  const result = await context.tracked('worker', () => page.exchange(bytes), []);
  if (result?.length !== SHARED_BYTES) context.fault(`worker: ${result?.length} bytes of shared memory`);
  else checkResult(context, 'worker', result.subarray(0, 4096), pattern(context), 4096);
}

/** @param {Context} context */
async function loadShared(context) {
  for (;;) {
    const filled = context.below(2) === 0;
    const memory = page.shared(100 + context.below(4000), { library: filled ? 'default' : 'uppercase-c' });
    for (let round = 0; round < 20; round += 1) {
      for (let call = 0; call < 20; call += 1) {
        const expected = filled ? pattern(context) : fillWithLetters(context, memory.bytes);
        if (filled) requestFill(memory.bytes, call);
        const count = await context.tracked('shared', memory.exchange, BUSY);
        if (count !== undefined) {
          checkResult(context, 'shared', memory.bytes.subarray(0, count), expected, memory.bytes.length);
        }
      }
      await context.pause(10 + context.below(50));
    }
  }
}

/** @type {Record<string, Load>} */
export const LOADS = {
  main: loadMain,
  worker: loadWorker,
  shared: loadShared,
  abort: loadAborts,
  crash: loadCrash,
  planted: loadPlanted,
  random: loadRandom,
  kill: loadKills,
  sharing: loadSharing,
  stream: loadStreams,
  recycle: (context) => loadFrames(context, true),
  transfer: (context) => loadFrames(context, false),
  popup: (context) => loadPopups(context, true),
  'popup-opener': (context) => loadPopups(context, false),
  'popup-preload': loadPopupPreload,
  'popup-gone': loadPopupGone,
};
