const path = require('node:path');
const { app, BrowserWindow } = require('electron');

app.whenReady().then(() => {
  // An addon cannot be loaded in a sandboxed preload. Context isolation is on, and stays on.
  const webPreferences = { preload: path.join(__dirname, 'preload.js'), sandbox: false };
  new BrowserWindow({ width: 640, height: 360, webPreferences }).loadFile('index.html');
});
app.on('window-all-closed', () => app.quit());
