// The round trip of a picture after a rest, by where its memory comes from.

import { connect } from '../../lib/page.mjs';

const REST_MS = 25;
const CALLS = 7;

const { exchange, recycle } = connect();

/**
 * The median of some calls, as a collection of garbage takes longer than any. The first one, after another row, does not
 * count.
 * @param {() => Promise<unknown>} run
 */
const rested = (run) => async () => {
  const us = [];
  for (let call = 0; call <= CALLS; call += 1) {
    await new Promise((wake) => setTimeout(wake, REST_MS));
    const started = performance.now();
    await run();
    us.push((performance.now() - started) * 1000);
  }
  return us.slice(1).sort((a, b) => a - b)[(CALLS - 1) / 2];
};

/** @param {number} byteLength */
export function memoryRows(byteLength) {
  /** @type {ArrayBufferLike} */
  let memory = new ArrayBuffer(byteLength);
  return {
    'the same memory again': rested(async () => {
      ({ buffer: memory } = await exchange(memory));
    }),
    'exchange(8294400)': rested(() => exchange(byteLength)),
    'the same, and recycle': rested(async () => recycle(await exchange(byteLength))),
    'new memory': rested(() => exchange(new Uint8Array(byteLength))),
  };
}
