// A Worker that draws frames on an OffscreenCanvas, and returns the memory of each.

/** @type {OffscreenCanvasRenderingContext2D} */
let context;

addEventListener('message', ({ data }) => {
  if (data.canvas) {
    context = data.canvas.getContext('2d', { alpha: false });
    return;
  }
  const { width, height } = context.canvas;
  context.putImageData(new ImageData(new Uint8ClampedArray(data.buffer), width, height), 0, 0);
  postMessage(data, { transfer: [data.buffer] });
});
