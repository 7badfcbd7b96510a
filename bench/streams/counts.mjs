// A Worker that takes messages of a stream as fast as it can, and says how many a second.

import { open } from '../../lib/stream.mjs';

addEventListener('message', ({ data: { memory, ms } }) => {
  const reader = open(memory);
  while (!reader.wait(100));
  const begin = performance.now();
  let count = 0;
  let now = begin;
  let sum = 0;
  while (now - begin < ms) {
    for (let turn = 0; turn < 10_000; turn++) {
      const slot = reader.next();
      if (!slot) continue;
      sum += slot.bytes[63];
      count += 1;
      slot.release();
    }
    now = performance.now();
  }
  if (sum !== count * 0xa5) throw new Error('a message is wrong');
  reader.close();
  postMessage((count / (now - begin)) * 1000);
});
