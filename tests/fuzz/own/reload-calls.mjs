// The calls of a page that is reloaded: some that it waits for, and some that it leaves running.

import { randomFrom } from '../../soak/random.mjs';
import { BESIDE, checkBytes, request } from './memory.mjs';

/** @import { Api } from './runs.mjs' */
/** @import { Load, State } from './reloads.mjs' */

const MAX_TRIES = 100;
const MiB = 2 ** 20;
const LIBRARIES = ['one', 'limited', 'several'];
const THREADS = /** @type {const} */ (['main', 'worker']);
const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {Api} api @param {State} state @param {number} seed @returns {Load} */
export function calls({ exchange, shared }, state, seed) {
  const { round } = state;
  const random = randomFrom(seed);
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

  return {
    async wait() {
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
    },

    /** Most end well, some with their process, some only because the page goes. */
    leave() {
      for (let each = 0; each < 6; each += 1) {
        const library = LIBRARIES[each % 3];
        const bytes = new Uint8Array(each < 3 ? 4 * MiB : 64 + below(100_000));
        request(bytes, pick(library === 'limited' ? '...SL' : '...SKAEFW'), round);
        exchange(bytes, { library, thread: 'worker' }).catch(() => {}); // it may end in any way
      }
    },
  };
}
