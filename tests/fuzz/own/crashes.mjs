// Crashes in the middle of a call on 8 MiB: how long until the error, and until the next exchange has returned.

import { checkBytes, checkError, checkHeld, checkRest, FAULTS, request } from './memory.mjs';

/** @import { Api } from './runs.mjs' */

const BYTES = 8 * 2 ** 20;
const LIBRARY = 'limited';
const THREADS = /** @type {const} */ (['main', 'worker']);

/** @param {Api} api @param {{ count: number, limit: number }} plan */
export async function crashes({ exchange, held, maps }, { count, limit }) {
  /** @type {Record<string, { error: number[], next: number[] }>} by fault, in milliseconds */
  const times = {};
  let bytes = /** @type {Uint8Array<ArrayBuffer>} */ (new Uint8Array(BYTES));
  /** @param {'main' | 'worker'} thread @param {number} mark */
  const succeed = async (thread, mark) => {
    request(bytes, '.', mark);
    const started = performance.now();
    bytes = await exchange(bytes, { library: LIBRARY, thread });
    const took = performance.now() - started;
    checkBytes(bytes, BYTES, '.', 255 - (mark % 251));
    return took;
  };
  for (const thread of THREADS) await succeed(thread, 1);
  const before = held();
  for (let each = 0; each < count; each += 1) {
    for (const what of /** @type {(keyof typeof FAULTS)[]} */ (Object.keys(FAULTS))) {
      const thread = THREADS[each % 2];
      request(bytes, what, each);
      const started = performance.now();
      const error = await exchange(bytes, { library: LIBRARY, thread }).then(
        () => undefined,
        (error) => error,
      );
      const took = performance.now() - started - (what === 'L' ? limit : 0);
      if (!error) throw new Error(`${what}: no error`);
      checkError(error, what);
      checkRest(error.buffer, BYTES, what, each % 251, maps);
      bytes = error.buffer;
      times[what] ??= { error: [], next: [] };
      times[what].error.push(took);
      times[what].next.push(await succeed(thread, each));
    }
  }
  await checkHeld(held, before);
  return { times, held: before };
}
