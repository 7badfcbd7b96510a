// A Worker that reads a stream for ever, and says when it has had some messages, each of which is whole.

import { open } from '../../../lib/stream.mjs';

addEventListener('message', async ({ data: { memory, messages } }) => {
  const reader = open(memory);
  await reader.opened;
  for (let read = 0; ; ) {
    if (!reader.wait(100)) continue;
    const slot = reader.next();
    if (!slot) continue;
    const { bytes, length } = slot;
    for (const at of [8, length >> 1, length - 1])
      if (bytes[at] !== bytes[0]) throw new Error(`byte ${at} of ${length} is ${bytes[at]}, and not ${bytes[0]}`);
    slot.release();
    read += 1;
    if (read === messages) postMessage(read);
    // Chromium ends a Worker that never returns to its event loop only after 2 s.
    if (read % 50 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
});
