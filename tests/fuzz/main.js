// Loads one page after another in the same window, until enough calls have been made. The random calls of a page depend
// on the seed and its number (preload.js). The page is then reloaded, at once or when all its promises have settled.
//
// Writes a line of JSON for each page. Exits with 0 only if no page has failed, crashed or hung.

const path = require('node:path');
const { app, BrowserWindow, ipcMain } = require('electron');

const { FUZZ_COUNT = '', FUZZ_SEED = '' } = process.env;
/** A page that takes longer to load, to make its calls and to settle them is considered to hang. */
const LIMIT_MS = 30_000;

let made = 0;
let page = 0;
/** @type {NodeJS.Timeout | undefined} */
let limit;

/** @param {object} line */
const write = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** @param {string} failure */
function fail(failure) {
  write({ page, failure });
  app.exit(1);
}

function startLimit() {
  clearTimeout(limit);
  limit = setTimeout(() => fail(`no message from the page for ${LIMIT_MS / 1000} s`), LIMIT_MS);
}

ipcMain.handle('plan', () => ({ seed: Number(FUZZ_SEED), page, calls: Number(FUZZ_COUNT) - made }));
ipcMain.on('failed', (_event, failure) => fail(failure));
ipcMain.on('done', (event, result) => {
  made += result.calls;
  write({ page, ...result });
  if (made >= Number(FUZZ_COUNT)) {
    app.exit(0);
    return;
  }
  page += 1;
  startLimit();
  event.sender.reload();
});

app.whenReady().then(() => {
  const window = new BrowserWindow({
    show: false,
    webPreferences: { preload: path.join(__dirname, 'preload.js'), sandbox: false, backgroundThrottling: false },
  });
  window.webContents.on('render-process-gone', (_event, { reason }) => fail(`the renderer has gone: ${reason}`));
  startLimit();
  window.loadURL('about:blank');
});
