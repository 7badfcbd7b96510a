// A Worker that draws the frames of a stream, the oldest first and at most one waiting, and says how late each was.

import { open } from '../../lib/stream.mjs';

addEventListener('message', ({ data: { memory, canvas, ms } }) => {
  const reader = open(memory);
  const context = canvas.getContext('2d', { alpha: false });
  const picture = new ImageData(canvas.width, canvas.height);
  /** @type {number[]} */
  const late = [];
  const begin = performance.now();
  const draw = () => {
    const slot = reader.waiting > 2 ? reader.latest() : reader.next();
    if (slot) {
      picture.data.set(slot.bytes); // ImageData takes no shared memory
      context.putImageData(picture, 0, 0);
      late.push(performance.timeOrigin + performance.now() - slot.timestamp);
      slot.release();
    }
    if (performance.now() - begin < ms) return requestAnimationFrame(draw);
    reader.close();
    postMessage(late);
  };
  requestAnimationFrame(draw);
});
