// Frames that go on to a Worker, which checks them, and drops their memory or gives it back.

import { page } from './connection.mjs';
import { askToFill } from './expected.mjs';

/** @import { Context } from './page.mjs' */

const FRAME_BYTES = 1024 * 1024;
const FRAMES = 150;
const PACE_MS = 25;

/** @param {Context} context @param {boolean} recycle */
export async function makeFrames(context, recycle) {
  const load = recycle ? 'recycle' : 'transfer';
  for (;;) {
    const worker = new Worker('/worker.mjs', { type: 'module' });
    const frames = page.frames({
      byteLength: FRAME_BYTES,
      request: (bytes, index) => askToFill(bytes, index % 256),
    });
    worker.onerror = ({ message }) => context.fault(`${load}: the Worker: ${message}`);
    worker.onmessage = ({ data: { at, memory } }) => {
      if (at !== -1) context.fault(`${load}: wrong byte at ${at} of a frame`);
      if (memory) frames.recycle(memory);
    };
    for (let frame = 0; frame < FRAMES; frame += 1) {
      const answer = await context.tracked(load, () => frames.next(), []);
      if (!answer || answer.done) break;
      const { buffer: memory, length } = answer.value;
      if (length !== FRAME_BYTES) context.fault(`${load}: a frame of ${length} bytes`);
      worker.postMessage({ version: context.version, memory, back: recycle }, [/** @type {ArrayBuffer} */ (memory)]);
      await context.pause(PACE_MS);
    }
    await frames.return(undefined);
    worker.terminate();
    await context.pause(context.below(200));
  }
}
