// Opens one page after the other in the same window, until enough calls have been made. Each page draws its calls from
// the seed and its own number (preload.js), and is then reloaded: at once, or when all its promises are settled.
//
// Writes a line of JSON for each page, and ends with 0 only if no page has failed, crashed or hung.

const path = require('node:path');
const { app, BrowserWindow, ipcMain } = require('electron');

const { FUZZ_COUNT = '', FUZZ_SEED = '' } = process.env;
/** A page that takes longer than this to come, to make its calls or to settle them hangs. */
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
  limit = setTimeout(() => fail(`nothing was heard of the page for ${LIMIT_MS / 1000} s`), LIMIT_MS);
}

ipcMain.handle('what-to-do', () => ({ seed: Number(FUZZ_SEED), page, calls: Number(FUZZ_COUNT) - made }));
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
