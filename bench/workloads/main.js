// Opens a window with context isolation and cross-origin isolation, whose page measures real work: a picture, and data
// that is compressed.

const fs = require('node:fs/promises');
const path = require('node:path');
const { app, BrowserWindow, ipcMain, protocol } = require('electron');

const HEADERS = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
/** @type {Record<string, string>} */
const TYPES = {
  '.html': 'text/html',
  '.mjs': 'text/javascript',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** Where the page's files are. @param {string} pathname */
function fileOf(pathname) {
  if (pathname === '/') return path.join(__dirname, 'page.html');
  if (pathname === '/picture.jpg') return String(process.env.BENCH_PICTURE);
  if (/^\/lib\/[\w-]+\.mjs$/.test(pathname)) return path.join(__dirname, '..', '..', pathname);
  if (/^\/node_modules\/[\w@./-]+$/.test(pathname)) return path.join(__dirname, '..', pathname);
  return path.join(__dirname, path.basename(pathname));
}

/** @param {string} pathname */
async function respond(pathname) {
  // Modules that are made for bundlers leave out how their files end, and name folders.
  for (const end of ['', '.js', '/index.js']) {
    const file = fileOf(pathname) + end;
    const content = await fs.readFile(file).catch(() => undefined);
    if (!content) continue;
    if (end.startsWith('/')) return new Response(null, { status: 302, headers: { Location: pathname + end } });
    const type = TYPES[path.extname(file)] ?? 'application/octet-stream';
    return new Response(new Uint8Array(content), { headers: { ...HEADERS, 'Content-Type': type } });
  }
  return new Response('Not found', { status: 404 });
}

protocol.registerSchemesAsPrivileged([
  { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true } },
]);

/** @param {string} message */
function fail(message) {
  process.stderr.write(`${message}\n`);
  app.exit(1);
}

app.whenReady().then(() => {
  protocol.handle('app', ({ url }) => respond(new URL(url).pathname));
  const window = new BrowserWindow({
    show: false,
    webPreferences: { preload: path.join(__dirname, 'preload.js'), sandbox: false, backgroundThrottling: false },
  });
  window.webContents.on('render-process-gone', (_event, { reason }) => fail(`the renderer has gone: ${reason}`));
  ipcMain.on('message', (_event, message) => process.stdout.write(`${JSON.stringify(message)}\n`));
  ipcMain.on('done', () => app.exit(0));
  ipcMain.on('failure', (_event, message) => fail(message));
  window.loadURL('app://bench/');
});
