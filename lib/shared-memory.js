// Memory that the page shares, as this world has it.

const { loadAddon } = require('./while-alive.js');

/** @param {unknown} memory @returns {memory is SharedArrayBuffer} */
const isShared = (memory) => typeof SharedArrayBuffer === 'function' && memory instanceof SharedArrayBuffer;

/**
 * V8 does not count what a handle on shared memory holds, and would not collect garbage while memory runs out.
 * @param {SharedArrayBuffer} memory
 */
function counted(memory) {
  loadAddon().countSharedMemory(memory);
  return memory;
}

module.exports = { counted, isShared };
