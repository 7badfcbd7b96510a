// The memory, descriptors and threads of the app's processes, from /proc on Linux. On other systems only the memory
// that Electron reports.

const fs = require('node:fs');

/** @typedef {{ pid: number, memory: number, descriptors?: number, threads?: number }} Usage memory in bytes */

/**
 * @param {Electron.ProcessMetric[]} metrics @param {Map<number, string>} labels of the processes of windows
 * @returns {Record<string, Usage>} by label; the last of several processes with the same label
 */
function processes(metrics, labels) {
  /** @type {Record<string, Usage>} */
  const all = {};
  for (const { pid, type, serviceName, name, memory } of metrics) {
    const label = labels.get(pid) ?? (type === 'Tab' ? 'a popup' : (name ?? serviceName ?? type));
    const usage = process.platform === 'linux' ? fromProc(pid) : { memory: memory.workingSetSize * 1024 };
    if (usage) all[label] = { pid, ...usage };
  }
  return all;
}

/** @param {number} pid @returns {Omit<Usage, 'pid'> | undefined} undefined if the process has ended */
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
