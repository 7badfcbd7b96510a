// What a page of the soak does, by kind: each load goes on until the page ends, at a pace that leaves the machine time.

import { page } from './connection.mjs';
import { askToFill, difference, fillPattern, PATTERN_BYTES } from './expected.mjs';
import { makeAbort, makeCrash, makePlanted } from './failing.mjs';
import { makeFrames } from './frames.mjs';
import { makePopup, makePopupGone, makePopupPreload } from './popups.mjs';

/** @import { Context } from './page.mjs' */
/** @typedef {{ makeLoad?: (context: Context) => Promise<void> }} Load */

/** @type {Uint8Array | undefined} */
let known;
/** @param {Context} context */
export function pattern({ version }) {
  known ??= fillPattern(version);
  return known;
}

/** A size that is worth the while: most are small. @param {Context} context */
function size({ below }) {
  const kind = below(100);
  if (kind === 0) return PATTERN_BYTES;
  return kind < 10 ? 1024 * 1024 : 87 + below(kind < 50 ? 200 : 16_000);
}

const SMALL_A = 97;
const BUSY = ['ERR_LIBRARY_BUSY'];

/**
 * Letters for the library that makes them capitals, and what it must make of them.
 * @param {Context} context @param {Uint8Array} bytes
 */
function letters({ below }, bytes) {
  const expected = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at += 1) {
    const letter = below(26);
    bytes[at] = SMALL_A + letter;
    expected[at] = SMALL_A - 32 + letter;
  }
  return expected;
}

/** @param {Context} context @param {string} load @param {Uint8Array} bytes @param {Uint8Array} expected @param {number} length */
function checkAnswer({ fault, plant }, load, bytes, expected, length) {
  if (plant === 'wrong' && performance.now() > 5000) bytes[bytes.length >> 1] ^= 1;
  if (bytes.length !== length) fault(`${load}: ${bytes.length} bytes came back, and not ${length}`);
  const at = difference(bytes, expected);
  if (at !== -1) fault(`${load}: wrong byte ${bytes[at]} at ${at} of ${bytes.length}, and not ${expected[at]}`);
}

/** @param {Context} context @param {'main' | 'worker'} thread */
async function exchangeOnce(context, thread) {
  const { below } = context;
  const filled = below(2) === 0;
  const bytes = new Uint8Array(filled ? size(context) : 16 + below(2000));
  const expected = filled ? pattern(context) : letters(context, bytes);
  if (filled) askToFill(bytes, below(256));
  const library = filled ? 'default' : 'uppercase-c';
  const { length } = bytes;
  const answer = await context.tracked(thread, () => page.exchange(bytes, { library, thread }), BUSY);
  if (answer) checkAnswer(context, thread, answer, expected, length);
}

/** @param {Context} context */
async function makeMain(context) {
  for (;;) {
    await exchangeOnce(context, 'main');
    await context.pause(context.below(30));
  }
}

/** From 64 MiB on, `allocate` gives shared memory, which the preload holds until this page has dropped it. */
const SHARED_BYTES = 64 * 1024 * 1024;

/** @param {Context} context */
async function makeWorker(context) {
  for (let round = 1; ; round += 1) {
    await Promise.all(Array.from({ length: 1 + context.below(6) }, () => exchangeOnce(context, 'worker')));
    if (round % 10 === 0) await takeTime(context);
    if (round % 200 === 0) await exchangeShared(context);
    await context.pause(context.below(60));
  }
}

/** Several at once, of a library that takes the time it is told to. @param {Context} context */
async function takeTime(context) {
  const call = async () => {
    const bytes = new Uint8Array(64);
    bytes[0] = 1 + context.below(20);
    const expected = new Uint8Array(64).fill(0xa5);
    expected.set(bytes.subarray(0, 4));
    const options = { library: 'camera-concurrent' };
    const answer = await context.tracked('worker', () => page.exchange(bytes, options), []);
    if (answer) checkAnswer(context, 'worker', answer, expected, 64);
  };
  await Promise.all([call(), call(), call()]);
}

/** @param {Context} context */
async function exchangeShared(context) {
  const bytes = page.allocate(SHARED_BYTES);
  askToFill(bytes.subarray(0, 4096), 0);
  const answer = await context.tracked('worker', () => page.exchange(bytes), []);
  if (answer?.length !== SHARED_BYTES) context.fault(`worker: ${answer?.length} bytes of shared memory`);
  else checkAnswer(context, 'worker', answer.subarray(0, 4096), pattern(context), 4096);
}

/** @param {Context} context */
async function makeShared(context) {
  for (;;) {
    const filled = context.below(2) === 0;
    const memory = page.shared(100 + context.below(4000), { library: filled ? 'default' : 'uppercase-c' });
    for (let round = 0; round < 20; round += 1) {
      for (let call = 0; call < 20; call += 1) {
        const expected = filled ? pattern(context) : letters(context, memory.bytes);
        if (filled) askToFill(memory.bytes, call);
        const count = await context.tracked('shared', memory.exchange, BUSY);
        if (count !== undefined) {
          checkAnswer(context, 'shared', memory.bytes.subarray(0, count), expected, memory.bytes.length);
        }
      }
      await context.pause(10 + context.below(50));
    }
  }
}

/** @type {Record<string, Load>} */
export const LOADS = {
  main: { makeLoad: makeMain },
  worker: { makeLoad: makeWorker },
  shared: { makeLoad: makeShared },
  abort: { makeLoad: makeAbort },
  crash: { makeLoad: makeCrash },
  planted: { makeLoad: makePlanted },
  recycle: { makeLoad: (context) => makeFrames(context, true) },
  transfer: { makeLoad: (context) => makeFrames(context, false) },
  popup: { makeLoad: (context) => makePopup(context, true) },
  'popup-opener': { makeLoad: (context) => makePopup(context, false) },
  'popup-preload': { makeLoad: makePopupPreload },
  'popup-gone': { makeLoad: makePopupGone },
};
