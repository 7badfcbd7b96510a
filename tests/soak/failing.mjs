// Loads that must fail, and planted faults that the soak must detect.

import { page } from './connection.mjs';

/** @import { Context } from './page.mjs' */

/** A request for a call of the camera that takes for ever. */
function endlessRequest() {
  return new Uint8Array(64).fill(0xff);
}

/** @param {Context} context */
export async function loadAborts(context) {
  const { below, fault, pause, tracked } = context;
  const abortOne = async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), below(40));
    const library = below(2) === 0 ? 'camera' : 'camera-concurrent';
    const call = () => page.exchange(endlessRequest(), { library, signal: stop.signal });
    const result = await tracked('abort', call, ['ABORT_ERR'], ({ buffer }) => {
      if (buffer?.length !== 64) fault(`abort: the error has ${buffer?.length} bytes of the memory, and not 64`);
    });
    if (result) fault('abort: an endless call has returned');
  };
  for (;;) {
    // All calls of a round are aborted, because cancelling one call of the concurrent camera cancels all of them.
    await Promise.all(Array.from({ length: 1 + below(4) }, abortOne));
    await pause(below(80));
  }
}

/** The library crashes in its second call, which ends this page's process. @param {Context} context */
export async function loadCrash(context) {
  const { below, pause, tracked, report } = context;
  const thread = below(2) === 0 ? 'main' : 'worker';
  await pause(500 + below(1500));
  await tracked('crash', () => page.exchange(new Uint8Array(64), { library: 'crash-second', thread }), []);
  report();
  await pause(200);
  await tracked('crash', () => page.exchange(new Uint8Array(64), { library: 'crash-second', thread }), []);
  context.fault('crash: the library did not crash');
}

/** @type {Uint8Array[]} */
const leaked = [];

/** The fault that `--plant` names; `wrong` is planted where results are checked. @param {Context} context */
export async function loadPlanted({ plant, pause, soak, tracked }) {
  if (plant === 'hang') await tracked('planted', () => page.exchange(endlessRequest(), { library: 'camera-deaf' }), []);
  if (plant === 'crash') {
    for (;;) await page.exchange(new Uint8Array(64), { library: 'crash-second' });
  }
  for (let leaks = 1; plant === 'programs'; leaks += 1) {
    soak.leakProgram(leaks);
    await pause(2000);
  }
  while (plant === 'leak') {
    leaked.push(new Uint8Array(1024 * 1024).fill(1));
    await pause(100);
  }
}
