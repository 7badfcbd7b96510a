// Checks frames that were transferred to it. Gives the memory back if it is told to, and drops it otherwise.

import { difference, fillPattern } from './expected.mjs';

/** @type {Uint8Array | undefined} */
let pattern;

globalThis.onmessage = ({ data: { version, memory, back } }) => {
  pattern ??= fillPattern(version);
  const at = difference(new Uint8Array(memory), pattern);
  const answer = back ? { at, memory } : { at };
  /** @type {any} */ (globalThis).postMessage(answer, back ? [memory] : []);
};
