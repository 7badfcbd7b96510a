// The main process: one window, which shows the local files of this app and nothing else.
//
// "SECURITY" marks each hardened line, with the item of Electron's security checklist it answers
// (electronjs.org/docs/latest/tutorial/security).

const { app, BrowserWindow, session } = require('electron');
const { quarantineMarked } = require('./main/crash-marker.js');
const { handleMessages } = require('./main/ipc.js');
const { PAGE, pageOf } = require('./main/page.js');
const { serveApp } = require('./main/protocol.js');
const { openWindow, reopensWindow, showWindow } = require('./main/window.js');

app.on('web-contents-created', (_event, contents) => {
  // SECURITY (13): the window stays on its page; a reload is allowed. main/navigation.js undoes the navigations that do
  // not emit this event.
  contents.on('will-frame-navigate', (event) => {
    if (pageOf(event.url) !== PAGE) event.preventDefault();
  });
  // SECURITY (14): no new windows.
  contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  // SECURITY (12): no webviews.
  contents.on('will-attach-webview', (event) => event.preventDefault());
});

// One instance for each profile. A second one would mistake the marker of a library that is being opened here for one
// that a crash has left, and remove it.
if (app.requestSingleInstanceLock()) {
  app.whenReady().then(start);
} else {
  console.log('Inplace Exchange is open already: its window comes forward.');
  app.exit();
}

app.on('second-instance', () => {
  if (app.isReady()) showWindow();
});

app.on('window-all-closed', () => {
  if (reopensWindow()) openWindow();
  else if (process.platform !== 'darwin') app.quit();
});

function start() {
  serveApp();
  // SECURITY (5): no page gets any permission.
  session.defaultSession.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  session.defaultSession.setPermissionCheckHandler(() => false);
  session.defaultSession.setDevicePermissionHandler(() => false);
  quarantineMarked();
  handleMessages();
  openWindow();
  app.on('activate', () => {
    if (BrowserWindow.getAllWindows().length === 0) openWindow();
  });
}
