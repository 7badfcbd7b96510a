// The request of a frame: the input of the live library, at the start of the memory that it then fills with the
// picture. The layout is that of live-lib/src/request.rs.

import { inputById } from '../dom.mjs';
import { pointer, view } from './input.mjs';

export const REQUEST_BYTES = 64;
const MAGIC = 0x314b4e49; // INK1
const RESTART = 1;
const JETS = 2;

/** Whether the next request restarts the simulation. */
let restart = true;
let lastRequestAt = 0;

/** Starts a sequence of requests. Input from before it is ignored. */
export function beginRequests() {
  lastRequestAt = performance.now() - 1000 / 60;
  Object.assign(pointer, { moved: [0, 0], inkFrames: 0 });
}

/** The next request restarts the simulation. */
export function restartSimulation() {
  restart = true;
}

/** @param {Uint8Array} memory @param {number} width @param {number} height */
export function writeRequest(memory, width, height) {
  const now = performance.now();
  const seconds = Math.min((now - lastRequestAt) / 1000, 0.05);
  lastRequestAt = now;
  const ink = pointer.pressed || pointer.inkFrames > 0 ? 1 : 0;
  pointer.inkFrames = Math.max(0, pointer.inkFrames - 1);
  const flags = (restart ? RESTART : 0) | (inputById('jets').checked ? JETS : 0);
  restart = false;
  const request = new DataView(memory.buffer, 0, REQUEST_BYTES);
  for (const [index, word] of [MAGIC, width, height, flags].entries()) request.setUint32(index * 4, word, true);
  const sliders = ['swirl', 'persistence', 'hue'].map((id) => inputById(id).valueAsNumber);
  const numbers = [seconds, ...pointer.position, ...pointer.moved, ink, ...view.centre, view.zoom, ...sliders];
  for (const [index, number] of numbers.entries()) request.setFloat32(16 + index * 4, number, true);
  pointer.moved = [0, 0];
}
