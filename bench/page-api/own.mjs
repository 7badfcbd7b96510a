// The rows of a library in a process of its own, and of the same one in the page's.

const SMALL = 64;
const FRAME = 8_294_400;
const MiB = 1024 * 1024;

/**
 * @param {{
 *   connection: import('../../lib/types/page.mjs').Exchange,
 *   timed: (batch: number, run: () => unknown) => Promise<number>,
 *   timedSync: (batch: number, run: () => unknown) => number,
 *   lent: (memory: ArrayBufferLike, options: object) => () => Promise<void>,
 *   checkFilled: (bytes: Uint8Array) => void,
 * }} page
 */
export function ownRows({ connection: { allocate, shared, frames }, timed, timedSync, lent, checkFilled }) {
  /** The mean time of a call that lends the same memory again. @param {number} batch @param {ArrayBufferLike} memory @param {object} options */
  function lentTimes(batch, memory, options) {
    const run = lent(memory, options);
    return () => timed(batch, run);
  }

  /** The mean time of a frame, in microseconds, without the first ones. @param {string} library */
  async function framesTime(library) {
    const [SKIPPED, COUNT] = [10, 60];
    let count = 0;
    let started = 0;
    for await (const frame of frames({ byteLength: FRAME, library })) {
      if (count === SKIPPED) {
        checkFilled(frame.subarray(0, 100));
        started = performance.now();
      }
      count += 1;
      if (count > SKIPPED + COUNT) break;
    }
    return ((performance.now() - started) * 1000) / COUNT;
  }

  /** @type {Record<string, () => Promise<number>>} */
  const rows = {};
  for (const library of ['default', 'own']) {
    for (const thread of ['main', 'worker']) {
      rows[`64 B, ${thread}, ${library}`] = lentTimes(300, new ArrayBuffer(SMALL), { library, thread });
      rows[`8,294,400 B, ${thread}, ${library}`] = lentTimes(20, new ArrayBuffer(FRAME), {
        library,
        thread,
      });
    }
    rows[`100 MiB, ${library}`] = lentTimes(2, allocate(100 * MiB, { library }).buffer, { library });
    const small = shared(SMALL, { library });
    rows[`shared, 64 B, ${library}`] = async () => timedSync(2000, small.exchange);
    rows[`shared, 64 B, after 2 ms of rest, ${library}`] = async () => {
      let us = 0;
      for (let call = 0; call < 20; call += 1) {
        await new Promise((wake) => setTimeout(wake, 2));
        us += timedSync(1, small.exchange);
      }
      return us / 20;
    };
    rows[`frames, 1080p, ${library}`] = () => framesTime(library);
  }
  return rows;
}
