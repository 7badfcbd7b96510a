// The main process: one window, which shows local files and nothing else.
//
// "SECURITY" marks each hardened line, with the item of Electron's security checklist it answers
// (electronjs.org/docs/latest/tutorial/security).

const fs = require('node:fs');
const path = require('node:path');
const { app, BrowserWindow, clipboard, ipcMain, nativeTheme, protocol, session } = require('electron');
const { LIBRARIES, everyLibrary, notOpened, crashMarker, setOpening, quarantined } = require('./main/crash-marker.js');
const { keepOnPage } = require('./main/navigation.js');
const { notices, takeNotices } = require('./main/notices.js');
const { HOST, PAGE, pageOf } = require('./main/page.js');
const { superviseRenderer } = require('./main/supervisor.js');

/** @type {Record<string, string>} */
const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.mjs': 'text/javascript' };

/** All that the page can load: URL path to file. A path that is not here does not exist. */
const FILES = new Map([
  ['/', 'index.html'],
  ['/stopped', 'renderer/stopped.html'],
  ...[
    'renderer/base.css',
    'renderer/layout.css',
    'renderer/controls.css',
    'renderer/output.css',
    'renderer/panels/exchange.css',
    'renderer/panels/live.css',
    'renderer/panels/about.css',
    'renderer/stopped.css',
    'renderer/page.mjs',
    'renderer/host.mjs',
    'renderer/hex-view.mjs',
    'lib/page.mjs',
    'lib/frames.mjs',
    'lib/checks.mjs',
    'lib/errors.mjs',
    'lib/protocol.mjs',
    'renderer/panels/exchange.mjs',
    'renderer/panels/live.mjs',
    'renderer/live/draw.mjs',
    'renderer/live/input.mjs',
    'renderer/live/plot.mjs',
    'renderer/live/readings.mjs',
    'renderer/live/request.mjs',
    'renderer/live/transports.mjs',
    'renderer/panels/about.mjs',
    'node_modules/uplot/dist/uPlot.esm.js',
    'node_modules/uplot/dist/uPlot.min.css',
  ].map((file) => /** @type {const} */ ([`/${file}`, file])),
]);

const HEADERS = {
  // SECURITY (7): nothing inline, nothing from elsewhere, no eval, no frames, no forms; one worker, whose script is
  // named in renderer/host.mjs and nowhere else.
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types inplace-exchange',
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
  // SECURITY (13): the window stays on its page. A reload is not a navigation to anywhere else. What comes without this
  // event is undone in main/navigation.js.
  contents.on('will-frame-navigate', (event) => {
    if (pageOf(event.url) !== PAGE) event.preventDefault();
  });
  // SECURITY (14): no new windows.
  contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  // SECURITY (12): no webviews.
  contents.on('will-attach-webview', (event) => event.preventDefault());
});

/** Characters that a page may have copied. */
const MOST_COPIED = 100_000;

// One app for one profile. A second one would take the marker of a library that is being opened here for one that a crash
// has left behind, and remove it.
if (app.requestSingleInstanceLock()) {
  app.whenReady().then(start);
} else {
  console.log('Inplace Exchange is open already: its window comes forward.');
  app.exit();
}

/** @type {ReturnType<typeof superviseRenderer> | undefined} of the window */
let supervisor;
/** Whether the app was started again while its window was being closed. */
let reopens = false;

app.on('second-instance', () => {
  const [window] = BrowserWindow.getAllWindows();
  if (!window) {
    if (app.isReady()) openWindow();
    return;
  }
  reopens = supervisor?.isClosing() ?? false;
  if (window.isMinimized()) window.restore();
  window.show();
  window.focus();
});

app.on('window-all-closed', () => {
  if (reopens) openWindow();
  else if (process.platform !== 'darwin') app.quit();
});

function start() {
  protocol.handle('app', serve);
  // SECURITY (5): no page gets any permission.
  session.defaultSession.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  session.defaultSession.setPermissionCheckHandler(() => false);
  session.defaultSession.setDevicePermissionHandler(() => false);
  for (const library of everyLibrary()) {
    if (!fs.existsSync(crashMarker(library))) continue;
    quarantined.add(library);
    notices[LIBRARIES[library].panel] = {
      title: 'The library is not open',
      text: `This app ended while the native library was being opened. ${notOpened(library)}`,
    };
  }
  answerPage('start', () => ({ notices: takeNotices(), quarantined: [...quarantined] }));
  answerPage('opening', (library) => setOpening(library, true));
  answerPage('opened', (library) => {
    quarantined.delete(library);
    setOpening(library, false);
  });
  // SECURITY (5): instead of a permission to write to the clipboard whenever a page likes.
  answerPage('copy', (text) => {
    if (typeof text !== 'string' || text.length > MOST_COPIED) return false;
    clipboard.writeText(text);
    return true;
  });
  openWindow();
  app.on('activate', () => {
    if (BrowserWindow.getAllWindows().length === 0) openWindow();
  });
}

/**
 * @param {string} channel @param {(argument: any) => unknown} answer
 */
function answerPage(channel, answer) {
  // SECURITY (17): only our page is answered.
  ipcMain.handle(channel, ({ senderFrame }, argument) =>
    senderFrame && pageOf(senderFrame.url) === PAGE ? answer(argument) : undefined,
  );
}

/**
 * @param {Request} request
 * @returns {Promise<Response>}
 */
async function serve(request) {
  const { host, pathname } = new URL(request.url);
  const file = host === HOST ? FILES.get(pathname) : undefined;
  if (!file || request.method !== 'GET') return new Response('Not found', { status: 404, headers: HEADERS });
  const body = await fs.promises.readFile(path.join(__dirname, file));
  const type = `${TYPES[path.extname(file)]}; charset=utf-8`;
  return new Response(body, { headers: { ...HEADERS, 'Content-Type': type } });
}

function openWindow() {
  reopens = false;
  const window = new BrowserWindow({
    width: 1120,
    height: 760,
    minWidth: 640,
    minHeight: 480,
    autoHideMenuBar: true,
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#14161a' : '#fbfbfa', // as base.css, before it has loaded
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
  window.on('close', () => {
    reopens = false; // the last word counts
  });
  supervisor = superviseRenderer(window, keepOnPage(window));
  window.loadURL(PAGE);
}
