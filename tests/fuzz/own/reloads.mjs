// A page that is reloaded over and over, with calls of libraries in processes of their own in flight. Ten times meanwhile
// all is at rest for a while, and what the page's process then holds is compared with the first time.

import { randomFrom } from '../../soak/random.mjs';
import { BESIDE, checkBytes, request } from './memory.mjs';

/** @import { Api } from './runs.mjs' */

/** Before the first comparison: a young process grows. */
const WARM_UP = 20;
const COMPARISONS = 10;
/** What is no longer needed is given back after 5 s at rest. */
const REST_MS = 15_000;
const MAX_TRIES = 100;
const MiB = 2 ** 20;
const LIBRARIES = ['one', 'limited', 'several'];
const THREADS = /** @type {const} */ (['main', 'worker']);
const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Of what the page's process holds, what must be gone at rest. */
const NOTHING = ['processes', 'watchers', 'controls', 'shared'];
/** A buffer of a page before that the garbage collector has not found yet. */
const MAX_BUFFERS = 4;
/**
 * How much there may be of the rest, by what there was the first time. Chromium's own comes and goes, and the threads of the
 * libraries' queues are started when they are first needed. A page that is reloaded without any call of a library leaves
 * 1.2 mappings and 0.3 MiB behind in Electron 33.
 * @type {Record<string, (first: number, reloads: number) => number>}
 */
const MOST = {
  buffers: () => MAX_BUFFERS,
  descriptors: (first) => first + 4,
  threads: (first) => first + 8,
  mappings: (first, reloads) => first * 1.1 + 50 + reloads * 1.5,
  memory: (first, reloads) => first * 1.15 + (48 + reloads * 0.35) * MiB,
};

/**
 * From page to page. `retries`: calls that another one has ended, of the page before.
 * @typedef {{ round: number, retries: number, figures: Record<string, number>[] }} State
 */

/**
 * Resolves, with all figures, in the last page only.
 * @param {Api} api @param {{ seed: number, count: number }} plan
 */
export async function reloads({ exchange, shared, left }, { seed, count }) {
  /** @type {State} */
  const state = JSON.parse(sessionStorage.getItem('reloads') ?? '{ "round": 0, "retries": 0, "figures": [] }');
  const { round, figures } = state;
  const random = randomFrom(seed + round);
  const below = (/** @type {number} */ n) => Math.floor(random() * n);
  const pick = (/** @type {string} */ from) => from[below(from.length)];

  /** What the page before has left running may end the process that this call is in. @param {() => Promise<void> | void} call */
  async function retried(call) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await call();
      } catch (error) {
        if (!BESIDE.includes(/** @type {any} */ (error).code) || tries === MAX_TRIES) throw error;
        state.retries += 1;
        await pause(10);
      }
    }
  }

  async function callAll() {
    for (const library of LIBRARIES) {
      for (const thread of THREADS) {
        await retried(async () => {
          const length = below(2) === 0 ? 64 + below(100_000) : 2 * MiB;
          const bytes = new Uint8Array(length);
          request(bytes, '.', round);
          checkBytes(await exchange(bytes, { library, thread }), length, '.', 255 - (round % 251));
        });
      }
      await retried(() => {
        const { bytes, exchange } = shared(MiB, { library });
        request(bytes, '.', round);
        exchange();
        checkBytes(bytes, MiB, '.', 255 - (round % 251));
      });
    }
  }

  /** Calls that the page does not wait for: most end well, some with their process, some only because the page goes. */
  function callOn() {
    for (let each = 0; each < 6; each += 1) {
      const library = LIBRARIES[each % 3];
      const bytes = new Uint8Array(each < 3 ? 4 * MiB : 64 + below(100_000));
      request(bytes, pick(library === 'limited' ? '...SL' : '...SKAEFW'), round);
      exchange(bytes, { library, thread: 'worker' }).catch(() => {}); // it may end in any way
    }
  }

  const made = round - WARM_UP;
  if (made >= 0 && (made % Math.ceil(count / COMPARISONS) === 0 || made === count)) {
    figures.push(await atRest(left));
    compare(figures[0], /** @type {Record<string, number>} */ (figures.at(-1)), made);
  }
  if (made === count) return { figures, retries: state.retries, held: figures[0] };
  await callAll();
  callOn();
  sessionStorage.setItem('reloads', JSON.stringify({ ...state, round: round + 1 }));
  await pause(below(8));
  location.reload();
  return new Promise(() => {}); // this page ends
}

/** What the process holds when no page has made a call for a while. @param {Api['left']} left */
async function atRest(left) {
  const until = performance.now() + REST_MS;
  for (;;) {
    /** @type {any} */ (globalThis).gc();
    const figures = left();
    if ([...NOTHING, 'buffers'].every((name) => figures[name] === 0) || performance.now() > until) return figures;
    await pause(200);
  }
}

/** @param {Record<string, number>} first @param {Record<string, number>} now @param {number} reloads since then */
function compare(first, now, reloads) {
  const described = `${JSON.stringify(now)}, the first time ${JSON.stringify(first)}`;
  for (const name of NOTHING) if (now[name] > 0) throw new Error(`${name} are left behind: ${described}`);
  for (const [name, most] of Object.entries(MOST))
    if (now[name] > most(first[name], reloads)) throw new Error(`${name} have grown: ${described}`);
}
