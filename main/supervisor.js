// Supervises the page's process: kills it when the page does not unload, and restarts the page after a crash.

const { setTimeout: delay } = require('node:timers/promises');
const { app } = require('electron');
const { LIBRARIES, everyLibrary, notOpened, opening, setOpening, quarantined } = require('./crash-marker.js');
const { addNotice } = require('./notices.js');
const { PAGE, STOPPED } = require('./page.js');

/** How long the page may take to unload, for a reload or for the closing of the window. */
const UNLOAD_TIMEOUT_MS = 5000;

/** How long the page may take to answer a ping, or to crash on request. A frozen process does neither. */
const ANSWER_TIMEOUT_MS = 1000;

/** After so many crashes within CRASH_WINDOW_MS, the page is not restarted automatically. */
const MAX_CRASHES = 3;
const CRASH_WINDOW_MS = 60_000;

/** What happened, by the `reason` of 'render-process-gone'. @type {Record<string, string>} */
const REASONS = {
  'clean-exit': 'ended itself, most likely in a native library, if one runs there',
  'abnormal-exit': 'ended itself, most likely in a native library, if one runs there',
  crashed: 'crashed, most likely in a native library, if one runs there',
  killed: 'was ended from outside',
  oom: 'ran out of memory',
};

const NOT_UNLOADED = `This page did not end within ${UNLOAD_TIMEOUT_MS / 1000} seconds after it was asked to reload, most likely because a native library did not return, so its process was ended. What the library had open may still be switched on.`;

/**
 * A native library can block the page's process or crash it. Either way the window gets a new process, and the page
 * shows the reason.
 * @param {import('electron').BrowserWindow} window @param {import('./navigation.js').Navigation} navigation
 */
function superviseRenderer(window, navigation) {
  const { webContents } = window;
  /** @type {NodeJS.Timeout | undefined} runs while the page unloads */
  let watchdog;
  /** @type {NodeJS.Timeout | undefined} runs while the process should crash */
  let killTimer;
  let closing = false;
  /** Whether a navigation or a reload is in progress. */
  let navigating = false;
  /**
   * Whether the page has declined to unload after Chromium had stopped waiting for its answer: it may unload, or stay.
   */
  let declinedLate = false;
  /** Whether there is a page that can make native calls. */
  let alive = false;
  /** Times of the crashes within CRASH_WINDOW_MS. @type {number[]} */
  let crashes = [];

  /** The panel for notices: the visible one. */
  const panel = () => (navigation.home().endsWith('#/live') ? 'live' : 'exchange');
  const stopWatchdog = () => {
    clearTimeout(watchdog);
    watchdog = undefined;
    declinedLate = false;
  };
  const endRenderer = () => {
    if (!closing) addNotice(panel(), NOT_UNLOADED);
    const pid = webContents.getOSProcessId();
    webContents.forcefullyCrashRenderer();
    killTimer ??= setTimeout(() => {
      killTimer = undefined;
      if (killRenderer(webContents, pid) && !closing)
        addNotice(panel(), NOT_UNLOADED, ' It was frozen, and had to be killed.');
    }, ANSWER_TIMEOUT_MS);
  };
  // A page unloads when its native calls have returned. Without the watchdog, one that does not return would block the
  // window forever.
  const startWatchdog = () => {
    watchdog ??= setTimeout(async () => {
      if (declinedLate && (await isResponsive(webContents))) {
        stopWatchdog();
        if (closing || navigating) startWatchdog(); // requested again meanwhile
      } else if (watchdog !== undefined) {
        stopWatchdog();
        endRenderer();
      }
    }, UNLOAD_TIMEOUT_MS);
  };
  const onNavigationEnd = () => {
    navigating = false;
    if (!closing && !declinedLate) stopWatchdog();
  };
  webContents.on('did-start-navigation', ({ isMainFrame, isSameDocument }) => {
    if (!isMainFrame || isSameDocument) return;
    navigating = true;
    if (alive) startWatchdog();
  });
  // The previous page has unloaded without a crash, whatever it was opening.
  webContents.on('did-navigate', () => {
    for (const library of opening) setOpening(library, false);
  });
  webContents.on('dom-ready', () => {
    declinedLate = false;
    onNavigationEnd();
    alive = !navigation.isStopped();
  });
  webContents.on('did-stop-loading', onNavigationEnd); // also ends a navigation that was prevented
  // A page that declines to unload has answered, so it is not blocked.
  webContents.on('will-prevent-unload', () => {
    closing = false;
    if (navigating) declinedLate = true;
    else stopWatchdog();
  });
  window.on('close', () => {
    closing = true;
    startWatchdog();
  });
  window.on('closed', () => {
    stopWatchdog();
    clearTimeout(killTimer);
    for (const library of opening) setOpening(library, false); // the page has unloaded without a crash
  });

  webContents.on('render-process-gone', (_event, { reason }) => {
    stopWatchdog();
    clearTimeout(killTimer);
    killTimer = undefined;
    navigating = false;
    alive = false;
    const whileOpening = [...opening];
    opening.clear(); // the marker files stay, for the next run
    for (const library of whileOpening) quarantined.add(library);
    if (closing || navigation.isStopped()) {
      window.destroy();
      return;
    }
    const text = `The process of this page ${REASONS[reason] ?? `ended (${reason})`}.`;
    if (whileOpening.length === 0) addNotice(panel(), text);
    for (const library of whileOpening)
      addNotice(LIBRARIES[library].panel, text, ` The library was being opened. ${notOpened(library)}`);
    const now = Date.now();
    crashes = [...crashes.filter((time) => now - time < CRASH_WINDOW_MS), now];
    const isStopped = crashes.length >= MAX_CRASHES;
    if (isStopped) {
      crashes = [];
      for (const library of everyLibrary()) quarantined.add(library);
    }
    const panelsWithNotice = whileOpening.map((library) => LIBRARIES[library].panel);
    const next = panelsWithNotice.length === 0 || panelsWithNotice.includes(panel()) ? panel() : panelsWithNotice[0];
    // A load that has survived the process shows the page as well.
    navigation.load(isStopped ? STOPPED : `${PAGE}#/${next}`, { unlessLoading: !isStopped });
  });
  return { isClosing: () => closing };
}

/**
 * Whether the page still runs scripts.
 * @param {import('electron').WebContents} webContents @returns {Promise<boolean>}
 */
const isResponsive = (webContents) =>
  Promise.race([webContents.executeJavaScript('true').catch(() => false), delay(ANSWER_TIMEOUT_MS, false)]);

/**
 * Kills the renderer with this process id, unless it has ended: the id may belong to another process by then.
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
