// Returns the window to its page after navigations that cannot be prevented. main.js prevents the others.

const { PAGE, STOPPED, pageOf } = require('./page.js');

/** The error code of a navigation that was cancelled: the page stays. */
const ERR_ABORTED = -3;

/** @typedef {ReturnType<typeof keepOnPage>} Navigation */

/** @param {import('electron').BrowserWindow} window */
function keepOnPage(window) {
  const { webContents } = window;
  /** The address of the page with its last panel. */
  let home = PAGE;
  /** The address of the current document. */
  let shown = PAGE;
  /** @type {{ url: string, unlessLoading: boolean } | undefined} */
  let next;

  /**
   * Loads a page in a task of its own, and once for several requests: two pages that are loaded into one new process
   * leave it without Node.js's event loop (Electron 33).
   * @param {string} url @param {{ unlessLoading?: boolean }} [options] whether a load in progress is good enough
   */
  function load(url, { unlessLoading = false } = {}) {
    if (next === undefined) setTimeout(loadNow);
    next = { url, unlessLoading };
  }

  function loadNow() {
    const { url, unlessLoading } = /** @type {NonNullable<typeof next>} */ (next);
    next = undefined;
    if (window.isDestroyed() || (unlessLoading && webContents.isLoadingMainFrame())) return;
    window.loadURL(url).catch(() => {}); // superseded by another load
  }

  // SECURITY (13): a navigation to about:blank emits no will-frame-navigate, and stopping it when it starts kills the
  // main process (Electron 27, 33). history.pushState emits none either, and a reload would load the address that it
  // has set.
  webContents.on('did-navigate', (_event, url) => {
    shown = pageOf(url);
    if (shown === PAGE) home = url;
    else if (shown !== STOPPED) load(home);
  });
  webContents.on('did-navigate-in-page', (_event, url, isMainFrame) => {
    if (!isMainFrame) return;
    if (pageOf(url) !== shown) load(home);
    else if (shown === PAGE) home = url;
  });
  webContents.on('did-fail-load', (_event, code, _description, url, isMainFrame) => {
    if (isMainFrame && code !== ERR_ABORTED && pageOf(url) !== PAGE && url !== STOPPED) load(home);
  });

  return { load, home: () => home, isStopped: () => shown === STOPPED };
}

module.exports = { keepOnPage };
