// The streams of a page that is reloaded: a Worker reads each, and is terminated or left running.

import { randomFrom } from '../../soak/random.mjs';

/** @import { Api } from './runs.mjs' */
/** @import { Load } from './reloads.mjs' */

const LIBRARIES = ['counter', 'counter-concurrent', 'own-counter'];
const POLICIES = /** @type {const} */ (['wait', 'drop-oldest', 'drop-newest']);
const MESSAGES = 200;

/** @param {Api} api @param {number} seed @returns {Load} */
export function streams({ stream }, seed) {
  const random = randomFrom(seed);
  const below = (/** @type {number} */ n) => Math.floor(random() * n);

  /** @param {string} library */
  function read(library) {
    const options = { library, byteLength: 16 + below(100_000), slots: 2 + below(8), policy: POLICIES[below(3)] };
    const { memory, ended, stop } = /** @type {NonNullable<Api['stream']>} */ (stream)(options);
    ended.catch(() => {}); // with the page
    const worker = new Worker('/tests/fuzz/own/stream-reader.mjs', { type: 'module' });
    /** @type {Promise<void>} */
    const done = new Promise((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = ({ message }) => reject(new Error(`${library}: ${message}`));
    });
    worker.postMessage({ memory, messages: MESSAGES });
    return { worker, done, ended, stop };
  }

  return {
    /** One stream ends with its Worker, and one by itself. */
    async wait() {
      const [first, second] = [LIBRARIES[below(3)], LIBRARIES[below(3)]].map(read);
      await Promise.all([first.done, second.done]);
      first.worker.terminate();
      await Promise.all([first.ended, second.stop()]);
      second.worker.terminate();
    },

    leave() {
      for (const library of LIBRARIES) read(library).done.catch(() => {});
    },
  };
}
