// Opens a hidden window whose preload does the measuring, in a real renderer with context isolation on.

const path = require('node:path');
const { app, BrowserWindow, ipcMain } = require('electron');

ipcMain.on('result', (_event, result) => {
  process.stdout.write(`${JSON.stringify(result)}\n`);
  app.exit(0);
});
ipcMain.on('failure', (_event, message) => {
  process.stderr.write(`${message}\n`);
  app.exit(1);
});

app.whenReady().then(() => {
  const window = new BrowserWindow({
    show: false,
    webPreferences: { preload: path.join(__dirname, 'renderer.js'), sandbox: false, backgroundThrottling: false },
  });
  window.webContents.on('render-process-gone', (_event, { reason }) => {
    process.stderr.write(`the renderer has gone: ${reason}\n`);
    app.exit(1);
  });
  window.loadURL('about:blank');
});
