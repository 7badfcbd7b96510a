// The worker that draws: one picture each time the display wants one, away from the page's thread. The memory of each
// picture goes back when it has been drawn.

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
  // The time on a clock that the page has, too.
  postMessage({ stream, bytes, at: performance.timeOrigin + performance.now() }, { transfer: [bytes.buffer] });
  if (waiting.length > 0) requestAnimationFrame(draw);
}
