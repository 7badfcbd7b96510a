// The worker that draws the pictures, one for each animation frame, so that the page's thread does not. It transfers
// the memory of each picture back after drawing it.

/** @typedef {{ stream: number, width: number, height: number, bytes: Uint8Array<ArrayBuffer> }} Picture */

/** @type {OffscreenCanvas} */
let canvas;
/** @type {OffscreenCanvasRenderingContext2D | null} */
let context;
/** @type {Picture[]} */
const waiting = [];

addEventListener('message', ({ data }) => {
  if (data.canvas) {
    canvas = data.canvas;
    context = canvas.getContext('2d', { alpha: false });
    return;
  }
  waiting.push(data);
  if (waiting.length === 1) requestAnimationFrame(draw);
});

function draw() {
  const { stream, width, height, bytes } = /** @type {Picture} */ (waiting.shift());
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  context?.putImageData(new ImageData(new Uint8ClampedArray(bytes.buffer), width, height), 0, 0);
  // With timeOrigin, because the page's clock has another origin than the worker's.
  postMessage({ stream, bytes, at: performance.timeOrigin + performance.now() }, { transfer: [bytes.buffer] });
  if (waiting.length > 0) requestAnimationFrame(draw);
}
