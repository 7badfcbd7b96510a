// A page that makes calls of libraries in processes of their own. Writes a line of JSON: the result, or the failure.

const fs = require('node:fs/promises');
const path = require('node:path');
const { app, BrowserWindow, ipcMain, protocol } = require('electron');

const ROOT = path.join(__dirname, '..', '..', '..');
const HEADERS = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/** @param {object} line @param {number} status */
const end = (line, status) => process.stdout.write(`${JSON.stringify(line)}\n`, () => app.exit(status));

protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges: { standard: true, secure: true } }]);
ipcMain.handle('plan', () => JSON.parse(process.env.OWN_PLAN ?? '{}'));
ipcMain.on('done', (_event, result) => end(result, 0));
ipcMain.on('failed', (_event, failure) => end({ failure }, 1));

app.whenReady().then(() => {
  protocol.handle('app', async ({ url }) => {
    const { pathname } = new URL(url);
    const type = pathname.endsWith('.mjs') ? 'text/javascript' : 'text/html';
    return new Response(await fs.readFile(path.join(ROOT, pathname)), {
      headers: { ...HEADERS, 'Content-Type': type },
    });
  });
  const window = new BrowserWindow({
    show: false,
    webPreferences: { preload: path.join(__dirname, 'preload.js'), sandbox: false, backgroundThrottling: false },
  });
  window.webContents.on('render-process-gone', (_event, { reason }) => end({ failure: `the page: ${reason}` }, 1));
  window.loadURL('app://own/tests/fuzz/own/page.html');
});
