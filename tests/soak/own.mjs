// Loads of libraries in processes of their own which do not end well.

import { checkBytes, checkError, checkRest, request } from '../fuzz/own/memory.mjs';
import { randomCalls } from '../fuzz/own/random-calls.mjs';
import { page } from './connection.mjs';

/** @import { Context } from './page.mjs' */

const CALLS_OF_A_ROUND = 200;
const MAX_PAUSE_MS = 40;
/** A program that has been started, and not loaded its library yet, is left time to. */
const KILL_AGAIN_MS = 1000;
const KILLED = 'K';
const SIZES = [100, 50_000, 2 ** 20, 2 ** 22];
/** `randomCalls` knows which of them a call may have. */
const JUDGED = ['ABORT_ERR', 'BUSY', 'CRASHED', 'FAILED', 'TIMEOUT'].map((name) =>
  name === 'ABORT_ERR' ? name : `ERR_LIBRARY_${name}`,
);

/**
 * A call that is tracked, and fails if it does. It never ends if its page does, or if its error was unexpected.
 * @param {Context} context @param {string} load @param {string[]} allowed
 * @returns {import('../fuzz/own/runs.mjs').Api['exchange']}
 */
function trackedExchange({ tracked }, load, allowed) {
  return async (bytes, options) => {
    /** @type {Error | undefined} */
    let failure;
    const result = await tracked(
      load,
      () => page.exchange(bytes, options),
      allowed,
      (error) => {
        failure = error;
      },
    );
    if (failure) throw failure;
    return result ?? new Promise(() => {});
  };
}

/** The random calls of npm run fuzz:own, again and again. @param {Context} context */
export async function loadRandom(context) {
  const { below, loads, pause, soak } = context;
  const alone = loads.length === 1;
  const api = {
    exchange: trackedExchange(context, 'random', JUDGED),
    shared: page.shared,
    pause: () => pause(below(MAX_PAUSE_MS)),
    // Other loads of the page start programs of their own. Descriptors of Chromium come and go: their growth is judged.
    held: () => (alone ? { ...soak.held(), descriptors: 0 } : {}),
    left: () => ({}),
    maps: true,
  };
  for (;;) {
    const seed = below(1e9);
    try {
      await randomCalls(api, { seed, count: CALLS_OF_A_ROUND });
    } catch (error) {
      throw new Error(`seed ${seed}: ${error}`, { cause: error });
    }
  }
}

/** @param {Context} context */
export async function loadKills(context) {
  const { below, pause, soak } = context;
  const exchange = trackedExchange(context, 'killed', ['ERR_LIBRARY_CRASHED', 'ERR_PROCESS_UNAVAILABLE']);

  /** A call that is right, or was killed. @param {string} what @param {string} library @param {number} mark */
  async function call(what, library, mark) {
    const bytes = new Uint8Array(SIZES[below(SIZES.length)]);
    const { length } = bytes;
    const value = mark % 251;
    request(bytes, what, mark);
    try {
      const result = await exchange(bytes, { library, thread: 'worker' });
      if (what !== '.') throw new Error('killed: a call that waits for ever has returned');
      checkBytes(result, length, what, 255 - value);
      return true;
    } catch (error) {
      const { code, message, buffer } = /** @type {any} */ (error);
      if (code === 'ERR_PROCESS_UNAVAILABLE') {
        // It was killed while it started, for this call.
        if (!message.includes('it was ended by SIGKILL before')) throw error;
        checkBytes(buffer, length, what, value);
      } else {
        checkError(error, KILLED);
        checkRest(buffer, length, what, value, true);
      }
      return false;
    }
  }

  for (let mark = 0; ; mark += 1) {
    const library = below(2) === 0 ? 'one' : 'several';
    // A program runs, and nothing kills it: this has to be right, after a call that was killed, too.
    if (!(await call('.', library, mark))) throw new Error('killed: before it was');
    let killed = false;
    const waiting = call('W', library, mark).finally(() => {
      killed = true;
    });
    const others = Array.from({ length: below(3) }, () => call('.', 'several', mark));
    await pause(below(MAX_PAUSE_MS));
    while (!killed) {
      soak.kill();
      await Promise.race([waiting, pause(KILL_AGAIN_MS)]);
    }
    await Promise.all([waiting, ...others]);
    await pause(below(200));
  }
}
