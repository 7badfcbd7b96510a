// Opens a window with context isolation and cross-origin isolation, whose renderer measures every row; and starts the
// processes that some rows call.

const fs = require('node:fs/promises');
const path = require('node:path');
const { app, BrowserWindow, ipcMain, MessageChannelMain, protocol, utilityProcess } = require('electron');
const { exchangeDataInPlace } = require('../../index.js');

const HEADERS = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
const FILES = new Map([
  ['/', { file: 'page.html', type: 'text/html' }],
  ['/page.mjs', { file: 'page.mjs', type: 'text/javascript' }],
]);

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
  ipcMain.handle('fill', (_event, bytes) => {
    exchangeDataInPlace(bytes);
    return bytes;
  });
  ipcMain.on('utility', ({ sender }) => {
    const { port1, port2 } = new MessageChannelMain();
    utilityProcess.fork(path.join(__dirname, 'utility.js')).postMessage('fill', [port1]);
    sender.postMessage('utility', 'fill', [port2]);
  });
  ipcMain.on('message', (_event, message) => process.stdout.write(`${JSON.stringify(message)}\n`));
  ipcMain.on('done', () => app.exit(0));
  ipcMain.on('failure', (_event, message) => fail(message));

  const window = new BrowserWindow({
    show: false,
    webPreferences: { preload: path.join(__dirname, 'preload.js'), sandbox: false, backgroundThrottling: false },
  });
  window.webContents.on('render-process-gone', (_event, { reason }) => fail(`the renderer has gone: ${reason}`));
  window.loadURL('app://bench/');
});
