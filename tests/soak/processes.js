// What the processes of the app hold. Descriptors and threads are read from /proc, which Linux has: elsewhere they are left
// out, and the memory is what Electron tells.

const fs = require('node:fs');

/** @typedef {{ pid: number, memory: number, descriptors?: number, threads?: number }} Held bytes, and numbers */

/**
 * @param {Electron.ProcessMetric[]} metrics @param {Map<number, string>} labels of the processes that have a window
 * @returns {Record<string, Held>} by label; of several with the same one, the last
 */
function processes(metrics, labels) {
  /** @type {Record<string, Held>} */
  const all = {};
  for (const { pid, type, serviceName, name, memory } of metrics) {
    const label = labels.get(pid) ?? (type === 'Tab' ? 'a popup' : (name ?? serviceName ?? type));
    const held = process.platform === 'linux' ? fromProc(pid) : { memory: memory.workingSetSize * 1024 };
    if (held) all[label] = { pid, ...held };
  }
  return all;
}

/** @param {number} pid @returns {Omit<Held, 'pid'> | undefined} nothing when it has ended meanwhile */
function fromProc(pid) {
  try {
    const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (/** @type {string} */ name) => Number(status.match(new RegExp(`^${name}:\\s+(\\d+)`, 'm'))?.[1]);
    const descriptors = fs.readdirSync(`/proc/${pid}/fd`).length;
    return { memory: field('VmRSS') * 1024, threads: field('Threads'), descriptors };
  } catch {
    return undefined;
  }
}

module.exports = { processes };
