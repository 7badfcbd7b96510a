// The second panel: a moving picture that a native library computes. Each frame's request (pointer, zoom and all) goes out
// in the memory in which the picture comes back; a worker draws it.

import {
  byId,
  bytes,
  chosen,
  drawScript,
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
} from '../host.mjs';
import { Plot } from '../live/plot.mjs';

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
/** Over how long. */
const READ_OVER_MS = 1000;
/** A picture that takes longer than this is said to be waited for. */
const NOTICED_MS = 2000;
const INK_BY_KEY_FRAMES = 20;

const canvas = /** @type {HTMLCanvasElement} */ (byId('canvas'));
const resolution = /** @type {HTMLSelectElement} */ (byId('resolution'));
const play = /** @type {HTMLButtonElement} */ (byId('play'));

const worker = new Worker(drawScript, { type: 'module' });
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
  if (event.button !== 0) return;
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
    const before = view.zoom;
    zoomTo(before * 2 ** (-event.deltaY / 400), placeOf(event));
    if (view.zoom !== before) event.preventDefault(); // or else the panel scrolls
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
  '=': () => zoomTo(view.zoom * 1.25), // the same key, where it takes Shift
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
  byId('live-state').textContent = wanted || !byId('live-error').hidden ? '' : 'Paused';
  if (should && !playing) run();
  else if (!should && playing) stop();
}

function stop() {
  playing?.abort();
  playing = undefined;
  stream += 1; // what is still drawn is not counted
  wake();
  readings.clear();
}

/** With what was chosen meanwhile. */
function again() {
  readings.tellOfBefore();
  stop();
  update();
}

/** Kept when the last stream has ended. Streams take turns, so that none is made to wait for pictures that nobody wants. */
let lastEnds = Promise.resolve();

async function run() {
  const end = new AbortController();
  const { signal } = end;
  playing = end;
  const [width, height] = resolution.value.split('x').map(Number);
  const byteLength = width * height * 4;
  const way = chosen('way');
  byId('live-error').hidden = true;
  const how = way === 'place' ? 'In place' : 'By contextBridge';
  readings.begin(`${how}, ${width} × ${height}`, way === 'place' ? 0 : byteLength);
  const before = lastEnds;
  let ends = () => {};
  lastEnds = new Promise((resolve) => {
    ends = resolve;
  });
  try {
    await before;
    if (signal.aborted) return;
    if (!isOpen('live')) {
      byId('live-state').textContent = 'The library is being opened …';
      await open('live', openIt);
      if (signal.aborted) return;
      byId('live-state').textContent = '';
    }
    atWorker = 0;
    requestedAt = performance.now() - 1000 / 60;
    Object.assign(pointer, { moved: [0, 0], inkFrames: 0 }); // what was done meanwhile was done to nothing
    const request = (/** @type {Uint8Array} */ memory) => writeRequest(memory, width, height);
    const pictures = way === 'place' ? inPlace(byteLength, request, signal) : byBridge(byteLength, request, signal);
    for await (const picture of pictures) {
      if (signal.aborted) return;
      if (picture.length !== byteLength) throw wrongSize(picture.length, byteLength);
      atWorker += 1;
      worker.postMessage({ stream, width, height, bytes: picture }, [/** @type {ArrayBuffer} */ (picture.buffer)]);
      while (atWorker >= AT_WORKER && !signal.aborted)
        await new Promise((resolve) => (wake = () => resolve(undefined)));
    }
  } catch (error) {
    if (signal.aborted) return;
    wanted = false;
    showError('live-error', error, 'live');
    update();
  } finally {
    ends();
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
  try {
    while (!signal.aborted) {
      const { picture, problem } = await /** @type {ReturnType<typeof ask>} */ (asked.shift());
      if (!picture) throw problem;
      yield picture;
      if (!signal.aborted) asked.push(ask());
    }
  } finally {
    await Promise.all(asked);
  }
}

/** @param {number} length @param {number} expected */
const wrongSize = (length, expected) => ({
  code: 'ERR_NO_PICTURE',
  message: `The library answered with ${bytes(length)}, and a picture of this size has ${bytes(expected)}. It is not one that paints: correct INPLACE_EXCHANGE_LIVE_LIBRARY.`,
});

worker.addEventListener('message', ({ data }) => {
  if (data.stream !== stream || !playing || playing.signal.aborted) return;
  atWorker -= 1;
  readings.note(data.at, data.bytes.length);
  recycle(data.bytes);
  wake();
});

// What it comes to.

const plot = new Plot(byId('plot'));

const readings = {
  /** Of what they are. */
  title: '',
  /** Bytes of a frame that are copied. */
  copied: 0,
  /** When frames were drawn, by the worker's clock: those of the last second, and two at least. */
  drawnAt: /** @type {number[]} */ ([]),
  /** Milliseconds until the page's thread had heard of them. */
  delays: /** @type {number[]} */ ([]),
  frameBytes: 0,
  heardAt: 0,
  /** Whether the page says that it waits. */
  waits: false,
  /** @type {{ rate: string, delay: string } | undefined} */
  last: undefined,

  /** @param {string} title @param {number} copied */
  begin(title, copied) {
    Object.assign(this, { title, copied, drawnAt: [], delays: [], heardAt: performance.now(), waits: false });
    this.last = undefined;
  },

  clear() {
    for (const id of ['rate', 'throughput', 'frame-copied', 'lag']) byId(id).textContent = '–';
  },

  /** @param {number} at @param {number} length */
  note(at, length) {
    this.heardAt = performance.now();
    this.frameBytes = length;
    this.drawnAt.push(at);
    this.delays.push(performance.timeOrigin + this.heardAt - at);
    while (this.drawnAt.length > 2 && at - this.drawnAt[0] > READ_OVER_MS) {
      this.drawnAt.shift();
      this.delays.shift();
    }
    if (this.waits) byId('live-state').textContent = '';
    this.waits = false;
  },

  show() {
    const count = this.drawnAt.length - 1;
    const fresh = performance.now() - this.heardAt < NOTICED_MS;
    if (count < 1 || !fresh) {
      plot.add(null, null);
      if (!fresh && isOpen('live')) this.wait();
      return;
    }
    const milliseconds = (this.drawnAt[count] - this.drawnAt[0]) / count;
    const megabytes = this.frameBytes / milliseconds / 1000;
    this.last = {
      rate: (1000 / milliseconds).toFixed(milliseconds > 100 ? 1 : 0),
      delay: duration(median(this.delays.toSorted((a, b) => a - b))),
    };
    plot.add(milliseconds, megabytes);
    byId('rate').textContent = this.last.rate;
    byId('throughput').textContent = `${short(megabytes)} MB/s`;
    byId('frame-copied').textContent = bytes(this.copied);
    byId('lag').textContent = this.last.delay;
  },

  wait() {
    this.waits = true;
    byId('live-state').textContent = 'Waiting for the library …';
    this.clear();
  },

  /** What has been is left to be compared with what comes. */
  tellOfBefore() {
    if (!this.last) return;
    byId('other').textContent = `${this.title}: ${this.last.rate} per second, ${this.last.delay}.`;
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
 * @param {{ title: string, text: string } | undefined} notice what is shown first
 * @param {boolean} mayOpen whether the library is opened unasked
 */
export function panel(notice, mayOpen) {
  if (notice || !mayOpen) wanted = false;
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
