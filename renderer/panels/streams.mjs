// The Streams panel: a picture and a tone that native libraries make without the page's main thread, which can be held up to
// see and hear that.

import { byId, inputById } from '../dom.mjs';
import { formatInteger } from '../format.mjs';
import { exchange, openLibrary, showError, showScript, stream } from '../host.mjs';
import { Plot } from '../live/plot.mjs';
import { REQUEST_BYTES, restartSimulation, writeRequest } from '../live/request.mjs';
import { keyOf } from '../process-choice.mjs';
import { mainThread } from '../streams/main-thread.mjs';

const PICTURE = { width: 640, height: 360 };
/** 12 slots of 128 samples are 32 ms at this rate. */
const AUDIO = { sampleRate: 48_000, byteLength: 512, slots: 12 };
const BLOCKS_A_SECOND = AUDIO.sampleRate / 128;
const HOLD_MS = 2000;

const playButton = /** @type {HTMLButtonElement} */ (byId('streams-play'));
const holdButton = /** @type {HTMLButtonElement} */ (byId('hold'));
const canvas = /** @type {HTMLCanvasElement} */ (byId('streams-canvas'));

const worker = new Worker(showScript, { type: 'module' });
const offscreen = Object.assign(canvas, PICTURE).transferControlToOffscreen();
worker.postMessage({ canvas: offscreen }, [offscreen]);
const most = BLOCKS_A_SECOND * 1.1;
const plot = new Plot(byId('streams-plot'), [most, most]);

/** @type {AbortController | undefined} */
let playing;
/** The next streams begin when the last ones have ended. */
let lastEnd = Promise.resolve();
const counts = { played: 0, empty: 0, lost: 0 };

function update() {
  playButton.textContent = playing ? 'Pause' : 'Play';
  playButton.disabled = false;
  holdButton.disabled = !playing;
  byId('streams-state').textContent = playing || !byId('streams-error').hidden ? '' : 'Press Play: it makes a sound.';
}

function show(/** @type {number | undefined} */ latency) {
  byId('blocks').textContent = formatInteger(counts.played);
  byId('underruns').textContent = formatInteger(counts.empty);
  byId('lost').textContent = formatInteger(counts.lost);
  byId('latency').textContent = latency === undefined ? '–' : `${Math.max(0, latency).toFixed(0)} ms`;
}

function stop() {
  playing?.abort();
  playing = undefined;
  mainThread.unwatch();
  update();
}

async function start() {
  const controller = new AbortController();
  playing = controller;
  const { signal } = controller;
  Object.assign(counts, { played: 0, empty: 0, lost: 0 });
  byId('streams-error').hidden = true;
  update();
  show(undefined);
  mainThread.watch();
  const previousEnd = lastEnd;
  let end = () => {};
  lastEnd = new Promise((resolve) => {
    end = resolve;
  });
  /** @type {Promise<unknown>[]} */
  const ended = [];
  try {
    await previousEnd;
    await tune();
    await openLibrary(keyOf('live'), showsNothing);
    if (signal.aborted) return;
    ended.push(startPicture(signal), (await startSound(signal)).ended);
    await Promise.race(ended); // both end together, unless one fails
  } catch (error) {
    if (!signal.aborted) showError('streams-error', error, 'streams');
  } finally {
    controller.abort();
    await Promise.allSettled(ended);
    end();
    if (playing === controller) stop();
  }
}

/** Opens the library of the picture. */
function showsNothing() {
  const memory = new Uint8Array(16 * 16 * 4);
  writeRequest(memory, 16, 16);
  restartSimulation(); // of the size that follows
  return exchange(memory, { library: keyOf('live') });
}

/** @param {AbortSignal} signal @returns {Promise<void>} its end */
function startPicture(signal) {
  const { width, height } = PICTURE;
  const input = new Uint8Array(REQUEST_BYTES);
  writeRequest(input, width, height);
  restartSimulation();
  const request = new DataView(input.buffer);
  request.setUint32(12, 2, true); // with jets, and without a restart in each picture
  request.setFloat32(16, 1 / 60, true);
  const { memory, ended } = stream({ library: keyOf('live'), byteLength: width * height * 4, slots: 3, input, signal });
  worker.postMessage({ memory });
  signal.addEventListener('abort', () => worker.postMessage({}));
  return ended;
}

/** @param {AbortSignal} signal */
async function startSound(signal) {
  const context = new AudioContext({ sampleRate: AUDIO.sampleRate });
  signal.addEventListener('abort', () => context.close());
  await context.audioWorklet.addModule('/renderer/streams/play.mjs');
  const { byteLength, slots } = AUDIO;
  const { memory, ended } = stream({ library: 'synth', operation: 'play', byteLength, slots, signal });
  const clock = Date.now() - (performance.timeOrigin + performance.now());
  const player = new AudioWorkletNode(context, 'player', { processorOptions: { memory, clock } });
  player.connect(context.destination);
  let last = performance.now();
  player.port.onmessage = ({ data }) => {
    if (signal.aborted) return;
    const { played, empty, seconds, latency } = /** @type {import('../streams/play.mjs').Report} */ (data);
    // By the clock of the sound: reports that had to wait for this thread come all at once.
    const held = mainThread.heldBetween(last, last + seconds * 1000);
    last += seconds * 1000;
    counts.played += played;
    counts.empty += empty;
    counts.lost += Math.round(held * (played + empty));
    plot.add(played / seconds, (1 - held) * BLOCKS_A_SECOND);
    show(latency);
  };
  return { ended };
}

/** Says what the tone is to be, from the next block on. */
function tune() {
  const tone = Float32Array.of(inputById('pitch').valueAsNumber, inputById('volume').valueAsNumber);
  return exchange(tone.buffer, { library: 'synth', operation: 'tune' });
}

playButton.addEventListener('click', () => (playing ? stop() : start()));
holdButton.addEventListener('click', () => {
  byId('held').textContent = 'The main thread is held …';
  // After the next picture of the page, which shows that.
  requestAnimationFrame(() =>
    setTimeout(() => {
      mainThread.hold(HOLD_MS);
      byId('held').textContent = 'It was held for 2 seconds. The sound and the picture went on.';
    }, 0),
  );
});
for (const id of ['pitch', 'volume'])
  inputById(id).addEventListener('input', () => {
    if (playing) tune().catch((error) => showError('streams-error', error, 'streams'));
  });
document.addEventListener('visibilitychange', () => {
  if (document.hidden) stop();
});

export function panel() {
  return { enter: update, leave: stop };
}
