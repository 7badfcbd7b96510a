// The main process: one window, which shows local files and nothing else.
//
// "SECURITY" marks each hardened line, with the item of Electron's security checklist it answers
// (electronjs.org/docs/latest/tutorial/security).

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { app, BrowserWindow, ipcMain, nativeTheme, protocol, session } = require('electron');

const HOST = 'inplace-exchange';
const PAGE = `app://${HOST}/`;

/** All that the page can load: URL path to file and type. A path that is not here does not exist. */
const FILES = new Map([
  ['/', { file: 'index.html', type: 'text/html; charset=utf-8' }],
  ['/renderer/page.css', { file: 'renderer/page.css', type: 'text/css; charset=utf-8' }],
  ['/renderer/page.mjs', { file: 'renderer/page.mjs', type: 'text/javascript; charset=utf-8' }],
  ['/renderer/connect.mjs', { file: 'renderer/connect.mjs', type: 'text/javascript; charset=utf-8' }],
  ['/stopped', { file: 'renderer/stopped.html', type: 'text/html; charset=utf-8' }],
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
const NOT_OPENED = 'It is not opened again until you press Exchange Data.';

/** @type {{ title: string, text: string } | undefined} what the page is to show when it has started */
let news;

/** Whether the library is being opened, which a page says before and after. */
let opening = false;

/** Whether the page's process, or this one, ended while the library was being opened: it is not opened again unasked. */
let suspect = false;

/** It is there while the library is being opened, and outlasts this process. */
const openingFile = () => {
  const library = process.env.INPLACE_EXCHANGE_LIBRARY ?? 'default';
  return path.join(
    app.getPath('userData'),
    `opening-${createHash('sha256').update(library).digest('hex').slice(0, 16)}`,
  );
};

app.on('window-all-closed', () => {
  if (process.platform !== 'darwin') app.quit();
});

app.whenReady().then(() => {
  protocol.handle('app', serve);
  // SECURITY (5): no page gets any permission.
  session.defaultSession.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  session.defaultSession.setPermissionCheckHandler(() => false);
  session.defaultSession.setDevicePermissionHandler(() => false);
  if (fs.existsSync(openingFile())) {
    suspect = true;
    news = {
      title: 'The library is not open',
      text: `This app ended while the native library was being opened. ${NOT_OPENED}`,
    };
  }
  answerPage('start', () => {
    const told = news;
    news = undefined;
    return { news: told, mayOpen: !suspect };
  });
  answerPage('opening', () => setOpening(true));
  answerPage('opened', () => {
    suspect = false;
    setOpening(false);
  });
  openWindow();
  app.on('activate', () => {
    if (BrowserWindow.getAllWindows().length === 0) openWindow();
  });
});

/**
 * @param {string} channel @param {() => unknown} answer
 */
function answerPage(channel, answer) {
  // SECURITY (17): only our page is answered.
  ipcMain.handle(channel, ({ senderFrame }) => (senderFrame?.url.split('#')[0] === PAGE ? answer() : undefined));
}

/** @param {boolean} now */
function setOpening(now) {
  opening = now;
  try {
    if (now) fs.writeFileSync(openingFile(), '');
    else fs.rmSync(openingFile(), { force: true });
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
  const entry = host === HOST ? FILES.get(pathname) : undefined;
  if (!entry || request.method !== 'GET') return new Response('Not found', { status: 404, headers: HEADERS });
  const body = await fs.promises.readFile(path.join(__dirname, entry.file));
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
          `A native library did not return within ${PATIENCE_MS / 1000} seconds after this page was asked to reload, so its process was ended. What the library had open may still be switched on.`,
        );
      webContents.forcefullyCrashRenderer();
    }, PATIENCE_MS);
  };
  webContents.on('did-start-navigation', ({ isMainFrame, isSameDocument }) => {
    if (alive && isMainFrame && !isSameDocument) start();
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
    if (opening) setOpening(false); // the page has ended as it should
  });

  webContents.on('render-process-gone', (_event, { reason }) => {
    stop();
    alive = false;
    const whileOpening = opening;
    opening = false; // and the file stays
    suspect ||= whileOpening;
    if (closing || webContents.getURL() === STOPPED) {
      window.destroy();
      return;
    }
    say(`The process of this page ${ENDED[reason] ?? `ended (${reason})`}.`);
    if (whileOpening && news) news.text += ` The library was being opened. ${NOT_OPENED}`;
    const now = Date.now();
    ends = [...ends.filter((time) => now - time < ENDS_WITHIN_MS), now];
    const stopped = ends.length >= ENDS;
    if (stopped) {
      ends = [];
      suspect = true;
    }
    // In a task of its own, and not beside a load that has outlived the process: two pages that come to one new process
    // leave it without Node's event loop (Electron 33).
    setTimeout(() => {
      if (window.isDestroyed() || (webContents.isLoadingMainFrame() && !stopped)) return;
      window.loadURL(stopped ? STOPPED : PAGE);
    });
  });
}

/** Unless there is more to say: what ended a page on purpose has said why. @param {string} text */
function say(text) {
  news ??= { title: 'The page was started again', text };
}
