// What the app's processes hold, and the programs of their libraries: from /proc on Linux. On other systems only the memory
// that Electron reports.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { fixtureLibrary } = require('../support/fixtures.js');
const { libraryPrograms, mappings, sharedBytes } = require('../support/library-programs.js');

/**
 * `memory` and `shared` in bytes. `pid`: of a process of the app. `programs`: how many a page's process has for libraries.
 * @typedef {{ pid?: number, memory: number, descriptors?: number, threads?: number, mappings?: number, programs?: number, shared?: number }} Usage
 */

/**
 * @param {Electron.ProcessMetric[]} metrics @param {Map<number, string>} labels of the processes of windows
 * @returns {Record<string, Usage>} by label; the last of several processes with the same label. The programs of a page's
 *   libraries together have one, too
 */
function processes(metrics, labels) {
  /** @type {Record<string, Usage>} */
  const all = {};
  const programs = libraryPrograms();
  for (const { pid, type, serviceName, name, memory } of metrics) {
    const label = labels.get(pid) ?? (type === 'Tab' ? 'a popup' : (name ?? serviceName ?? type));
    const usage = process.platform === 'linux' ? fromProc(pid) : { memory: memory.workingSetSize * 1024 };
    if (usage) all[label] = { pid, ...usage };
    const own = programs.filter(({ parent }) => parent === pid).map((program) => program.pid);
    if (label.startsWith('own ') || own.length > 0) all[`${label}: libraries`] = together(own, pid);
  }
  return all;
}

/** @param {number[]} programs @param {number} app the process that has them @returns {Usage} */
function together(programs, app) {
  const sum = { memory: 0, descriptors: 0, threads: 0, programs: programs.length };
  for (const usage of programs.map((pid) => fromProc(pid, false))) {
    sum.memory += usage?.memory ?? 0;
    sum.descriptors += usage?.descriptors ?? 0;
    sum.threads += usage?.threads ?? 0;
  }
  return { ...sum, shared: sharedBytes(app) };
}

/**
 * @param {number} pid @param {boolean} [withShared] whether `memory` has what is shared with others
 * @returns {Usage | undefined} undefined if the process has ended
 */
function fromProc(pid, withShared = true) {
  try {
    const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (/** @type {string} */ name) => Number(status.match(new RegExp(`^${name}:\\s+(\\d+)`, 'm'))?.[1]);
    const descriptors = fs.readdirSync(`/proc/${pid}/fd`).length;
    const resident = field('VmRSS') - (withShared ? 0 : field('RssShmem'));
    const usage = { memory: resident * 1024, threads: field('Threads'), descriptors };
    // A process that has ended, and was not waited for, has a state, and no memory.
    return Number.isNaN(usage.memory) ? undefined : { ...usage, mappings: mappings(pid).length };
  } catch {
    return undefined;
  }
}

/** The programs of this soak's libraries, which are in a folder of their own, without any of these parents. @param {number[]} parents */
const strayPrograms = (parents) =>
  libraryPrograms()
    .filter(({ library, parent }) => library.startsWith(FOLDER) && !parents.includes(parent))
    .map(({ pid }) => pid);
const FOLDER = path.dirname(fixtureLibrary('faults'));

/** Starts a program that no page has, for the soak to find. */
function plantProgram() {
  const program = path.join(__dirname, '..', '..', 'inplace-exchange-library');
  spawn(program, [fixtureLibrary('faults')], { stdio: ['pipe', 'inherit', 'inherit'] });
}

module.exports = { plantProgram, processes, strayPrograms };
