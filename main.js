// The main process: one window, which shows local files and nothing else.
//
// "SECURITY" marks each hardened line, with the item of Electron's security checklist it answers
// (electronjs.org/docs/latest/tutorial/security).

const fs = require('node:fs/promises');
const path = require('node:path');
const { app, BrowserWindow, ipcMain, nativeTheme, protocol, session } = require('electron');

const HOST = 'inplace-exchange';
const PAGE = `app://${HOST}/`;

/** All that the page can load: URL path to file and type. A path that is not here does not exist. */
const FILES = new Map([
  ['/', { file: 'index.html', type: 'text/html; charset=utf-8' }],
  ['/renderer/page.css', { file: 'renderer/page.css', type: 'text/css; charset=utf-8' }],
  ['/renderer/page.js', { file: 'renderer/page.js', type: 'text/javascript; charset=utf-8' }],
]);

const HEADERS = {
  // SECURITY (7): nothing inline, nothing from elsewhere, no eval, no frames, no forms.
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; '),
  // These two make the page cross-origin isolated, which SharedArrayBuffer and precise timers need.
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
};

// SECURITY (18): a protocol of our own instead of file://, so that a page can reach a few files and not the whole disk.
protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges: { standard: true, secure: true } }]);

app.on('web-contents-created', (_event, contents) => {
  // SECURITY (13): the window stays on its page. A reload is not a navigation to anywhere else.
  contents.on('will-frame-navigate', (event) => {
    if (event.url !== PAGE) event.preventDefault();
  });
  // SECURITY (14): no new windows.
  contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  // SECURITY (12): no webviews.
  contents.on('will-attach-webview', (event) => event.preventDefault());
});

/** How long a native library may hold up a reload or the closing of the window. */
const PATIENCE_MS = 5000;

/** @type {string | undefined} why the page had to be started again, until it has asked */
let whatHappened;

app.on('window-all-closed', () => {
  if (process.platform !== 'darwin') app.quit();
});

app.whenReady().then(() => {
  protocol.handle('app', serve);
  // SECURITY (5): no page gets any permission.
  session.defaultSession.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  session.defaultSession.setPermissionCheckHandler(() => false);
  session.defaultSession.setDevicePermissionHandler(() => false);
  ipcMain.handle('what-happened', ({ senderFrame }) => {
    // SECURITY (17): only our page is answered.
    if (senderFrame?.url !== PAGE) return undefined;
    const reason = whatHappened;
    whatHappened = undefined;
    return reason;
  });
  openWindow();
  app.on('activate', () => {
    if (BrowserWindow.getAllWindows().length === 0) openWindow();
  });
});

/**
 * @param {Request} request
 * @returns {Promise<Response>}
 */
async function serve(request) {
  const { host, pathname } = new URL(request.url);
  const entry = host === HOST ? FILES.get(pathname) : undefined;
  if (!entry || request.method !== 'GET') return new Response('Not found', { status: 404, headers: HEADERS });
  const body = await fs.readFile(path.join(__dirname, entry.file));
  return new Response(body, { headers: { ...HEADERS, 'Content-Type': entry.type } });
}

function openWindow() {
  const window = new BrowserWindow({
    width: 960,
    height: 720,
    minWidth: 480,
    minHeight: 480,
    autoHideMenuBar: true,
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#14161a' : '#fbfbfa', // as page.css, before it has loaded
    show: false,
    webPreferences: {
      preload: path.join(__dirname, 'renderer', 'preload.js'),
      // SECURITY (2, 3, 6): the defaults, said aloud.
      nodeIntegration: false,
      contextIsolation: true,
      webSecurity: true,
      // SECURITY (4): the one exception. A sandboxed preload cannot load a native addon, and the addon has to be in
      // this process: that is where the page's memory is. What the page itself can reach is renderer/preload.js.
      sandbox: false,
    },
  });
  window.once('ready-to-show', () => window.show());
  watchOver(window);
  window.loadURL(PAGE);
}

/**
 * A page ends when its native calls have ended. A library that never returns would keep the window from coming back for
 * ever: then the page's process is ended, and another one started.
 * @param {BrowserWindow} window
 */
function watchOver(window) {
  const { webContents } = window;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  let closing = false;
  const stop = () => clearTimeout(timer);
  const start = () => {
    stop();
    timer = setTimeout(() => {
      if (!closing)
        whatHappened = `A native library did not return within ${PATIENCE_MS / 1000} seconds after this page was asked to reload, so its process was ended. What the library had open may still be switched on.`;
      webContents.forcefullyCrashRenderer();
    }, PATIENCE_MS);
  };
  webContents.on('did-start-navigation', ({ isMainFrame, isSameDocument }) => {
    if (isMainFrame && !isSameDocument) start();
  });
  webContents.on('dom-ready', stop);
  webContents.on('did-stop-loading', stop); // a navigation that is denied ends so, and the page stays
  window.on('close', () => {
    closing = true;
    start();
  });
  window.on('closed', stop);
  webContents.on('render-process-gone', () => {
    stop();
    if (closing) window.destroy();
    else if (whatHappened) window.loadURL(PAGE);
  });
}
