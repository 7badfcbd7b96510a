// Opens a window with context isolation and cross-origin isolation, whose page does the measuring: one stage after
// another, each in a new document.

const fs = require('node:fs/promises');
const path = require('node:path');
const { app, BrowserWindow, ipcMain, protocol } = require('electron');
const { openLibrary } = require('../../index.js');

const HEADERS = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
const FILES = new Map([
  ['/', { file: 'page.html', type: 'text/html' }],
  ['/page.mjs', { file: 'page.mjs', type: 'text/javascript' }],
  ['/draw.mjs', { file: 'draw.mjs', type: 'text/javascript' }],
  ['/memory.mjs', { file: 'memory.mjs', type: 'text/javascript' }],
]);
const SOAK_PARTS = 20;
/** Libraries have processes of their own on Linux alone. */
const RESTED = process.platform === 'linux' ? ['rested'] : [];
const ALL_STAGES = ['identity', 'trips', 'sizes', 'large', 'memory', 'shared', ...RESTED, 'frames', 'drawn'].concat(
  Array.from({ length: SOAK_PARTS }, () => 'soak'),
);

const CHOSEN = (process.env.BENCH_STAGES ?? '').split(' ').filter(Boolean);
const STAGES = CHOSEN.length > 0 ? ALL_STAGES.filter((stage) => CHOSEN.includes(stage)) : ALL_STAGES;

/** A module of the package's page half. @param {string} pathname */
const pageModule = (pathname) =>
  /^\/lib\/[\w-]+\.mjs$/.test(pathname) ? { file: `../..${pathname}`, type: 'text/javascript' } : undefined;

protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges: { standard: true, secure: true } }]);

/** @param {string} message */
function fail(message) {
  process.stderr.write(`${message}\n`);
  app.exit(1);
}

app.whenReady().then(() => {
  protocol.handle('app', async ({ url }) => {
    const { pathname } = new URL(url);
    const { file, type } = FILES.get(pathname) ?? pageModule(pathname) ?? {};
    if (!file) return new Response('Not found', { status: 404 });
    return new Response(await fs.readFile(path.join(__dirname, file)), {
      headers: { ...HEADERS, 'Content-Type': String(type) },
    });
  });
  const { exchangeDataInPlace } = openLibrary(String(process.env.BENCH_LIBRARY));
  ipcMain.handle('fill', (_event, bytes) => {
    exchangeDataInPlace(bytes);
    return bytes;
  });

  const window = new BrowserWindow({
    width: 1280,
    height: 800,
    webPreferences: { preload: path.join(__dirname, 'preload.js'), sandbox: false, backgroundThrottling: false },
  });
  window.webContents.on('render-process-gone', (_event, { reason }) => fail(`the renderer has gone: ${reason}`));
  let stage = -1;
  const next = () => {
    stage += 1;
    if (stage === STAGES.length) app.exit(0);
    else window.loadURL(`app://bench/?stage=${STAGES[stage]}&part=${stage}`);
  };
  ipcMain.on('result', (_event, result) => {
    process.stdout.write(`${JSON.stringify({ stage: STAGES[stage], result })}\n`);
    next();
  });
  ipcMain.on('failure', (_event, message) => fail(`${STAGES[stage]}: ${message}`));
  next();
});
