// The viewer's input: pointer, wheel and keys on the canvas, and the zoom slider. request.mjs sends it with each frame.

import { byId, inputById } from '../dom.mjs';

const MAX_ZOOM = 8;
/** For how many frames a press of the space bar adds ink. */
const KEY_INK_FRAMES = 20;

const canvas = byId('canvas');

/** The visible section of the picture. Coordinates are 0 to 1 across the picture. */
export const view = { centre: [0.5, 0.5], zoom: 1 };
/** `moved` is the distance since the last request. */
export const pointer = { position: [0.5, 0.5], moved: [0, 0], pressed: false, inkFrames: 0 };

/** @param {PointerEvent | WheelEvent} event @returns {[number, number]} 0 to 1 across the picture */
function positionOf(event) {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const clamped = (/** @type {number} */ share) => Math.min(Math.max(share, 0), 1);
  return [clamped((event.clientX - left) / width), clamped((event.clientY - top) / height)];
}

/** @param {number} zoom @param {number[]} [anchor] the point that keeps its place on the screen */
function zoomTo(zoom, anchor = [0.5, 0.5]) {
  const next = Math.min(Math.max(zoom, 1), MAX_ZOOM);
  moveTo(
    view.centre.map((centre, axis) => centre + (anchor[axis] - 0.5) * (1 / view.zoom - 1 / next)),
    next,
  );
}

/** @param {number[]} centre @param {number} [zoom] */
function moveTo(centre, zoom = view.zoom) {
  const margin = 0.5 / zoom;
  view.zoom = zoom;
  view.centre = centre.map((coordinate) => Math.min(Math.max(coordinate, margin), 1 - margin));
  inputById('zoom').value = String(zoom);
}

canvas.addEventListener('pointermove', (event) => {
  const before = pointer.position;
  pointer.position = positionOf(event);
  pointer.moved = pointer.moved.map((moved, axis) => moved + pointer.position[axis] - before[axis]);
});
canvas.addEventListener('pointerenter', (event) => {
  pointer.position = positionOf(event); // from outside the canvas, so it is not a movement
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
    zoomTo(before * 2 ** (-event.deltaY / 400), positionOf(event));
    if (view.zoom !== before) event.preventDefault(); // otherwise the wheel scrolls the panel
  },
  { passive: false },
);
/** @type {Record<string, () => void>} */
const KEYS = {
  ' ': () => {
    pointer.position = [0.5, 0.5];
    const angle = performance.now() / 400; // so that each press moves the ink in another direction
    pointer.moved = [Math.cos(angle) * 0.03, Math.sin(angle) * 0.03];
    pointer.inkFrames = KEY_INK_FRAMES;
  },
  ArrowLeft: () => moveTo([view.centre[0] - 0.1 / view.zoom, view.centre[1]]),
  ArrowRight: () => moveTo([view.centre[0] + 0.1 / view.zoom, view.centre[1]]),
  ArrowUp: () => moveTo([view.centre[0], view.centre[1] - 0.1 / view.zoom]),
  ArrowDown: () => moveTo([view.centre[0], view.centre[1] + 0.1 / view.zoom]),
  '+': () => zoomTo(view.zoom * 1.25),
  '=': () => zoomTo(view.zoom * 1.25), // the plus key without Shift, on US keyboards
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
