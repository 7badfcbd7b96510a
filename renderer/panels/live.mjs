// The Live panel: a stream of pictures that a native library computes and a worker draws. The request of each frame
// (pointer, zoom, sliders) goes out in the memory in which the picture comes back.

import { byId, checkedValue } from '../dom.mjs';
import { formatBytes } from '../format.mjs';
import { drawScript, exchange, isOpen, openLibrary, showError } from '../host.mjs';
import { readings } from '../live/readings.mjs';
import { beginRequests, restartSimulation, writeRequest } from '../live/request.mjs';
import { byBridge, inPlace } from '../live/transports.mjs';

/** Pictures at the worker: one is drawn while another is on its way. */
const MAX_AT_WORKER = 2;
const READINGS_MS = 250;

const canvas = /** @type {HTMLCanvasElement} */ (byId('canvas'));
const resolution = /** @type {HTMLSelectElement} */ (byId('resolution'));
const playButton = /** @type {HTMLButtonElement} */ (byId('play'));

const worker = new Worker(drawScript, { type: 'module' });
const offscreen = canvas.transferControlToOffscreen();
worker.postMessage({ canvas: offscreen }, [offscreen]);

/** What the user has chosen: to play whenever the panel is visible. */
let wantsToPlay = !matchMedia('(prefers-reduced-motion: reduce)').matches;
let entered = false;
/** Of the stream that plays. @type {AbortController | undefined} */
let playing;
/** Numbers the streams, so that pictures of an earlier one are not counted. */
let stream = 0;
let atWorker = 0;
let onDrawn = () => {};
/** @type {(memory: Uint8Array) => void} */
let recycle = () => {};
/**
 * Settles when the last stream has ended. The next one waits for it, so that the library's queue holds no pictures of
 * streams that were stopped.
 */
let lastEnd = Promise.resolve();

/** Starts or stops the stream. It stops while the window is hidden. */
function update() {
  const shouldPlay = wantsToPlay && entered && !document.hidden;
  playButton.textContent = wantsToPlay ? 'Pause' : 'Play';
  playButton.disabled = false;
  byId('live-state').textContent = wantsToPlay || !byId('live-error').hidden ? '' : 'Paused';
  if (shouldPlay && !playing) run();
  else if (!shouldPlay && playing) stop();
}

function stop() {
  playing?.abort();
  playing = undefined;
  stream += 1;
  onDrawn();
  readings.clear();
}

/** Applies another resolution or transport. */
function restart() {
  readings.showAsPrevious();
  stop();
  update();
}

async function run() {
  playing = new AbortController();
  const { signal } = playing;
  const [width, height] = resolution.value.split('x').map(Number);
  const byteLength = width * height * 4;
  const copies = checkedValue('transport') === 'bridge';
  byId('live-error').hidden = true;
  const title = copies ? 'By contextBridge' : 'In place';
  readings.start(`${title}, ${width} × ${height}`, copies ? byteLength : 0);
  const previousEnd = lastEnd;
  let ended = () => {};
  lastEnd = new Promise((resolve) => {
    ended = resolve;
  });
  try {
    await previousEnd;
    if (signal.aborted) return;
    if (!isOpen('live')) {
      byId('live-state').textContent = 'The library is being opened …';
      await openLibrary('live', exchangeSmallest);
      if (signal.aborted) return;
      byId('live-state').textContent = '';
    }
    atWorker = 0;
    beginRequests();
    const request = (/** @type {Uint8Array} */ memory) => writeRequest(memory, width, height);
    const transport = (copies ? byBridge : inPlace)(byteLength, request, signal);
    recycle = transport.recycle;
    for await (const picture of transport.pictures) {
      if (signal.aborted) return;
      if (picture.length !== byteLength) throw wrongSize(picture.length, byteLength);
      atWorker += 1;
      worker.postMessage({ stream, width, height, bytes: picture }, [/** @type {ArrayBuffer} */ (picture.buffer)]);
      while (atWorker >= MAX_AT_WORKER && !signal.aborted)
        await new Promise((resolve) => (onDrawn = () => resolve(undefined)));
    }
  } catch (error) {
    if (signal.aborted) return;
    wantsToPlay = false;
    showError('live-error', error, 'live');
    update();
  } finally {
    ended();
  }
}

/** An exchange of the smallest picture, which opens the library. @returns {Promise<unknown>} */
function exchangeSmallest() {
  const memory = new Uint8Array(16 * 16 * 4);
  writeRequest(memory, 16, 16);
  restartSimulation();
  return exchange(memory, { library: 'live' });
}

/** @param {number} length @param {number} expected */
const wrongSize = (length, expected) => ({
  code: 'ERR_NO_PICTURE',
  message: `The library answered with ${formatBytes(length)}, and a picture of this size has ${formatBytes(expected)}. It does not compute pictures: correct INPLACE_EXCHANGE_LIVE_LIBRARY.`,
});

worker.addEventListener('message', ({ data }) => {
  if (data.stream !== stream || !playing || playing.signal.aborted) return;
  atWorker -= 1;
  readings.addFrame(data.at, data.bytes.length);
  recycle(data.bytes);
  onDrawn();
});

setInterval(() => {
  if (playing) readings.show();
}, READINGS_MS);

playButton.addEventListener('click', () => {
  wantsToPlay = !wantsToPlay;
  update();
});
for (const input of [resolution, ...document.querySelectorAll('input[name=transport]')])
  input.addEventListener('change', restart);
document.addEventListener('visibilitychange', update);

/**
 * @param {{ title: string, text: string } | undefined} notice shown as an error
 * @param {boolean} autoOpen whether the library may be opened before the user presses Play
 */
export function panel(notice, autoOpen) {
  if (notice || !autoOpen) wantsToPlay = false;
  if (notice) showError('live-error', { code: notice.title, message: notice.text }, 'live');
  return {
    enter() {
      entered = true;
      update();
    },
    leave() {
      entered = false;
      update();
    },
  };
}
