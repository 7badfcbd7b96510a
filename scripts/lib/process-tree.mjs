// Child processes that end with this one, however it ends: by itself, by Ctrl-C, by a signal, or because the npm that
// started it was killed (npm passes a signal on to its shell, which dies without passing it on).

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
const GRACE_MS = 3000;

/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();
let installed = false;

/**
 * Kills this child when this process ends or is told to.
 * @template {import('node:child_process').ChildProcess} Child
 * @param {Child} child
 * @returns {Child}
 */
export function killOnExit(child) {
  installHandlers();
  children.add(child);
  child.once('close', () => children.delete(child));
  return child;
}

function installHandlers() {
  if (installed) return;
  installed = true;
  for (const signal of SIGNALS) process.once(signal, killAll);
  process.once('exit', () => {
    for (const child of children) child.kill();
  });
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) killAll();
  }, 500).unref();
}

/** In reverse order of their start, one at a time: a window ends before the display that it is on. */
async function killAll() {
  for (const child of [...children].reverse()) {
    const closed = new Promise((resolve) => child.once('close', resolve));
    const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    child.kill();
    await closed;
    clearTimeout(timer);
  }
  process.exit(130);
}
