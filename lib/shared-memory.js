// SharedArrayBuffers that the page shares with the preload.

const { loadAddon } = require('./while-alive.js');

/** @param {unknown} memory @returns {memory is SharedArrayBuffer} */
const isShared = (memory) => typeof SharedArrayBuffer === 'function' && memory instanceof SharedArrayBuffer;

/**
 * Reports the memory to V8's garbage collector. V8 does not count the memory behind a SharedArrayBuffer that was
 * received, and would not collect unreferenced ones while memory runs out.
 * @param {SharedArrayBuffer} memory
 */
function trackExternalMemory(memory) {
  loadAddon().countSharedMemory(memory);
  return memory;
}

module.exports = { isShared, trackExternalMemory };
