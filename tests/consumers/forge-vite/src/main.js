// The main process: the page comes from the dev server, or from its file once it is built. It prints what the page
// reports, and quits.

const path = require('node:path');
const { app, BrowserWindow } = require('electron');

app.commandLine.appendSwitch('enable-features', 'SharedArrayBuffer'); // a file has no headers that would allow it

app.whenReady().then(() => {
  const preload = path.join(__dirname, 'preload.js');
  const window = new BrowserWindow({ webPreferences: { preload, sandbox: false } });
  window.on('page-title-updated', (_event, title) => {
    if (!title.startsWith('{')) return;
    console.log(JSON.stringify({ packaged: app.isPackaged, ...JSON.parse(title) }));
    app.quit();
  });
  if (MAIN_WINDOW_VITE_DEV_SERVER_URL) window.loadURL(MAIN_WINDOW_VITE_DEV_SERVER_URL);
  else window.loadFile(path.join(__dirname, '..', 'renderer', MAIN_WINDOW_VITE_NAME, 'index.html'));
});
