// The kinds of load, the window that each is in, and what its page makes beside it.

/** @typedef {{ what: string, window: string, loads: string[], signs: string[] }} Kind signs: one of them is counted if it was done at all */

const CALLS = ['main', 'shared', 'worker', 'abort'];

/** @type {Record<string, Kind>} */
export const KINDS = {
  main: { what: "exchange with thread: 'main'", window: 'calls', loads: ['main'], signs: ['main'] },
  shared: { what: 'synchronous exchanges over shared memory', window: 'calls', loads: ['shared'], signs: ['shared'] },
  worker: {
    what: 'exchanges on other threads, several at once',
    window: 'calls',
    loads: ['worker'],
    signs: ['worker'],
  },
  abort: {
    what: 'exchanges that would take for ever, aborted',
    window: 'calls',
    loads: ['abort'],
    signs: ['ABORT_ERR'],
  },
  recycle: { what: 'frames that a Worker gives back', window: 'frames', loads: ['recycle'], signs: ['recycle'] },
  transfer: { what: 'frames that a Worker drops', window: 'dropped frames', loads: ['transfer'], signs: ['transfer'] },
  reload: {
    what: 'a page that is reloaded with calls under way',
    window: 'reloaded',
    loads: CALLS,
    signs: ['reloaded'],
  },
  leave: {
    what: 'a page that is left, and a window closed, with calls under way',
    window: 'left',
    loads: CALLS,
    signs: ['page left'],
  },
  popup: {
    what: 'popups with noopener, in processes of their own',
    window: 'popups',
    loads: ['main', 'worker', 'popup'],
    signs: ['popup'],
  },
  'popup-opener': {
    what: 'popups without noopener, in the process of their page',
    window: 'popups beside it',
    loads: ['main', 'worker', 'popup-opener'],
    signs: ['popup-opener', 'ERR_NOT_EXPOSED', 'ERR_EVENT_LOOP'],
  },
  'popup-preload': {
    what: 'a popup whose preload makes an asynchronous call',
    window: 'popup preload',
    loads: ['worker', 'popup-preload'],
    signs: ['popup-preload', 'ERR_EVENT_LOOP'],
  },
  'popup-gone': {
    what: 'a popup that calls functions of a page that has gone',
    window: 'page gone',
    loads: ['popup-gone'],
    signs: ['popup-gone'],
  },
  crash: {
    what: 'a library that crashes, and its page, which comes back',
    window: 'crashing',
    loads: ['crash'],
    signs: ['after a crash'],
  },
};

/**
 * The windows of these kinds, each with what its page makes.
 * @param {string[]} kinds
 */
export function windowsOf(kinds) {
  /** @type {Record<string, { kinds: string[], loads: string[] }>} */
  const windows = {};
  for (const kind of kinds) {
    const { window, loads } = KINDS[kind];
    const { kinds: others = [], loads: more = [] } = windows[window] ?? {};
    windows[window] = { kinds: [...others, kind], loads: [...new Set([...more, ...loads])] };
  }
  return windows;
}
