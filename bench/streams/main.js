// Opens a window with context isolation and cross-origin isolation, whose page does the measuring: one stage after
// another, each in a new document.

const fs = require('node:fs/promises');
const path = require('node:path');
const { app, BrowserWindow, ipcMain, protocol } = require('electron');

const HEADERS = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
const STAGES = (process.env.BENCH_STAGES ?? '').split(' ');

protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges: { standard: true, secure: true } }]);
app.commandLine.appendSwitch('autoplay-policy', 'no-user-gesture-required');

/** @param {string} message */
function fail(message) {
  process.stderr.write(`${message}\n`);
  app.exit(1);
}

app.whenReady().then(() => {
  protocol.handle('app', async ({ url }) => {
    const { pathname } = new URL(url);
    const [, folder, name] = /^\/(lib\/)?([\w-]+\.mjs)$/.exec(pathname) ?? [];
    const file = folder ? path.join(__dirname, '..', '..', pathname) : path.join(__dirname, name ?? 'page.html');
    const type = name ? 'text/javascript' : 'text/html';
    return new Response(await fs.readFile(file), { headers: { ...HEADERS, 'Content-Type': type } });
  });
  const window = new BrowserWindow({
    width: 1280,
    height: 800,
    webPreferences: { preload: path.join(__dirname, 'preload.js'), sandbox: false, backgroundThrottling: false },
  });
  window.webContents.on('render-process-gone', (_event, { reason }) => fail(`the renderer has gone: ${reason}`));
  window.webContents.on('unresponsive', () => {}); // it is held up on purpose
  let stage = -1;
  const next = () => {
    stage += 1;
    if (stage === STAGES.length) app.exit(0);
    else window.loadURL(`app://bench/?stage=${STAGES[stage]}`);
  };
  ipcMain.on('result', (_event, result) => {
    process.stdout.write(`${JSON.stringify({ stage: STAGES[stage], result })}\n`);
    next();
  });
  ipcMain.on('failure', (_event, message) => fail(`${STAGES[stage]}: ${message}`));
  next();
});
