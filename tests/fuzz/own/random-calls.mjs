// Random calls of libraries in own processes, with crashes: every byte that is known beforehand is checked, and that
// nothing is left behind.

import { randomFrom } from '../../soak/random.mjs';
import { BESIDE, checkBytes, checkError, checkHeld, checkRest, FAULTS, request } from './memory.mjs';

/** @import { Api } from './runs.mjs' */
/** @typedef {{ bytes: Uint8Array<ArrayBuffer>, what: string, library: string, thread: 'main' | 'worker' }} Call */

const LARGE = [960 * 1024, 2 ** 20, 2 ** 21, 2 ** 22];
const KILLING = Object.keys(FAULTS).filter((what) => what !== 'L');
const MAX_AT_A_TIME = 4;
const MAX_POOL = 8;

/** @param {Api} api @param {{ seed: number, count: number }} plan */
export async function randomCalls({ exchange, shared, held, maps, pause }, { seed, count }) {
  const random = randomFrom(seed);
  const below = (/** @type {number} */ n) => Math.floor(random() * n);
  const pick = (/** @type {readonly any[]} */ list) => list[below(list.length)];
  /** @type {Record<string, number>} */
  const seen = {};
  const see = (/** @type {string} */ outcome) => {
    seen[outcome] = (seen[outcome] ?? 0) + 1;
  };
  /** Memory that has come back, with the length that it must have. @type {Uint8Array<ArrayBuffer>[]} */
  const pool = [];

  function size() {
    if (below(20) > 0) return 64 + below(below(4) === 0 ? 100_000 : 2000);
    const near = pick(LARGE);
    return Math.min(2 ** 22, near + (below(3) - 1) * below(5000));
  }

  /** Memory that another library had just before, or new memory. */
  function memory() {
    if (pool.length === 0 || below(2) === 0) return new Uint8Array(size());
    const [bytes] = pool.splice(below(pool.length), 1);
    return bytes;
  }

  /** Some of what comes back is dropped. @param {Uint8Array<ArrayBuffer>} bytes */
  function keep(bytes) {
    if (below(3) > 0 && pool.length < MAX_POOL) pool.push(bytes);
  }

  function next() {
    const library = pick(['one', 'one', 'limited', 'several', 'several']);
    const draw = below(1000);
    const what = draw < 60 ? pick(KILLING) : draw < 90 ? 'F' : draw < 94 && library === 'limited' ? 'L' : '.';
    return { bytes: memory(), what, library, thread: pick(['main', 'worker']) };
  }

  /** @param {Call} call @param {boolean} alone whether no other call can interfere @param {number} mark */
  async function make({ bytes, what, library, thread }, alone, mark) {
    const { length } = bytes;
    const value = mark % 251;
    const stop = thread === 'worker' && what !== 'L' && below(12) === 0 ? new AbortController() : undefined;
    const waits = stop !== undefined && what === '.' && below(2) === 0;
    if (waits) what = 'W';
    request(bytes, what, mark);
    if (stop) setTimeout(() => stop.abort(), below(4));
    const where = `call ${mark}, '${what}' of ${length} bytes, ${library}, ${thread}${stop ? ', aborted' : ''}`;
    try {
      const result = await exchange(bytes, { library, thread, signal: stop?.signal });
      if (what !== '.') throw new Error('it has returned');
      checkBytes(result, length, what, 255 - value);
      see('ok');
      keep(result);
    } catch (error) {
      const { code, buffer } = /** @type {any} */ (error);
      try {
        if (code === undefined) throw error;
        if (code === 'ABORT_ERR' && !stop && alone) throw error;
        if (what in FAULTS && (alone || !BESIDE.includes(code)) && code !== 'ABORT_ERR')
          checkError(error, /** @type {keyof typeof FAULTS} */ (what));
        else if (what === 'F' && !(BESIDE.includes(code) && (!alone || stop)) && code !== 'ERR_LIBRARY_FAILED')
          throw error;
        else if (what === '.' && !(BESIDE.includes(code) && (!alone || stop))) throw error;
        if (buffer?.length !== length) throw new Error(`the error has ${buffer?.length} bytes`);
        if (code === 'ERR_LIBRARY_BUSY') checkBytes(buffer, length, what, value);
        if (code === 'ERR_LIBRARY_CRASHED' || code === 'ERR_LIBRARY_TIMEOUT')
          checkRest(buffer, length, what, value, maps);
        see(code);
        keep(buffer);
      } catch (problem) {
        throw new Error(`${where}: ${problem}`, { cause: error });
      }
    }
  }

  /** @param {number} mark */
  function makeShared(mark) {
    const { bytes, exchange: call } = shared(64 + below(below(10) === 0 ? 2 ** 21 : 5000), {
      library: pick(['one', 'several']),
    });
    const what = below(15) === 0 ? pick(KILLING) : '.';
    request(bytes, what, mark);
    try {
      const length = call();
      if (what !== '.' || length !== bytes.length) throw new Error(`shared, '${what}': ${length}`);
      checkBytes(bytes, bytes.length, what, 255 - (mark % 251));
      see('ok, shared');
    } catch (error) {
      if (!(what in FAULTS)) throw error;
      checkError(error, /** @type {keyof typeof FAULTS} */ (what));
      checkRest(bytes, bytes.length, what, mark % 251, maps);
      see('ERR_LIBRARY_CRASHED, shared');
    }
  }

  /** Every library runs, so that what is held can be compared. */
  async function warmUp() {
    for (const library of ['one', 'limited', 'several'])
      for (const thread of /** @type {const} */ (['main', 'worker']))
        await make({ bytes: new Uint8Array(4096), what: '.', library, thread }, true, 0);
  }

  await warmUp();
  const before = held();
  for (let made = 0; made < count; ) {
    const at = below(10);
    const calls = at < 5 ? [next()] : at < 9 ? Array.from({ length: 1 + below(MAX_AT_A_TIME) }, next) : [];
    if (at === 9) makeShared(made);
    // Synchronous calls first: while one waits for its library's process, no other one begins.
    await Promise.all(calls.map((call, index) => make(call, calls.length === 1, made + index)));
    made += Math.max(1, calls.length);
    await pause?.();
  }
  await warmUp();
  await checkHeld(held, before);
  return { seen, held: before };
}
