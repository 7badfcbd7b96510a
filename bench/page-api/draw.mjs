// Draws frames on a canvas away from the page's thread, and sends the memory of each back.

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
