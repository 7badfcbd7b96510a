// The Worker of the Streams panel: draws the pictures of a stream, one for each animation frame, whatever the page's thread
// does.

import { open } from '../../lib/stream.mjs';

/** @typedef {import('../../lib/types/stream.mjs').Reader} Reader */

/** @type {OffscreenCanvasRenderingContext2D | null} */
let context;
/** @type {ImageData} */
let picture;
/** @type {Reader | undefined} */
let reader;

addEventListener('message', ({ data }) => {
  if (data.canvas) {
    context = data.canvas.getContext('2d', { alpha: false });
    picture = new ImageData(data.canvas.width, data.canvas.height);
    return;
  }
  reader = data.memory && open(data.memory);
  if (reader) requestAnimationFrame(() => draw(/** @type {Reader} */ (reader)));
});

/** @param {Reader} from */
function draw(from) {
  if (from !== reader) return; // stopped
  const slot = from.next();
  if (slot) {
    picture.data.set(slot.bytes); // ImageData takes no shared memory
    context?.putImageData(picture, 0, 0);
    slot.release();
  }
  requestAnimationFrame(() => draw(from));
}
