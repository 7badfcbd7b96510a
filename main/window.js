// The window of the app. There is one at a time.

const path = require('node:path');
const { BrowserWindow, nativeTheme } = require('electron');
const { keepOnPage } = require('./navigation.js');
const { PAGE } = require('./page.js');
const { superviseRenderer } = require('./supervisor.js');

/** Of the current window. @type {ReturnType<typeof superviseRenderer> | undefined} */
let supervisor;
/** Whether another window opens after this one has closed. */
let reopens = false;

function openWindow() {
  reopens = false;
  const window = new BrowserWindow({
    width: 1120,
    height: 760,
    minWidth: 640,
    minHeight: 480,
    autoHideMenuBar: true,
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#141210' : '#f7f6f4', // as in base.css, until that is loaded
    show: false,
    webPreferences: {
      preload: path.join(path.dirname(__dirname), 'renderer', 'preload.js'),
      // SECURITY (2, 3, 6): the defaults, made explicit.
      nodeIntegration: false,
      contextIsolation: true,
      webSecurity: true,
      // SECURITY (4): the one exception. A sandboxed preload cannot load a native addon, and the addon must run in this
      // process, which has the page's memory. The page itself can reach only what renderer/preload.js exposes.
      sandbox: false,
    },
  });
  window.once('ready-to-show', () => window.show());
  window.on('close', () => {
    reopens = false; // closed after the second start, so it stays closed
  });
  supervisor = superviseRenderer(window, keepOnPage(window));
  window.loadURL(PAGE);
}

/** Shows the window, or opens one. If it is being closed, another one opens after it. */
function showWindow() {
  const [window] = BrowserWindow.getAllWindows();
  if (!window) {
    openWindow();
    return;
  }
  reopens = supervisor?.isClosing() ?? false;
  if (window.isMinimized()) window.restore();
  window.show();
  window.focus();
}

module.exports = { openWindow, reopensWindow: () => reopens, showWindow };
