// The main process: one window, which shows the local files of this app and nothing else.
//
// "SECURITY" marks each hardened line, with the item of Electron's security checklist it answers
// (electronjs.org/docs/latest/tutorial/security).

const fs = require('node:fs');
const path = require('node:path');
const { app, BrowserWindow, clipboard, ipcMain, nativeTheme, protocol, session } = require('electron');
const { COPY, OPENED, OPENING, START } = require('./main/channels.js');
const { LIBRARIES, everyLibrary, notOpened, crashMarker, setOpening, quarantined } = require('./main/crash-marker.js');
const { keepOnPage } = require('./main/navigation.js');
const { notices, takeNotices } = require('./main/notices.js');
const { HOST, PAGE, pageOf } = require('./main/page.js');
const { superviseRenderer } = require('./main/supervisor.js');

/** @type {Record<string, string>} */
const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.mjs': 'text/javascript' };

/** The files that the page can load, by URL path. All other paths are 404. */
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
    'renderer/dom.mjs',
    'renderer/format.mjs',
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
  // SECURITY (7): no inline scripts, no other origins, no eval, no frames, no forms. Scripts can start one worker, with
  // the trusted-types policy that renderer/host.mjs creates.
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
  // These two make the page cross-origin isolated, for SharedArrayBuffer and precise timers.
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
};

// SECURITY (18): a custom protocol in place of file://, so that a page can load a few files and not the whole disk.
protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges: { standard: true, secure: true } }]);

app.on('web-contents-created', (_event, contents) => {
  // SECURITY (13): the window stays on its page; a reload is allowed. main/navigation.js undoes the navigations that do
  // not emit this event.
  contents.on('will-frame-navigate', (event) => {
    if (pageOf(event.url) !== PAGE) event.preventDefault();
  });
  // SECURITY (14): no new windows.
  contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  // SECURITY (12): no webviews.
  contents.on('will-attach-webview', (event) => event.preventDefault());
});

/** The longest text that the page may copy. */
const MAX_COPIED_LENGTH = 100_000;

// One instance for each profile. A second one would mistake the marker of a library that is being opened here for one
// that a crash has left, and remove it.
if (app.requestSingleInstanceLock()) {
  app.whenReady().then(start);
} else {
  console.log('Inplace Exchange is open already: its window comes forward.');
  app.exit();
}

/** Of the current window. @type {ReturnType<typeof superviseRenderer> | undefined} */
let supervisor;
/** Whether a second start came while the window was closing: a new window opens then. */
let reopensWindow = false;

app.on('second-instance', () => {
  const [window] = BrowserWindow.getAllWindows();
  if (!window) {
    if (app.isReady()) openWindow();
    return;
  }
  reopensWindow = supervisor?.isClosing() ?? false;
  if (window.isMinimized()) window.restore();
  window.show();
  window.focus();
});

app.on('window-all-closed', () => {
  if (reopensWindow) openWindow();
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
  handle(START, () => ({ notices: takeNotices(), quarantined: [...quarantined] }));
  handle(OPENING, (library) => setOpening(library, true));
  handle(OPENED, (library) => {
    quarantined.delete(library);
    setOpening(library, false);
  });
  // SECURITY (5): in place of the clipboard permission, which would allow more than to copy a text of limited length.
  handle(COPY, (text) => {
    if (typeof text !== 'string' || text.length > MAX_COPIED_LENGTH) return false;
    clipboard.writeText(text);
    return true;
  });
  openWindow();
  app.on('activate', () => {
    if (BrowserWindow.getAllWindows().length === 0) openWindow();
  });
}

/** @param {string} channel @param {(argument: any) => unknown} handler */
function handle(channel, handler) {
  // SECURITY (17): messages of other documents are ignored.
  ipcMain.handle(channel, ({ senderFrame }, argument) =>
    senderFrame && pageOf(senderFrame.url) === PAGE ? handler(argument) : undefined,
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
  reopensWindow = false;
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
      // SECURITY (2, 3, 6): the defaults, made explicit.
      nodeIntegration: false,
      contextIsolation: true,
      webSecurity: true,
      // SECURITY (4): the one exception. A sandboxed preload cannot load a native addon, and the addon must run in this
      // process, which has the page's memory. The page itself can reach only what renderer/preload.js exposes.
      sandbox: false,
    },
  });
  window.once('ready-to-show', () => window.show());
  window.on('close', () => {
    reopensWindow = false; // closed after the second start, so it stays closed
  });
  supervisor = superviseRenderer(window, keepOnPage(window));
  window.loadURL(PAGE);
}
