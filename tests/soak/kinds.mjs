// The kinds of load: the window of each, and the loads that its page runs.

import { platform } from 'node:process';

/**
 * A kind of load. One of the counters in `signs`, at least, must be above 0 in the end. `process: 'own'`: the libraries of
 * its window have processes of their own, and its counters begin with `own`. `'shared'`: those of all such windows have
 * the same processes.
 * @typedef {{ what: string, window: string | string[], loads: string[], signs: string[], process?: 'own' | 'shared' }} Kind
 */

const CALLS = ['main', 'shared', 'worker', 'abort'];

/** @type {Record<string, Kind>} */
const HERE = {
  main: { what: "exchange with thread: 'main'", window: 'calls', loads: ['main'], signs: ['main'] },
  shared: { what: 'synchronous exchanges over shared memory', window: 'calls', loads: ['shared'], signs: ['shared'] },
  worker: {
    what: 'asynchronous exchanges, several at once',
    window: 'calls',
    loads: ['worker'],
    signs: ['worker'],
  },
  abort: {
    what: 'endless exchanges that are aborted',
    window: 'calls',
    loads: ['abort'],
    signs: ['ABORT_ERR'],
  },
  recycle: { what: 'frames that a Worker returns', window: 'frames', loads: ['recycle'], signs: ['recycle'] },
  transfer: { what: 'frames that a Worker drops', window: 'dropped frames', loads: ['transfer'], signs: ['transfer'] },
  stream: {
    what: 'streams into Workers, which are terminated, or which are stopped',
    window: 'streams',
    loads: ['stream'],
    signs: ['stream'],
  },
  reload: {
    what: 'a page that is reloaded during its calls',
    window: 'reloaded',
    loads: CALLS,
    signs: ['reloaded'],
  },
  leave: {
    what: 'a page that is left, and a window that is closed, during calls',
    window: 'left',
    loads: CALLS,
    signs: ['page left'],
  },
  popup: {
    what: 'popups with noopener, in their own processes',
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
    what: 'a popup that calls functions of a page that was unloaded',
    window: 'page gone',
    loads: ['popup-gone'],
    signs: ['popup-gone'],
  },
  crash: {
    what: 'a library that crashes; its page is loaded again',
    window: 'crashing',
    loads: ['crash'],
    signs: ['after a crash'],
  },
};

/** The same loads, with each library in a process of its own. */
const SAME = ['main', 'shared', 'worker', 'abort', 'recycle', 'transfer', 'stream', 'reload', 'leave'];

/** Libraries in processes of their own. @type {Record<string, Kind>} */
const OWN = {
  ...Object.fromEntries(
    SAME.map((name) => {
      const { what, window, loads, signs } = HERE[name];
      const ends = name === 'reload' || name === 'leave';
      const kind = {
        what: `${what}; libraries in own processes${ends ? ', which crash' : ''}`,
        window: `own ${String(window).replace('dropped ', '')}`,
        loads: ends ? [...loads, 'random'] : loads,
        signs: signs.map((sign) => `own ${sign}`),
        process: /** @type {const} */ ('own'),
      };
      return [`own-${name}`, kind];
    }),
  ),
  'own-random': {
    what: 'random calls of such libraries, which crash, exit, hang, fail and are aborted',
    window: 'own random',
    loads: ['random'],
    signs: ['own ERR_LIBRARY_CRASHED'],
    process: 'own',
  },
  'own-kill': {
    what: 'programs of such libraries that are killed from outside',
    window: 'own killed',
    loads: ['kill'],
    signs: ['own killed'],
    process: 'own',
  },
};

/** @type {Record<string, Kind>} */
const SHARED = {
  sharing: {
    what: 'three windows that share the processes of their libraries',
    window: ['sharing', 'sharing too', 'sharing as well'],
    loads: ['sharing'],
    signs: ['sharing'],
    process: 'shared',
  },
  'sharing-crash': {
    what: 'a window that shares them as well, and crashes',
    window: 'sharing and crashing',
    loads: ['sharing'],
    signs: ['sharing crashed'],
    process: 'shared',
  },
};

/** @type {Record<string, Kind>} */
export const KINDS = { ...HERE, ...OWN, ...SHARED };

/** Whether this system has it: such processes are on Linux only. @param {string} kind */
export const isHere = (kind) => platform === 'linux' || KINDS[kind].process === undefined;

/**
 * The windows of these kinds, each with the loads of its page.
 * @param {string[]} kinds
 */
export function windowsOf(kinds) {
  /** @type {Record<string, { kinds: string[], loads: string[], process: string }>} */
  const windows = {};
  for (const kind of kinds) {
    const { window, loads, process = 'here' } = KINDS[kind];
    for (const name of [window].flat()) {
      const { kinds: otherKinds = [], loads: otherLoads = [] } = windows[name] ?? {};
      windows[name] = { kinds: [...otherKinds, kind], loads: [...new Set([...otherLoads, ...loads])], process };
    }
  }
  return windows;
}
