// The second panel: a moving picture that a native library computes. Each frame's request (pointer, zoom and all) goes out
// in the memory in which the picture comes back; a worker draws it.

import {
  byId,
  bytes,
  chosen,
  duration,
  exchange,
  frames,
  host,
  inputById,
  isOpen,
  median,
  open,
  short,
  showError,
} from './host.mjs';
import { Plot } from './plot.mjs';

/** One is computed while another waits to be drawn. More would be pictures of where the pointer was. */
const DEPTH = 2;
/** One is drawn while another is on its way. */
const AT_WORKER = 2;

/** As live-lib reads it (live-lib/src/request.rs). */
const REQUEST_BYTES = 64;
const MAGIC = 0x314b4e49; // INK1
const RESTART = 1;
const JETS = 2;
const MOST_ZOOM = 8;

const READ_EVERY_MS = 250;
/** A picture that takes longer than this is said to be waited for. */
const NOTICED_MS = 1000;
const INK_BY_KEY_FRAMES = 20;

const canvas = /** @type {HTMLCanvasElement} */ (byId('canvas'));
const resolution = /** @type {HTMLSelectElement} */ (byId('resolution'));
const play = /** @type {HTMLButtonElement} */ (byId('play'));

// SECURITY: the page may start this one worker, and no other.
const { trustedTypes } = /** @type {any} */ (globalThis);
const scripts = trustedTypes.createPolicy('inplace-exchange', { createScriptURL: () => '/renderer/draw.mjs' });
const worker = new Worker(scripts.createScriptURL(''), { type: 'module' });
const offscreen = canvas.transferControlToOffscreen();
worker.postMessage({ canvas: offscreen }, [offscreen]);

// What the viewer does, until the next frame's request takes it along.

const view = { centre: [0.5, 0.5], zoom: 1 };
const pointer = { at: [0.5, 0.5], moved: [0, 0], pressed: false, inkFrames: 0 };
let restart = true;
let requestedAt = 0;

/** @param {Uint8Array} memory @param {number} width @param {number} height */
function writeRequest(memory, width, height) {
  const now = performance.now();
  const seconds = Math.min((now - requestedAt) / 1000, 0.05);
  requestedAt = now;
  const ink = pointer.pressed || pointer.inkFrames > 0 ? 1 : 0;
  pointer.inkFrames = Math.max(0, pointer.inkFrames - 1);
  const flags = (restart ? RESTART : 0) | (inputById('jets').checked ? JETS : 0);
  restart = false;
  const request = new DataView(memory.buffer, 0, REQUEST_BYTES);
  for (const [index, word] of [MAGIC, width, height, flags].entries()) request.setUint32(index * 4, word, true);
  const sliders = ['swirl', 'persistence', 'hue'].map((id) => inputById(id).valueAsNumber);
  const numbers = [seconds, ...pointer.at, ...pointer.moved, ink, ...view.centre, view.zoom, ...sliders];
  for (const [index, number] of numbers.entries()) request.setFloat32(16 + index * 4, number, true);
  pointer.moved = [0, 0];
}

/** @param {PointerEvent | WheelEvent} event @returns {[number, number]} 0 to 1 across the picture */
function placeOf(event) {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const within = (/** @type {number} */ share) => Math.min(Math.max(share, 0), 1);
  return [within((event.clientX - left) / width), within((event.clientY - top) / height)];
}

/** @param {number} zoom @param {number[]} about what stays where it is, from 0 to 1 across the picture */
function zoomTo(zoom, about = [0.5, 0.5]) {
  const next = Math.min(Math.max(zoom, 1), MOST_ZOOM);
  moveTo(
    view.centre.map((centre, axis) => centre + (about[axis] - 0.5) * (1 / view.zoom - 1 / next)),
    next,
  );
}

/** @param {number[]} centre @param {number} [zoom] */
function moveTo(centre, zoom = view.zoom) {
  const margin = 0.5 / zoom;
  view.zoom = zoom;
  view.centre = centre.map((place) => Math.min(Math.max(place, margin), 1 - margin));
  inputById('zoom').value = String(zoom);
}

