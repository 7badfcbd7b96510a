// The main process: the page comes from the dev server, or from the app's own protocol once it is built. It prints what
// the page reports; the packaged app then quits.

import fs from 'node:fs';
import path from 'node:path';
import { app, BrowserWindow, protocol } from 'electron';

const PAGES = path.join(import.meta.dirname, '..', 'renderer');
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };
const HEADERS = {
  'Content-Security-Policy': "default-src 'none'; script-src 'self'; style-src 'self'",
  'Cross-Origin-Opener-Policy': 'same-origin', // these two allow shared memory
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges: { standard: true, secure: true } }]);

async function serve(request: Request) {
  const { pathname } = new URL(request.url);
  const file = path.join(PAGES, pathname);
  if (!file.startsWith(PAGES + path.sep)) return new Response('', { status: 404 });
  const type = TYPES[path.extname(file)] ?? 'application/octet-stream';
  return new Response(new Uint8Array(await fs.promises.readFile(file)), {
    headers: { ...HEADERS, 'Content-Type': type },
  });
}

app.whenReady().then(() => {
  protocol.handle('app', serve);
  const preload = path.join(import.meta.dirname, '..', 'preload', 'index.js');
  const window = new BrowserWindow({ webPreferences: { preload, sandbox: false } });
  window.on('page-title-updated', (_event, title) => {
    if (!title.startsWith('{')) return;
    console.log(JSON.stringify({ packaged: app.isPackaged, ...JSON.parse(title) }));
    if (app.isPackaged) app.quit();
  });
  const devServer = app.isPackaged ? undefined : process.env.ELECTRON_RENDERER_URL;
  window.loadURL(devServer ?? 'app://consumer/index.html');
});
