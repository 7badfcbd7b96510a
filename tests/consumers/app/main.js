// The main process of the packaged apps: a window with plain pages, without a bundler. It prints what the page reports,
// and quits.

const fs = require('node:fs');
const path = require('node:path');
const { app, BrowserWindow, protocol } = require('electron');

/** What the page may load: its own files, and the page half of the package. */
const FOLDERS = {
  '': path.join(__dirname, 'page'),
  'inplace-exchange': path.dirname(require.resolve('inplace-exchange/page')),
};
const TYPES = { '.html': 'text/html', '.mjs': 'text/javascript' };
const HEADERS = {
  'Content-Security-Policy': "default-src 'none'; script-src 'self'",
  'Cross-Origin-Opener-Policy': 'same-origin', // these two allow shared memory
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges: { standard: true, secure: true } }]);

async function serve(request) {
  const { pathname } = new URL(request.url);
  const [, folder, name] = /^\/(?:([\w-]+)\/)?([\w-]+\.(?:html|mjs))$/.exec(pathname) ?? [];
  const root = FOLDERS[folder ?? ''];
  if (!root) return new Response('', { status: 404 });
  const body = await fs.promises.readFile(path.join(root, name));
  return new Response(body, { headers: { ...HEADERS, 'Content-Type': TYPES[path.extname(name)] } });
}

app.whenReady().then(() => {
  protocol.handle('app', serve);
  const preload = path.join(__dirname, 'preload.js');
  const window = new BrowserWindow({ webPreferences: { preload, sandbox: false } });
  window.on('page-title-updated', (_event, title) => {
    if (!title.startsWith('{')) return;
    console.log(JSON.stringify({ packaged: app.isPackaged, ...JSON.parse(title) }));
    app.quit();
  });
  window.loadURL('app://consumer/index.html');
});
