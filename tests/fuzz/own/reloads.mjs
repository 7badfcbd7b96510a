// A page that is reloaded over and over, with calls of libraries in processes of their own in flight, or with streams. Ten
// times meanwhile all is at rest for a while, and what the page's process then holds is compared with the first time.

import { calls } from './reload-calls.mjs';
import { streams } from './reload-streams.mjs';

/** @import { Api } from './runs.mjs' */

/** Before the first comparison: a young process grows. */
const WARM_UP = 20;
const COMPARISONS = 10;
/** What is no longer needed is given back after 5 s at rest. */
const REST_MS = 15_000;
/** Chromium ends a Worker that does not return to its event loop after 2 s; what it had takes several collections more. */
const WORKERS_END_MS = 4000;
const COLLECTIONS = 10;
/** Electron itself leaves 7 mappings and 1.5 MiB behind for each quick reload, unless garbage is collected now and then. */
const COLLECTED_EVERY = 5;
const MiB = 2 ** 20;
const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Of what the page's process holds, what must be gone at rest. */
const NOTHING = ['processes', 'watchers', 'streams', 'controls', 'shared'];
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
 *
 * What a page does: `wait` for, and `leave` running when it goes.
 * @typedef {{ wait(): Promise<void>, leave(): void }} Load
 */

/**
 * Resolves, with all figures, in the last page only.
 * @param {Api} api @param {{ what: string, seed: number, count: number }} plan
 */
export async function reloads(api, plan) {
  const { left } = api;
  const { seed, count } = plan;
  /** @type {State} */
  const state = JSON.parse(sessionStorage.getItem('reloads') ?? '{ "round": 0, "retries": 0, "figures": [] }');
  const { round, figures } = state;
  const load = plan.what === 'streams' ? streams(api, seed + round) : calls(api, state, seed + round);

  const made = round - WARM_UP;
  if (made >= 0 && (made % Math.ceil(count / COMPARISONS) === 0 || made === count)) {
    for (let each = 0; plan.what === 'streams' && each < COLLECTIONS; each += 1) {
      await pause(WORKERS_END_MS / COLLECTIONS);
      /** @type {any} */ (globalThis).gc();
    }
    figures.push(await atRest(left));
    compare(figures[0], /** @type {Record<string, number>} */ (figures.at(-1)), made);
  }
  if (made === count) return { figures, retries: state.retries, held: figures[0] };
  if (plan.what === 'streams' && round % COLLECTED_EVERY === 0) /** @type {any} */ (globalThis).gc();
  await load.wait();
  load.leave();
  sessionStorage.setItem('reloads', JSON.stringify({ ...state, round: round + 1 }));
  await pause(round % 8);
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
