// The Live panel: a stream of pictures that a native library computes and a worker draws. The request of each frame
// (pointer, zoom, sliders) goes out in the memory in which the picture comes back.

import { byId, checkedValue } from '../dom.mjs';
import { formatBytes } from '../format.mjs';
import { drawScript, exchange, isOpen, openLibrary, showError } from '../host.mjs';
import { readings } from '../live/readings.mjs';
import { beginRequests, restartSimulation, writeRequest } from '../live/request.mjs';
import { byBridge, inPlace } from '../live/transports.mjs';
import { copiedToProcess, keyOf, placeOf, processChoice, processOf } from '../process-choice.mjs';

/** Pictures at the worker: one is drawn while another is on its way. */
const MAX_AT_WORKER = 2;
const READINGS_MS = 250;

const canvas = /** @type {HTMLCanvasElement} */ (byId('canvas'));
const resolution = /** @type {HTMLSelectElement} */ (byId('resolution'));
const playButton = /** @type {HTMLButtonElement} */ (byId('play'));

const worker = new Worker(drawScript, { type: 'module' });
const offscreen = canvas.transferControlToOffscreen();
worker.postMessage({ canvas: offscreen }, [offscreen]);

const processes = processChoice('live');

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

/** Applies another resolution, transport or process. */
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
  const library = keyOf('live');
  byId('live-error').hidden = true;
  const titles = [copies ? 'By contextBridge' : 'In place', ...(placeOf('live') === 'own' ? ['own process'] : [])];
  readings.start(`${titles.join(', ')}, ${width} × ${height}`);
  const previousEnd = lastEnd;
  let ended = () => {};
  lastEnd = new Promise((resolve) => {
    ended = resolve;
  });
  try {
    await previousEnd;
    if (signal.aborted) return;
    if (!isOpen(library)) {
      byId('live-state').textContent = 'The library is being opened …';
      await openLibrary(library, () => exchangeSmallest(library));
      if (signal.aborted) return;
      byId('live-state').textContent = '';
    }
    readings.copiedBytes = (copies ? byteLength : 0) + copiedToProcess('live', byteLength);
    atWorker = 0;
    beginRequests();
    const request = (/** @type {Uint8Array} */ memory) => writeRequest(memory, width, height);
    const open = () => (copies ? byBridge : inPlace)(library, byteLength, request, signal);
    while (!signal.aborted) await play(open(), { width, height, byteLength, signal });
  } catch (error) {
    if (signal.aborted) return;
    processes.refuse(error);
    showFailure(error);
  } finally {
    ended();
  }
}

/**
 * Draws the pictures until the stream is stopped, or until the library's own process crashes: the next stream starts
 * another one, unless that happens too often.
 * @param {import('../live/transports.mjs').Transport} transport
 * @param {{ width: number, height: number, byteLength: number, signal: AbortSignal }} options
 */
async function play(transport, { width, height, byteLength, signal }) {
  recycle = transport.recycle;
  try {
    for await (const picture of transport.pictures) {
      if (signal.aborted) return;
      if (picture.length !== byteLength) throw wrongSize(picture.length, byteLength);
      atWorker += 1;
      worker.postMessage({ stream, width, height, bytes: picture }, [/** @type {ArrayBuffer} */ (picture.buffer)]);
      while (atWorker >= MAX_AT_WORKER && !signal.aborted)
        await new Promise((resolve) => (onDrawn = () => resolve(undefined)));
    }
  } catch (error) {
    if (!isCrash(error)) throw error;
  }
}

/** @param {unknown} error */
const isCrash = (error) => /** @type {{ code?: string }} */ (error).code === 'ERR_LIBRARY_CRASHED';

/** Shows an error over the picture. The stream stays stopped until the user presses Play. @param {unknown} error */
function showFailure(error) {
  wantsToPlay = false;
  showError('live-error', error, 'live');
  update();
}

/** Makes the library's own process crash. A stream that plays goes on. */
async function crash() {
  try {
    await openLibrary('live-own', () => exchangeSmallest('live-own'));
    if (processOf('live')?.pid === undefined) await exchangeSmallest('live-own');
    processes.refresh(); // has seen the process that is about to end
    await exchangeSmallest('live-crash');
  } catch (error) {
    if (!isCrash(error)) showFailure(error);
  }
  processes.refresh();
}

/**
 * An exchange of the smallest picture, which opens the library.
 * @param {string} library @returns {Promise<unknown>}
 */
function exchangeSmallest(library) {
  const memory = new Uint8Array(16 * 16 * 4);
  writeRequest(memory, 16, 16);
  restartSimulation();
  return exchange(memory, { library });
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
  if (entered) processes.refresh();
}, READINGS_MS);

playButton.addEventListener('click', () => {
  wantsToPlay = !wantsToPlay;
  update();
});
byId('live-crash').addEventListener('click', crash);
for (const input of [resolution, ...document.querySelectorAll('input[name=transport], input[name=live-process]')])
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
