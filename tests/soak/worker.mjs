// Checks frames that were transferred to it. Returns the memory if the message says so, and drops it otherwise.

import { difference, fillPattern } from './expected.mjs';

/** @type {Uint8Array | undefined} */
let pattern;

globalThis.onmessage = ({ data: { version, memory, returned } }) => {
  pattern ??= fillPattern(version);
  const at = difference(new Uint8Array(memory), pattern);
  const result = returned ? { at, memory } : { at };
  /** @type {any} */ (globalThis).postMessage(result, returned ? [memory] : []);
};
