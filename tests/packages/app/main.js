// The smallest app that uses the package. It prints what its page has exchanged, and ends.

const path = require('node:path');
const { app, BrowserWindow } = require('electron');

app.whenReady().then(() => {
  const preload = path.join(__dirname, 'preload.js');
  const window = new BrowserWindow({
    show: false,
    webPreferences: { preload, sandbox: false, contextIsolation: true },
  });
  window.on('page-title-updated', (_, title) => {
    console.log(title);
    app.quit();
  });
  window.loadFile('page.html');
});
