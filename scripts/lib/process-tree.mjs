// The processes that a command starts end with it, however it ends: by itself, by Ctrl-C, by a signal, or because the
// npm that started it was ended (npm passes a signal to its shell, which dies without passing it on).

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
const PATIENCE_MS = 3000;

/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();
let watching = false;

/**
 * Ends this child when this process is told to end.
 * @template {import('node:child_process').ChildProcess} Child
 * @param {Child} child
 * @returns {Child}
 */
export function own(child) {
  watch();
  children.add(child);
  child.once('close', () => children.delete(child));
  return child;
}

function watch() {
  if (watching) return;
  watching = true;
  for (const signal of SIGNALS) process.once(signal, endAll);
  process.once('exit', () => {
    for (const child of children) child.kill();
  });
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) endAll();
  }, 500).unref();
}

/** One after the other, the last one first: a window ends before the display that it is on. */
async function endAll() {
  for (const child of [...children].reverse()) {
    const gone = new Promise((resolve) => child.once('close', resolve));
    const impatient = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    child.kill();
    await gone;
    clearTimeout(impatient);
  }
  process.exit(130);
}
