// Random streams, several at a time: right and wrong options, readers in the page and in Workers that do as they like, memory
// that is overwritten, and ends of all kinds. Each stream ends as it may, its messages are right, and nothing is left behind.

import { layoutOf } from '../../../lib/ring.mjs';
import { checkHeld } from './memory.mjs';
import { drawing, finish, none, overwrite, readAtRandom, sleep } from './random-reading.mjs';
import { draw, GETTER, REFUSALS, spoilOptions, THREADS } from './stream-kinds.mjs';

/** @import { Stream } from '../../../lib/types/page.mjs' */
/** @import { Expected, Random } from './random-reading.mjs' */
/** @import { Api, PageApi } from './runs.mjs' */
/** @import { Kind } from './stream-kinds.mjs' */

const AT_A_TIME = 6;
/** A stream that takes longer to end is considered to hang. */
const LIMIT_MS = 20_000;
/** The libraries in processes of their own. */
const OWN = ['own-counter', 'one', 'limited', 'several'];
/** The words that are overwritten: all lines of a ring, or most of them, and the bytes of the first slots. */
const WORDS = 2048;

/** @param {Api} page @param {{ seed: number, count: number }} plan */
export async function randomStreams(page, { seed, count }) {
  const api = /** @type {PageApi} */ (page);
  const { held, threads } = api;
  /** @type {Record<string, number>} */
  const seen = {};
  /** Processes stay until their page is gone. Those that have crashed are there again afterwards. */
  const startProcesses = async () => {
    for (const library of OWN) await api.exchange(new Uint8Array(16), { library, thread: 'worker' });
  };
  await startProcesses();
  const before = held();
  let begun = 0;
  const oneAfterAnother = async () => {
    while (begun < count) {
      begun += 1;
      const number = begun;
      const r = drawing(Math.imul(seed, 1_000_003) + number);
      const kind = draw(r);
      try {
        const how = await oneStream(api, kind, r);
        seen[how] = (seen[how] ?? 0) + 1;
      } catch (error) {
        const { input, ...options } = kind.options;
        const described = JSON.stringify({ ...options, input: input && [...input] });
        throw new Error(`stream ${number}, ${described}: ${/** @type {Error} */ (error).stack}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, oneAfterAnother));
  await startProcesses();
  await checkHeld(held, before);
  const most = Object.values(THREADS).reduce((sum, each) => sum + each);
  if (threads('exchange') > most) throw new Error(`${threads('exchange')} threads of libraries, at most ${most}`);
  return { seen, held: before };
}

/**
 * Begins a stream, reads it and ends it. Resolves to how it has ended, in words.
 * @param {PageApi} api @param {Kind} kind @param {Random} r
 */
async function oneStream(api, kind, r) {
  const how = kind.ends && r.chance(0.5) ? 'itself' : r.pick(['stop', 'stop', 'abort', 'close', 'gone']);
  const controller = new AbortController();
  const isEarly = how === 'abort' && r.chance(0.2);
  if (isEarly) controller.abort();
  const options = how === 'abort' ? { ...kind.options, signal: controller.signal } : kind.options;
  if (r.chance(0.15)) return strangeStream(api, spoilOptions(r, options), r);

  const stream = api.stream(options);
  const outcome = outcomeOf(stream);
  const { byteLength, policy = 'wait', library } = kind.options;
  const isSound = how === 'itself' || r.chance(0.8);
  const isShared = isSound && how !== 'itself' && r.chance(0.1);
  /** @type {Expected} */
  const expected = { byteLength, policy, stamps: kind.stamps, isSound, isShared };
  const progress = none();
  const ms = how === 'itself' ? Infinity : r.pick([0, r.below(5), r.below(50)]);
  const closes = how === 'close';
  const others = [];
  if (!isSound) others.push(disturb(api, stream, kind, r));
  if (isShared) others.push(readHere(stream, { ...expected }, none(), r, r.below(20), false));
  if (kind.stamps === 'counter' && r.chance(0.2))
    others.push(api.exchange(new Uint8Array(16), { library, thread: 'worker' }));
  if (how === 'stop' && r.chance(0.5)) setTimeout(stream.stop, ms);
  if (how === 'abort') setTimeout(() => controller.abort(), ms);

  if (how === 'gone' || isShared || r.chance(0.4)) {
    // The end of a Worker is noticed once its reader's `opened` was fulfilled.
    const reopens = how !== 'gone';
    const read = { memory: stream.memory, expected, progress, seed: r.below(2 ** 31), ms, closes, reopens };
    const worker = inWorker(api, read);
    await within(worker.opened, 'a Worker that opens a stream');
    if (how === 'gone') await Promise.race([worker.done, sleep(ms / 2)]);
    else Object.assign(progress, await within(worker.done, 'a Worker that reads'));
    worker.terminate();
  } else await within(readHere(stream, expected, progress, r, ms, closes), 'the page as a reader');
  await within(Promise.all(others), 'what else uses the stream');

  // By a reader, unless others may have kept the word of it from the native side.
  const endsByReader = isSound && !isShared && (closes || (how === 'gone' && 'locks' in navigator));
  if (how === 'stop' || (how !== 'itself' && how !== 'abort' && !endsByReader)) {
    if (r.chance(0.3)) stream.stop();
    await within(stream.stop(), 'stop()');
  }
  const code = await within(outcome, `a stream that ends by: ${how}`);
  const mayEnd = (how !== 'itself' && how !== 'abort') || !isSound || closes;
  const mayBeAborted = how === 'abort';
  const isExpected = (code === '' && mayEnd) || (code === 'ABORT_ERR' && mayBeAborted) || kind.codes.includes(code);
  if (!isExpected || (isEarly && code !== 'ABORT_ERR')) throw new Error(`by ${how} it has ended with '${code}'`);
  if (isSound) {
    const state = finish(stream.memory, { ...expected, isShared: isShared || how === 'gone' }, progress);
    if (how === 'itself' && state !== (code ? 'failed' : 'ended')) throw new Error(`it is ${state} after '${code}'`);
    if (state === 'running') throw new Error(`it runs after '${code}'`);
  }
  return `${code || 'ended'}${isSound ? '' : ', its memory overwritten'}`;
}

/** One whose options are wrong, or only strange. @param {PageApi} api @param {any} options @param {Random} r */
async function strangeStream(api, options, r) {
  /** @type {Stream} */
  let stream;
  try {
    stream = api.stream(options);
  } catch (error) {
    const { code } = /** @type {any} */ (error);
    if (error !== GETTER && !REFUSALS.includes(code)) throw error;
    return `refused: ${code ?? 'what a getter has thrown'}`;
  }
  const outcome = outcomeOf(stream);
  await sleep(r.below(10));
  await within(stream.stop(), 'stop() of a strange stream');
  const code = await outcome;
  if (code && !/^(ABORT_)?ERR/.test(code)) throw new Error(`a strange stream has ended with '${code}'`);
  return `strange: ${code || 'ended'}`;
}

/** The code of the error with which a stream ends, or ''. @param {Stream} stream @returns {Promise<string>} */
const outcomeOf = ({ ended }) =>
  ended.then(
    () => '',
    (error) => error.code ?? String(error),
  );

/**
 * @param {Stream} stream @param {Expected} expected @param {ReturnType<typeof none>} progress @param {Random} r
 * @param {number} ms @param {boolean} closes
 */
function readHere({ memory }, expected, progress, r, ms, closes) {
  const end = performance.now() + ms;
  return readAtRandom(memory, expected, progress, r, { isOver: () => performance.now() > end, closes });
}

/**
 * Overwrites the memory for a while, here or in a Worker.
 * @param {PageApi} api @param {Stream} stream @param {Kind} kind @param {Random} r
 */
async function disturb(api, { memory }, kind, r) {
  const { slots = 4, byteLength } = kind.options;
  const words = kind.trustsInput ? layoutOf(slots, byteLength, 0).data / 4 : WORDS;
  if (r.chance(0.3)) {
    const worker = inWorker(api, { memory, words, seed: r.below(2 ** 31), ms: r.below(30) });
    await worker.done;
    worker.terminate();
    return;
  }
  for (let left = 1 + r.below(5); left > 0; left -= 1) {
    await sleep(r.below(6));
    overwrite(memory, r, words, r.chance(0.1));
  }
}

/** @param {PageApi} api @param {object} what for random-reader.mjs */
function inWorker({ startReader }, what) {
  const worker = startReader();
  worker.postMessage(what);
  /** @type {(is: (data: any) => boolean) => Promise<any>} */
  const answer = (is) =>
    new Promise((resolve, reject) => {
      worker.onMessage((data) => {
        if (data.failure) reject(new Error(`in a Worker: ${data.failure}`));
        else if (is(data)) resolve(data.progress);
      });
      worker.onError(({ message }) => reject(new Error(`a Worker: ${message}`)));
    });
  const opened = answer((data) => data === 'opened');
  const done = answer((data) => data !== 'opened');
  for (const promise of [opened, done]) promise.catch(() => {}); // not all are waited for
  return { opened, done, terminate: worker.terminate };
}

/** @template T @param {Promise<T>} promise @param {string} what @returns {Promise<T>} */
function within(promise, what) {
  /** @type {ReturnType<typeof setTimeout>} */
  let limit;
  const tooLate = new Promise((_resolve, reject) => {
    limit = setTimeout(() => reject(new Error(`${what}: not done in ${LIMIT_MS} ms`)), LIMIT_MS);
  });
  return Promise.race([promise, tooLate]).finally(() => clearTimeout(limit));
}