canvas.addEventListener('pointermove', (event) => {
  const before = pointer.at;
  pointer.at = placeOf(event);
  pointer.moved = pointer.moved.map((moved, axis) => moved + pointer.at[axis] - before[axis]);
});
canvas.addEventListener('pointerenter', (event) => {
  pointer.at = placeOf(event); // it has not come here through the water
});
canvas.addEventListener('pointerdown', (event) => {
  canvas.setPointerCapture(event.pointerId);
  pointer.pressed = true;
});
for (const end of ['pointerup', 'pointercancel']) {
  canvas.addEventListener(end, () => {
    pointer.pressed = false;
  });
}
canvas.addEventListener(
  'wheel',
  (event) => {
    event.preventDefault();
    zoomTo(view.zoom * 2 ** (-event.deltaY / 400), placeOf(event));
  },
  { passive: false },
);
/** @type {Record<string, () => void>} */
const KEYS = {
  ' ': () => {
    pointer.at = [0.5, 0.5];
    const angle = performance.now() / 400; // each press another way
    pointer.moved = [Math.cos(angle) * 0.03, Math.sin(angle) * 0.03];
    pointer.inkFrames = INK_BY_KEY_FRAMES;
  },
  ArrowLeft: () => moveTo([view.centre[0] - 0.1 / view.zoom, view.centre[1]]),
  ArrowRight: () => moveTo([view.centre[0] + 0.1 / view.zoom, view.centre[1]]),
  ArrowUp: () => moveTo([view.centre[0], view.centre[1] - 0.1 / view.zoom]),
  ArrowDown: () => moveTo([view.centre[0], view.centre[1] + 0.1 / view.zoom]),
  '+': () => zoomTo(view.zoom * 1.25),
  '-': () => zoomTo(view.zoom / 1.25),
  0: () => moveTo([0.5, 0.5], 1),
};
canvas.addEventListener('keydown', (event) => {
  const action = KEYS[event.key];
  if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  action();
});
inputById('zoom').addEventListener('input', () => zoomTo(inputById('zoom').valueAsNumber));

// The stream.

/** Whether it plays whenever it can be seen. */
let wanted = !matchMedia('(prefers-reduced-motion: reduce)').matches;
let entered = false;
/** @type {AbortController | undefined} */
let playing;
let stream = 0;
let atWorker = 0;
let wake = () => {};
/** @type {(memory: Uint8Array) => void} */
let recycle = () => {};

/** Plays or stops, as it should. A window that is hidden has nothing to show. */
function update() {
  const should = wanted && entered && !document.hidden;
  play.textContent = wanted ? 'Pause' : 'Play';
  play.disabled = false;
  byId('live-state').textContent = wanted ? '' : 'Paused';
  if (should && !playing) run();
  else if (!should && playing) stop();
}

function stop() {
  playing?.abort();
  playing = undefined;
  wake();
}

/** With what was chosen meanwhile. */
function again() {
  stop();
  update();
}

async function run() {
  const end = new AbortController();
  const { signal } = end;
  playing = end;
  const [width, height] = resolution.value.split('x').map(Number);
  const byteLength = width * height * 4;
  const way = chosen('way');
  stream += 1;
  atWorker = 0;
  byId('live-error').hidden = true;
  byId('frame-copied').textContent = way === 'place' ? '0 B' : bytes(byteLength);
  readings.reset();
  try {
    if (!isOpen('live')) {
      byId('live-state').textContent = 'The library is being opened …';
      await open('live', openIt);
      if (signal.aborted) return;
      byId('live-state').textContent = '';
    }
    requestedAt = performance.now() - 1000 / 60;
    const request = (/** @type {Uint8Array} */ memory) => writeRequest(memory, width, height);
    const pictures = way === 'place' ? inPlace(byteLength, request, signal) : byBridge(byteLength, request, signal);
    for await (const picture of pictures) {
      if (picture.length !== byteLength) throw wrongSize(picture.length, byteLength);
      atWorker += 1;
      worker.postMessage({ stream, width, height, bytes: picture }, [/** @type {ArrayBuffer} */ (picture.buffer)]);
      while (atWorker >= AT_WORKER && !signal.aborted)
        await new Promise((resolve) => (wake = () => resolve(undefined)));
      if (signal.aborted) return;
    }
  } catch (error) {
    if (signal.aborted) return;
    stop();
    wanted = false;
    update();
    byId('live-state').textContent = '';
    showError('live-error', error);
  }
}

/** The least picture there is. @returns {Promise<unknown>} */
function openIt() {
  const memory = new Uint8Array(16 * 16 * 4);
  writeRequest(memory, 16, 16);
  restart = true;
  return exchange(memory, { library: 'live' });
}

/**
 * The project's own way: the library writes into the page's memory, and nothing is copied.
 * @param {number} byteLength @param {(memory: Uint8Array) => void} request @param {AbortSignal} signal
 */
