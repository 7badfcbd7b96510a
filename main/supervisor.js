// Supervises the page's process: ends it when a native library holds it up, and brings the window back when it has ended.

const { LIBRARIES, everyLibrary, notOpened, opening, setOpening, quarantined } = require('./crash-marker.js');
const { addNotice } = require('./notices.js');
const { PAGE, STOPPED } = require('./page.js');

/** How long a native library may hold up a reload or the closing of the window. */
const PATIENCE_MS = 5000;

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

/**
 * A native library can take its page with it: by never returning, and by crashing. The window comes back in another
 * process, and its page says why.
 * @param {import('electron').BrowserWindow} window
 */
function superviseRenderer(window) {
  const { webContents } = window;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  let closing = false;
  /** Whether there is a page that can have native calls. */
  let alive = false;
  /** @type {number[]} when the page's process has ended */
  let crashes = [];

  /** Where what has happened is shown. */
  const panel = () => (webContents.getURL().endsWith('#/live') ? 'live' : 'exchange');
  const stop = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  // A page ends when its native calls have ended. One that does not would keep the window from coming back for ever.
  const start = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      if (!closing)
        addNotice(
          panel(),
          `A native library did not return within ${PATIENCE_MS / 1000} seconds after this page was asked to reload, so its process was ended. What the library had open may still be switched on.`,
        );
      webContents.forcefullyCrashRenderer();
    }, PATIENCE_MS);
  };
  webContents.on('did-start-navigation', ({ isMainFrame, isSameDocument }) => {
    if (alive && isMainFrame && !isSameDocument) start();
  });
  // The page before has ended as it should, whatever it was opening.
  webContents.on('did-navigate', () => {
    for (const library of opening) setOpening(library, false);
  });
  webContents.on('dom-ready', () => {
    stop();
    alive = webContents.getURL() !== STOPPED;
  });
  webContents.on('did-stop-loading', stop); // a navigation that is denied ends so, and the page stays
  window.on('close', () => {
    closing = true;
    start();
  });
  window.on('closed', () => {
    stop();
    for (const library of opening) setOpening(library, false); // the page has ended as it should
  });

  webContents.on('render-process-gone', (_event, { reason }) => {
    stop();
    alive = false;
    const whileOpening = [...opening];
    opening.clear(); // and the files stay
    for (const library of whileOpening) quarantined.add(library);
    if (closing || webContents.getURL() === STOPPED) {
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
    // In a task of its own, and not beside a load that has outlived the process: two pages that come to one new process
    // leave it without Node's event loop (Electron 33).
    const noticesOn = whileOpening.map((library) => LIBRARIES[library].panel);
    const again = `${PAGE}#/${noticesOn.length === 0 || noticesOn.includes(panel()) ? panel() : noticesOn[0]}`;
    setTimeout(() => {
      if (window.isDestroyed() || (webContents.isLoadingMainFrame() && !stopped)) return;
      window.loadURL(stopped ? STOPPED : again);
    });
  });
  return { isClosing: () => closing };
}

module.exports = { superviseRenderer };
