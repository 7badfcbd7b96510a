// Brings the window back to its page from wherever else it is: not every way there can be barred (main.js bars the others).

const { PAGE, STOPPED, pageOf } = require('./page.js');

/** What a navigation that was given up fails with: the page stays. */
const ERR_ABORTED = -3;

/** @typedef {ReturnType<typeof keepOnPage>} Navigation */

/** @param {import('electron').BrowserWindow} window */
function keepOnPage(window) {
  const { webContents } = window;
  /** The page with the panel that it showed last. */
  let home = PAGE;
  /** The document that is shown. */
  let shown = PAGE;
  /** @type {{ url: string, unlessLoading: boolean } | undefined} */
  let next;

  /**
   * In a task of its own and once for all who ask meanwhile: two pages that come to one new process leave it without
   * Node's event loop (Electron 33).
   * @param {string} url @param {{ unlessLoading?: boolean }} [options] whether a load that is under way will do
   */
  function load(url, { unlessLoading = false } = {}) {
    if (next === undefined) setTimeout(loadNow);
    next = { url, unlessLoading };
  }

  function loadNow() {
    const { url, unlessLoading } = /** @type {NonNullable<typeof next>} */ (next);
    next = undefined;
    if (window.isDestroyed() || (unlessLoading && webContents.isLoadingMainFrame())) return;
    window.loadURL(url).catch(() => {}); // another load has taken its place
  }

  // SECURITY (13): about:blank fires no will-frame-navigate, and stopping it when it starts ends the main process (Electron
  // 27, 33). An address that a script has pushed fires none either, and is what a reload would look for.
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