function inPlace(byteLength, request, signal) {
  const pictures = frames({ library: 'live', byteLength, depth: DEPTH, signal, request });
  recycle = (memory) => pictures.recycle(memory);
  return pictures;
}

/**
 * What is done without it: the preload has the picture made in memory of its own, on another thread as well, and
 * contextBridge clones it into the page. As many are under way.
 * @param {number} byteLength @param {(memory: Uint8Array) => void} request @param {AbortSignal} signal
 */
async function* byBridge(byteLength, request, signal) {
  recycle = () => {};
  const ask = () => {
    const asked = new Uint8Array(REQUEST_BYTES);
    request(asked);
    /** @type {ReturnType<typeof host.picture>} */
    const answer = host.picture(asked, byteLength);
    return answer.catch((problem) => ({ picture: undefined, problem }));
  };
  const asked = Array.from({ length: DEPTH }, ask);
  while (!signal.aborted) {
    const { picture, problem } = await /** @type {ReturnType<typeof ask>} */ (asked.shift());
    if (problem) throw problem;
    yield/** @type {Uint8Array} */ (picture);
    asked.push(ask());
  }
}

/** @param {number} length @param {number} expected */
const wrongSize = (length, expected) => ({
  code: 'ERR_NO_PICTURE',
  message: `The library answered with ${bytes(length)}, and a picture of this size has ${bytes(expected)}. It is not one that paints: correct INPLACE_EXCHANGE_LIVE_LIBRARY.`,
});

worker.addEventListener('message', ({ data }) => {
  if (data.stream !== stream) return;
  atWorker -= 1;
  readings.note(data.at, data.bytes.length);
  if (playing) recycle(data.bytes);
  wake();
});

// What it comes to.

const plot = new Plot(byId('plot'));

const readings = {
  drawnAt: 0,
  heardAt: 0,
  /** Whether the page says that it waits. */
  waits: false,
  /** Milliseconds between frames, and until the page has heard of one. */
  frames: /** @type {number[]} */ ([]),
  lags: /** @type {number[]} */ ([]),
  bytes: 0,
  since: 0,

  /** Nothing that was before is counted. */
  reset() {
    const now = performance.now();
    Object.assign(this, { drawnAt: 0, heardAt: now, waits: false, frames: [], lags: [], bytes: 0, since: now });
  },

  /** @param {number} at @param {number} length */
  note(at, length) {
    if (this.drawnAt > 0) {
      this.frames.push(at - this.drawnAt);
      this.lags.push(performance.timeOrigin + performance.now() - at);
      this.bytes += length;
    }
    this.drawnAt = at;
    this.heardAt = performance.now();
    if (this.waits) byId('live-state').textContent = '';
    this.waits = false;
  },

  show() {
    const [times, lags] = [this.frames, this.lags].map((list) => list.sort((a, b) => a - b));
    const seconds = (performance.now() - this.since) / 1000;
    const rate = times.length / seconds;
    const megabytes = this.bytes / seconds / 1e6;
    plot.add(times.length > 0 ? median(times) : null, times.length > 0 ? megabytes : null);
    if (times.length > 0) {
      byId('rate').textContent = rate.toFixed(0);
      byId('throughput').textContent = `${short(megabytes)} MB/s`;
      byId('lag').textContent = duration(lags[lags.length - 1]);
    } else if (isOpen('live') && performance.now() - this.heardAt > NOTICED_MS) {
      this.waits = true;
      byId('live-state').textContent = 'Waiting for the library …';
      byId('rate').textContent = '0';
    }
    Object.assign(this, { frames: [], lags: [], bytes: 0, since: performance.now() });
  },
};

setInterval(() => {
  if (playing) readings.show();
}, READ_EVERY_MS);

play.addEventListener('click', () => {
  wanted = !wanted;
  update();
});
for (const input of [resolution, ...document.querySelectorAll('input[name=way]')])
  input.addEventListener('change', again);
document.addEventListener('visibilitychange', update);

/**
 * @param {{ title: string, text: string } | undefined} news what is shown first
 * @param {boolean} mayOpen whether the library is opened unasked
 */
export function panel(news, mayOpen) {
  if (news || !mayOpen) wanted = false;
  if (news) {
    showError('live-error', { code: news.title, message: news.text });
  }
  return {
    enter() {
      entered = true;
      update();
      if (news) byId('live-state').textContent = '';
    },
    leave() {
      entered = false;
      update();
    },
  };
}
