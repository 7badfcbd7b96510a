// A Worker of the fuzzer: reads a stream, or overwrites its memory, and answers with what it has seen.

import { drawing, overwrite, readAtRandom, sleep } from './random-reading.mjs';

/** Of a page's Worker, or of Node.js's. @type {any} */
const port = 'postMessage' in globalThis ? globalThis : (await import('node:worker_threads')).parentPort;

port.onmessage = async (/** @type {MessageEvent} */ { data }) => {
  const { memory, expected, progress, seed, words, ms, closes, reopens } = data;
  const r = drawing(seed);
  const end = performance.now() + ms;
  const isOver = () => performance.now() > end;
  try {
    if (expected)
      await readAtRandom(memory, expected, progress, r, {
        isOver,
        closes,
        reopens,
        onOpen: () => port.postMessage('opened'),
      });
    else
      while (!isOver()) {
        overwrite(memory, r, words, false);
        if (r.chance(0.1)) await sleep(0);
      }
    port.postMessage({ progress });
  } catch (error) {
    port.postMessage({ failure: `${error}\n${/** @type {Error} */ (error).stack}` });
  }
};
