// A page of the soak: makes the calls that its window is there for, checks each answer, and reports every half second.

import { LOADS } from './loads.mjs';
import { randomFrom } from './random.mjs';

/** @typedef {{ loads: string[], seed: number, version: string, plant: string }} Options */

const { soak } = /** @type {{ soak: { options: string, report(report: string): void, count(): number } }} */ (
  /** @type {unknown} */ (globalThis)
);
const REPORT_MS = 500;
/** More would say nothing new. */
const MAX_FAULTS = 5;

/** @type {Options} */
const options = JSON.parse(soak.options);

// Each page draws from the seed, its window and how many pages that has had before. What is drawn can be had again; when
// calls meet one another cannot.
const pagesBefore = Number(sessionStorage.getItem('pages') ?? 0);
sessionStorage.setItem('pages', String(pagesBefore + 1));
const random = randomFrom(options.seed + 1000 * pagesBefore);

/** @type {Map<number, number>} when each call that is under way began */
const pending = new Map();
let lastCall = 0;
/** @type {Record<string, number>} */
let counts = {};
/** @type {Record<string, number>} */
let errors = {};
/** @type {string[]} */
let faults = [];

const fault = (/** @type {string} */ text) => {
  if (faults.length < MAX_FAULTS) faults.push(text);
};

export const context = {
  ...options,
  count: soak.count,
  below: (/** @type {number} */ n) => Math.floor(random() * n),
  pause: (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  fault,
  report,
  /**
   * Makes a call: counts it and its error, and keeps its age while it is pending. What it gives, or undefined.
   * @template T
   * @param {string} load @param {() => T | Promise<T>} call @param {string[]} allowed codes that it may fail with
   * @param {(error: any) => void} [check] what else must be true of such an error
   */
  async tracked(load, call, allowed, check) {
    const id = ++lastCall;
    pending.set(id, performance.now());
    try {
      const result = await call();
      counts[load] = (counts[load] ?? 0) + 1;
      return result;
    } catch (error) {
      const { code = 'no code' } = /** @type {any} */ (error);
      errors[code] = (errors[code] ?? 0) + 1;
      if (going && code === 'ABORT_ERR') return undefined; // as it should: all that is under way is rejected
      if (allowed.includes(code)) check?.(error);
      else fault(`${load}: ${error}`);
      return undefined;
    } finally {
      pending.delete(id);
    }
  },
};
/** @typedef {typeof context} Context */

/** Whether this page is on its way out. */
let going = false;
addEventListener('pagehide', () => {
  going = true;
});

function report() {
  let oldest = 0;
  for (const since of pending.values()) {
    oldest = performance.now() - since;
    break; // they are in the order in which they began
  }
  soak.report(JSON.stringify({ pending: pending.size, oldest, counts, errors, faults }));
  counts = {};
  errors = {};
  faults = [];
}

setInterval(report, REPORT_MS);
globalThis.addEventListener('unhandledrejection', ({ reason }) => fault(`nobody handled ${reason}`));
report();
for (const load of options.loads) {
  const { makeLoad } = LOADS[load];
  makeLoad?.(context).catch((error) => fault(`${load}: ${error.stack}`));
}
