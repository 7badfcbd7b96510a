// Streams into a Worker, which checks them. It is terminated, or the stream is stopped.

import { page } from './connection.mjs';

/** @import { Context } from './page.mjs' */

const LIBRARIES = ['counter', 'counter-concurrent'];
const POLICIES = /** @type {const} */ (['wait', 'drop-oldest', 'drop-newest']);
const MESSAGES = 200;

/** @param {Context} context */
export async function loadStreams(context) {
  const { below } = context;
  for (;;) {
    const options = {
      library: LIBRARIES[below(2)],
      byteLength: 16 + below(100_000),
      slots: 2 + below(8),
      policy: POLICIES[below(3)],
    };
    const { memory, ended, stop } = page.stream(options);
    ended.catch(() => {}); // with the page
    const worker = new Worker('/fuzz/own/stream-reader.mjs', { type: 'module' });
    /** @type {Promise<void>} */
    const done = new Promise((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = ({ message }) => reject(new Error(message));
    });
    worker.postMessage({ memory, messages: MESSAGES });
    await context.tracked(
      'stream',
      () => done.catch(({ message }) => context.fault(`stream: the Worker: ${message}`)),
      [],
    );
    if (below(2) === 0) await stop();
    worker.terminate();
    await context.tracked('stream', () => ended, []);
    await context.pause(below(200));
  }
}
