// A page of the soak: runs the loads of its window, checks each result, and reports every half second.

import { LOADS } from './loads.mjs';
import { randomFrom } from './random.mjs';

/** @typedef {{ loads: string[], process: string, seed: number, version: string, plant: string, pace: number }} Options */

/**
 * @typedef {object} Bridge
 * @property {string} options
 * @property {(report: string) => void} report
 * @property {() => number} count
 * @property {() => Record<string, number>} held
 * @property {() => void} kill
 * @property {(restarts: number) => number | undefined} leakProgram
 */
const { soak } = /** @type {{ soak: Bridge }} */ (/** @type {unknown} */ (globalThis));
const REPORT_MS = 500;
/** A page that is being unloaded has gone by then. */
const UNLOAD_MS = 3000;
/** In a report; further faults are usually the same. */
const MAX_FAULTS = 5;

/** @type {Options} */
const options = JSON.parse(soak.options);

// The random numbers of a page depend on the seed, its window and the number of pages before it. They can be
// reproduced; the timing of concurrent calls cannot.
const pagesBefore = Number(sessionStorage.getItem('pages') ?? 0);
sessionStorage.setItem('pages', String(pagesBefore + 1));
const random = randomFrom(options.seed + 1000 * pagesBefore);

/** @type {Map<number, number>} the start time of each pending call */
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

/** Of the counters: those of libraries in processes of their own are apart. */
const prefix = options.process === 'own' ? 'own ' : '';

export const context = {
  ...options,
  soak,
  below: (/** @type {number} */ n) => Math.floor(random() * n),
  /** For longer if many windows share the processors. @param {number} ms */
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms * options.pace)),
  fault,
  report,
  /**
   * Makes a call, counts it or its error, and tracks it while it is pending. Returns its result, or undefined.
   * @template T
   * @param {string} load @param {() => T | Promise<T>} call @param {string[]} allowed the codes with which it may fail
   * @param {(error: any) => void} [check] checks an allowed error further
   */
  async tracked(load, call, allowed, check) {
    const id = ++lastCall;
    pending.set(id, performance.now());
    try {
      const result = await call();
      counts[prefix + load] = (counts[prefix + load] ?? 0) + 1;
      return result;
    } catch (error) {
      const { code = 'no code' } = /** @type {any} */ (error);
      errors[prefix + code] = (errors[prefix + code] ?? 0) + 1;
      if (isUnload(load, error)) return undefined;
      if (allowed.includes(code)) check?.(error);
      else fault(`${load}: ${error}`);
      return undefined;
    } finally {
      pending.delete(id);
    }
  },
};
/** @typedef {typeof context} Context */

/** Whether a call has failed because this page is being unloaded. @param {string} load @param {any} error */
function isUnload(load, error) {
  if (unloading && error?.code === 'ABORT_ERR') return true; // expected: pending calls are rejected
  if (!/was unloaded/.test(String(error))) return false;
  // A window that is closed may lose its page without 'pagehide'. A page that is still there later was not unloaded.
  setTimeout(() => fault(`${load}: ${error}, and it is still there`), UNLOAD_MS);
  return true;
}

/** Whether this page is being unloaded. */
let unloading = false;
addEventListener(
  'pagehide',
  () => {
    unloading = true;
  },
  { capture: true }, // before the page half's own listener, which rejects the pending calls
);

function report() {
  let oldest = 0;
  for (const since of pending.values()) {
    oldest = performance.now() - since;
    break; // a Map iterates in insertion order
  }
  soak.report(JSON.stringify({ pending: pending.size, oldest, counts, errors, faults }));
  counts = {};
  errors = {};
  faults = [];
}

setInterval(report, REPORT_MS);
globalThis.addEventListener('unhandledrejection', ({ reason }) => fault(`unhandled rejection: ${reason}`));
report();
for (const load of options.loads) {
  LOADS[load](context).catch((error) => {
    if (!isUnload(load, error)) fault(`${load}: ${error.stack}`);
  });
}
