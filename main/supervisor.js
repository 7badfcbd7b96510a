// Supervises the page's process: ends it when a native library holds it up, and brings the window back when it has ended.

const { setTimeout: delay } = require('node:timers/promises');
const { app } = require('electron');
const { LIBRARIES, everyLibrary, notOpened, opening, setOpening, quarantined } = require('./crash-marker.js');
const { addNotice } = require('./notices.js');
const { PAGE, STOPPED } = require('./page.js');

/** How long a native library may hold up a reload or the closing of the window. */
const PATIENCE_MS = 5000;

/** How long a page may take to answer, or to crash when it is told to. One that is frozen does not read that it was. */
const CRASH_MS = 1000;

/** So many crashes in so short a time, and the page is not started again unasked. */
const MAX_CRASHES = 3;
const CRASH_WINDOW_MS = 60_000;

/** @type {Record<string, string>} how a process ends, by Electron's word for it */
const ENDED = {
  'clean-exit': 'ended itself, most likely in a native library, which runs there',
  'abnormal-exit': 'ended itself, most likely in a native library, which runs there',
  crashed: 'crashed, most likely in a native library, which runs there',
  killed: 'was ended from outside',
  oom: 'ran out of memory',
};

const HELD_UP = `This page did not end within ${PATIENCE_MS / 1000} seconds after it was asked to reload, most likely because a native library did not return, so its process was ended. What the library had open may still be switched on.`;

/**
 * A native library can take its page with it: by never returning, and by crashing. The window comes back in another
 * process, and its page says why.
 * @param {import('electron').BrowserWindow} window @param {import('./navigation.js').Navigation} navigation
 */
function superviseRenderer(window, navigation) {
  const { webContents } = window;
  /** @type {NodeJS.Timeout | undefined} runs out when the page does not end */
  let watchdog;
  /** @type {NodeJS.Timeout | undefined} runs out when the process does not crash */
  let killTimer;
  let closing = false;
  /** Whether the page is on its way to another one, or to itself again. */
  let navigating = false;
  /** Whether it has declined that when Chromium had gone on without its answer: it may be replaced, or stay. */
  let declinedLate = false;
  /** Whether there is a page that can have native calls. */
  let alive = false;
  /** @type {number[]} when the page's process has ended */
  let crashes = [];

  /** Where what has happened is shown. */
  const panel = () => (navigation.home().endsWith('#/live') ? 'live' : 'exchange');
  const stop = () => {
    clearTimeout(watchdog);
    watchdog = undefined;
    declinedLate = false;
  };
  const endRenderer = () => {
    if (!closing) addNotice(panel(), HELD_UP);
    const pid = webContents.getOSProcessId();
    webContents.forcefullyCrashRenderer();
    killTimer ??= setTimeout(() => {
      killTimer = undefined;
      if (killRenderer(webContents, pid) && !closing)
        addNotice(panel(), HELD_UP, ' It was frozen, and had to be killed.');
    }, CRASH_MS);
  };
  // A page ends when its native calls have ended. One that does not would keep the window from coming back for ever.
  const start = () => {
    watchdog ??= setTimeout(async () => {
      if (declinedLate && (await answers(webContents))) {
        stop();
        if (closing || navigating) start(); // asked again meanwhile
      } else if (watchdog !== undefined) {
        stop();
        endRenderer();
      }
    }, PATIENCE_MS);
  };
  const arrived = () => {
    navigating = false;
    if (!closing && !declinedLate) stop();
  };
  webContents.on('did-start-navigation', ({ isMainFrame, isSameDocument }) => {
    if (!isMainFrame || isSameDocument) return;
    navigating = true;
    if (alive) start();
  });
  // The page before has ended as it should, whatever it was opening.
  webContents.on('did-navigate', () => {
    for (const library of opening) setOpening(library, false);
  });
  webContents.on('dom-ready', () => {
    declinedLate = false;
    arrived();
    alive = !navigation.isStopped();
  });
  webContents.on('did-stop-loading', arrived); // a navigation that is denied ends so, and the page stays
  // A page that declines to be closed or reloaded has answered: it does not hang.
  webContents.on('will-prevent-unload', () => {
    closing = false;
    if (navigating) declinedLate = true;
    else stop();
  });
  window.on('close', () => {
    closing = true;
    start();
  });
  window.on('closed', () => {
    stop();
    clearTimeout(killTimer);
    for (const library of opening) setOpening(library, false); // the page has ended as it should
  });

  webContents.on('render-process-gone', (_event, { reason }) => {
    stop();
    clearTimeout(killTimer);
    killTimer = undefined;
    navigating = false;
    alive = false;
    const whileOpening = [...opening];
    opening.clear(); // and the files stay
    for (const library of whileOpening) quarantined.add(library);
    if (closing || navigation.isStopped()) {
      window.destroy();
      return;
    }
    const text = `The process of this page ${ENDED[reason] ?? `ended (${reason})`}.`;
    if (whileOpening.length === 0) addNotice(panel(), text);
    for (const library of whileOpening)
      addNotice(LIBRARIES[library].panel, text, ` The library was being opened. ${notOpened(library)}`);
    const now = Date.now();
    crashes = [...crashes.filter((time) => now - time < CRASH_WINDOW_MS), now];
    const stopped = crashes.length >= MAX_CRASHES;
    if (stopped) {
      crashes = [];
      for (const library of everyLibrary()) quarantined.add(library);
    }
    const noticesOn = whileOpening.map((library) => LIBRARIES[library].panel);
    const again = `${PAGE}#/${noticesOn.length === 0 || noticesOn.includes(panel()) ? panel() : noticesOn[0]}`;
    // A load that has outlived the process brings the page as well.
    navigation.load(stopped ? STOPPED : again, { unlessLoading: !stopped });
  });
  return { isClosing: () => closing };
}

/**
 * Whether the page still runs its script.
 * @param {import('electron').WebContents} webContents @returns {Promise<boolean>}
 */
const answers = (webContents) =>
  Promise.race([webContents.executeJavaScript('true').catch(() => false), delay(CRASH_MS, false)]);

/**
 * Kills a renderer that has not ended meanwhile: its number may be another process's by then.
 * @param {import('electron').WebContents} webContents @param {number} pid
 */
function killRenderer(webContents, pid) {
  if (webContents.getOSProcessId() !== pid) return false;
  if (!app.getAppMetrics().some((metric) => metric.pid === pid && metric.type === 'Tab')) return false;
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false; // it has ended just now
  }
}

module.exports = { superviseRenderer };
