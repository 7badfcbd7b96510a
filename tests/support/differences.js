// What a library in a process of its own does otherwise. The tests run with both (npm run test:own); what holds in one
// of them alone is marked with a name from here, and docs/processes.md has the reason.

const IN_OWN_PROCESS = process.env.LIBRARY_PROCESS === 'own';

/** By name, the first cell of its row in docs/processes.md, "What differs". */
const DIFFERENCES = {
  address: 'the address that the library sees',
  copied: 'bytes copied',
  shared: 'a SharedArrayBuffer',
  build: 'a new build of the file',
  refused: 'a library that was refused',
  twice: 'two threads that open it at the same moment',
  copies: 'a library that takes one call at a time',
  handle: 'its handle',
  default: 'the default library',
};

/** @typedef {keyof typeof DIFFERENCES} Difference */

/** Whether this differs in this run. @param {Difference} _difference */
const differs = (_difference) => IN_OWN_PROCESS;

/**
 * A test of what a library does in the process of its caller alone.
 * @param {Difference} difference @param {string} title @param {() => unknown} test
 */
function itHere(difference, title, test) {
  if (differs(difference)) it.skip(`${title}: left out, as this differs: ${DIFFERENCES[difference]}`, test);
  else it(title, test);
}

module.exports = { DIFFERENCES, differs, itHere };
