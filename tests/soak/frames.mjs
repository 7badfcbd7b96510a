// Frames that are transferred to a Worker, which checks them, and drops or returns their memory.

import { page } from './connection.mjs';
import { requestFill } from './expected.mjs';

/** @import { Context } from './page.mjs' */

const FRAME_BYTES = 1024 * 1024;
const FRAMES = 150;
const INTERVAL_MS = 25;

/** @param {Context} context @param {boolean} recycle */
export async function loadFrames(context, recycle) {
  const load = recycle ? 'recycle' : 'transfer';
  for (;;) {
    const worker = new Worker('/worker.mjs', { type: 'module' });
    const frames = page.frames({
      byteLength: FRAME_BYTES,
      request: (bytes, index) => requestFill(bytes, index % 256),
    });
    worker.onerror = ({ message }) => context.fault(`${load}: the Worker: ${message}`);
    worker.onmessage = ({ data: { at, memory } }) => {
      if (at !== -1) context.fault(`${load}: wrong byte at ${at} of a frame`);
      if (memory) frames.recycle(memory);
    };
    for (let frame = 0; frame < FRAMES; frame += 1) {
      const result = await context.tracked(load, () => frames.next(), []);
      if (!result || result.done) break;
      const { buffer: memory, length } = result.value;
      if (length !== FRAME_BYTES) context.fault(`${load}: a frame of ${length} bytes`);
      worker.postMessage({ version: context.version, memory, returned: recycle }, [
        /** @type {ArrayBuffer} */ (memory),
      ]);
      await context.pause(INTERVAL_MS);
    }
    await frames.return(undefined);
    worker.terminate();
    await context.pause(context.below(200));
  }
}
