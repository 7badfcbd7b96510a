// The main process: one window, which shows local files and nothing else.
//
// "SECURITY" marks each hardened line, with the item of Electron's security checklist it answers
// (electronjs.org/docs/latest/tutorial/security).

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { app, BrowserWindow, clipboard, ipcMain, nativeTheme, protocol, session } = require('electron');

const HOST = 'inplace-exchange';
const PAGE = `app://${HOST}/`;

/** @type {Record<string, string>} */
const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.mjs': 'text/javascript' };

/** All that the page can load: URL path to file. A path that is not here does not exist. */
const FILES = new Map([
  ['/', 'index.html'],
  ['/stopped', 'renderer/stopped.html'],
  ...[
    'renderer/page.css',
    'renderer/page.mjs',
    'renderer/host.mjs',
    'renderer/connect.mjs',
    'renderer/exchange.mjs',
    'renderer/hex.mjs',
    'renderer/live.mjs',
    'renderer/draw.mjs',
    'renderer/plot.mjs',
    'renderer/about.mjs',
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
  // SECURITY (13): the window stays on its page. A reload is not a navigation to anywhere else.
  contents.on('will-frame-navigate', (event) => {
    if (pageOf(event.url) !== PAGE) event.preventDefault();
  });
  // SECURITY (14): no new windows.
  contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  // SECURITY (12): no webviews.
  contents.on('will-attach-webview', (event) => event.preventDefault());
});

/** How long a native library may hold up a reload or the closing of the window. */
const PATIENCE_MS = 5000;

/** Characters that a page may have copied. */
const MOST_COPIED = 100_000;

/** So many ends in so short a time, and the page is not started again unasked. */
const ENDS = 3;
const ENDS_WITHIN_MS = 60_000;
const STOPPED = `${PAGE}stopped`;

/** @type {Record<string, string>} how a process ends, by Electron's word for it */
const ENDED = {
  'clean-exit': 'ended itself, most likely in a native library, which runs there',
  'abnormal-exit': 'ended itself, most likely in a native library, which runs there',
  crashed: 'crashed, most likely in a native library, which runs there',
  killed: 'was ended from outside',
  oom: 'ran out of memory',
};

/** The libraries of the page's panels: the variable that names another one, and what has it opened by hand. */
const LIBRARIES = {
  default: { panel: 'exchange', variable: 'INPLACE_EXCHANGE_LIBRARY', byHand: 'press Exchange Data' },
  live: { panel: 'live', variable: 'INPLACE_EXCHANGE_LIVE_LIBRARY', byHand: 'press Play' },
};
/** @typedef {keyof typeof LIBRARIES} Library */

/** @type {Record<string, { title: string, text: string }>} by panel, what the page is to show when it has started */
let news = {};

/** Which libraries are being opened, which a page says before and after. @type {Set<Library>} */
const opening = new Set();

/** Those while which were being opened the page's process, or this one, ended: they are not opened again unasked. @type {Set<Library>} */
const suspects = new Set();

/** It is there while the library is being opened, and outlasts this process. @param {Library} library */
const openingFile = (library) => {
  const named = process.env[LIBRARIES[library].variable] ?? library;
  return path.join(app.getPath('userData'), `opening-${createHash('sha256').update(named).digest('hex').slice(0, 16)}`);
};

/** @param {Library} library */
const notOpened = (library) => `It is not opened again until you ${LIBRARIES[library].byHand}.`;

const everyLibrary = () => /** @type {Library[]} */ (Object.keys(LIBRARIES));

/** Without the panel that it names. @param {string} url */
const pageOf = (url) => url.split('#')[0];

app.on('window-all-closed', () => {
  if (process.platform !== 'darwin') app.quit();
});

app.whenReady().then(() => {
  protocol.handle('app', serve);
  // SECURITY (5): no page gets any permission.
  session.defaultSession.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  session.defaultSession.setPermissionCheckHandler(() => false);
  session.defaultSession.setDevicePermissionHandler(() => false);
  for (const library of everyLibrary()) {
    if (!fs.existsSync(openingFile(library))) continue;
    suspects.add(library);
    news[LIBRARIES[library].panel] = {
      title: 'The library is not open',
      text: `This app ended while the native library was being opened. ${notOpened(library)}`,
    };
  }
  answerPage('start', () => {
    const told = news;
    news = {};
    return { news: told, suspects: [...suspects] };
  });
  answerPage('opening', (library) => setOpening(library, true));
  answerPage('opened', (library) => {
    suspects.delete(library);
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
});

/**
 * @param {string} channel @param {(argument: any) => unknown} answer
 */
function answerPage(channel, answer) {
  // SECURITY (17): only our page is answered.
  ipcMain.handle(channel, ({ senderFrame }, argument) =>
    senderFrame && pageOf(senderFrame.url) === PAGE ? answer(argument) : undefined,
  );
}

/** @param {Library} library @param {boolean} now */
function setOpening(library, now) {
  if (!Object.hasOwn(LIBRARIES, library)) return;
  if (now) opening.add(library);
  else opening.delete(library);
  try {
    if (now) fs.writeFileSync(openingFile(library), '');
    else fs.rmSync(openingFile(library), { force: true });
  } catch {
    // A disk that is full, or not to be written to: then the next start has nothing to go by, and opens the library.
  }
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
  const window = new BrowserWindow({
    width: 1120,
    height: 760,
    minWidth: 640,
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
 * A native library can take its page with it: by never returning, and by crashing. The window comes back in another
 * process, and its page says why.
 * @param {BrowserWindow} window
 */
function watchOver(window) {
  const { webContents } = window;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  let closing = false;
  /** Whether there is a page that can have native calls. */
  let alive = false;
  /** @type {number[]} when the page's process has ended */
  let ends = [];

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
        say(
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
    for (const library of whileOpening) suspects.add(library);
    if (closing || webContents.getURL() === STOPPED) {
      window.destroy();
      return;
    }
    const text = `The process of this page ${ENDED[reason] ?? `ended (${reason})`}.`;
    if (whileOpening.length === 0) say(panel(), text);
    for (const library of whileOpening)
      say(LIBRARIES[library].panel, text, ` The library was being opened. ${notOpened(library)}`);
    const now = Date.now();
    ends = [...ends.filter((time) => now - time < ENDS_WITHIN_MS), now];
    const stopped = ends.length >= ENDS;
    if (stopped) {
      ends = [];
      for (const library of everyLibrary()) suspects.add(library);
    }
    // In a task of its own, and not beside a load that has outlived the process: two pages that come to one new process
    // leave it without Node's event loop (Electron 33).
    const toldOn = whileOpening.map((library) => LIBRARIES[library].panel);
    const again = `${PAGE}#/${toldOn.length === 0 || toldOn.includes(panel()) ? panel() : toldOn[0]}`;
    setTimeout(() => {
      if (window.isDestroyed() || (webContents.isLoadingMainFrame() && !stopped)) return;
      window.loadURL(stopped ? STOPPED : again);
    });
  });
}

/**
 * Unless there is more to say: what ended a page on purpose has said why.
 * @param {string} panel @param {string} text @param {string} [then]
 */
function say(panel, text, then = '') {
  news[panel] ??= { title: 'The page was started again', text };
  news[panel].text += then;
}
