// Loads that are meant to fail, each in its way; and those that a soak which works must find.

import { page } from './connection.mjs';

/** @import { Context } from './page.mjs' */

/** A call of the camera takes as long as its request says, and this is for ever. */
function forEver() {
  return new Uint8Array(64).fill(0xff);
}

/** @param {Context} context */
export async function makeAbort(context) {
  const { below, fault, pause, tracked } = context;
  const abortOne = async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), below(40));
    const library = below(2) === 0 ? 'camera' : 'camera-concurrent';
    const call = () => page.exchange(forEver(), { library, signal: stop.signal });
    const answer = await tracked('abort', call, ['ABORT_ERR'], ({ buffer }) => {
      if (buffer?.length !== 64) fault(`abort: the error has ${buffer?.length} bytes of the memory, and not 64`);
    });
    if (answer) fault('abort: a call that takes for ever has come back');
  };
  for (;;) {
    // Without aborts of the same library in its midst: a camera that runs several at once stops them all.
    await Promise.all(Array.from({ length: 1 + below(4) }, abortOne));
    await pause(below(80));
  }
}

/** The library crashes in its second call, and with it this page's process. @param {Context} context */
export async function makeCrash(context) {
  const { below, pause, tracked, report } = context;
  const thread = below(2) === 0 ? 'main' : 'worker';
  await pause(500 + below(1500));
  await tracked('crash', () => page.exchange(new Uint8Array(64), { library: 'crash-second', thread }), []);
  report();
  await pause(200);
  await tracked('crash', () => page.exchange(new Uint8Array(64), { library: 'crash-second', thread }), []);
  context.fault('crash: the library that crashes did not');
}

/** @type {Uint8Array[]} */
const leaked = [];

/** What `--plant` asks for; `wrong` is planted where answers are checked. @param {Context} context */
export async function makePlanted({ plant, pause, tracked }) {
  if (plant === 'hang') await tracked('planted', () => page.exchange(forEver(), { library: 'camera-deaf' }), []);
  if (plant === 'crash') {
    for (;;) await page.exchange(new Uint8Array(64), { library: 'crash-second' });
  }
  while (plant === 'leak') {
    leaked.push(new Uint8Array(1024 * 1024).fill(1));
    await pause(100);
  }
}
