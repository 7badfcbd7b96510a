// Child processes that end with this one, however it ends: by itself, by Ctrl-C, by a signal, or because the npm that
// started it was killed (npm passes a signal on to its shell, which dies without passing it on).

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
const GRACE_MS = 3000;

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */

/** @type {Set<ChildProcess>} */
const children = new Set();
/** Spawned with `detached`: their process group has their id. @type {WeakSet<ChildProcess>} */
const leaders = new WeakSet();
let installed = false;
let ending = false;

/**
 * Kills this child when this process ends or is told to.
 * @template {ChildProcess} Child
 * @param {Child} child
 * @param {{ group?: boolean }} [options] `group`: with all that it starts. It was spawned with `detached`; not on Windows
 * @returns {Child}
 */
export function killOnExit(child, { group = false } = {}) {
  installHandlers();
  children.add(child);
  if (group) leaders.add(child);
  child.once('close', () => children.delete(child));
  return child;
}

/**
 * Ends a child, by force if it does not end by itself: a program may ignore the first signal. What it has started, and who
 * has left its group, may hold its output open for ever: that is not waited for.
 * @param {ChildProcess} child
 */
export async function end(child) {
  const closed = new Promise((resolve) => child.once('close', resolve));
  const timer = setTimeout(() => {
    kill(child, 'SIGKILL');
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, GRACE_MS);
  kill(child);
  await closed;
  clearTimeout(timer);
}

/** Signals a child, or its whole group. @param {ChildProcess} child @param {NodeJS.Signals} [signal] */
export function kill(child, signal = 'SIGTERM') {
  if (!leaders.has(child) || child.pid === undefined) return child.kill(signal);
  try {
    return process.kill(-child.pid, signal);
  } catch {
    return false; // the group has ended
  }
}

function installHandlers() {
  if (installed) return;
  installed = true;
  for (const signal of SIGNALS) process.on(signal, killAll); // a second Ctrl-C must not end this process before them
  process.once('exit', () => {
    for (const child of children) kill(child);
  });
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) killAll();
  }, 500).unref();
}

/** In reverse order of their start, one at a time: a window ends before the display that it is on. */
async function killAll() {
  if (ending) return;
  ending = true;
  for (const child of [...children].reverse()) await end(child);
  process.exit(130);
}
