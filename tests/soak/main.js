// The app of the soak: opens the windows that SOAK_PLAN names, reloads and leaves their pages, and writes lines of
// JSON: a sample each second with the resources of every process, and each fault when it is reported.

const fs = require('node:fs/promises');
const path = require('node:path');
const { app, BrowserWindow, ipcMain, protocol } = require('electron');
const { plantProgram, processes, strayPrograms } = require('./processes.js');

/** @type {{ windows: Record<string, { kinds: string[], loads: string[], process: string }>, seed: number, version: string, plant: string, pace: number }} */
const { windows, ...options } = JSON.parse(process.env.SOAK_PLAN ?? '{}');

/** This process then has programs, too. */
const isSharing = Object.values(windows).some(({ process }) => process === 'shared');

const SAMPLE_MS = 1000;
/** A popup that is open for longer is a fault: for longer still, if many windows share the processors. */
const POPUP_MS = 20_000 * Math.max(1, options.pace / 2);
/** So is a library's program whose page's process has ended so long ago. */
const STRAY_MS = 5000;

const PAGE = 'app://soak/';
const HEADERS = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/** Serves the files of this folder, the page half of the package, and the calls of npm run fuzz:own. @param {string} url */
async function serve(url) {
  const { pathname } = new URL(url);
  const page = { '/': 'page.html', '/popup': 'popup.html' }[pathname];
  const script = pathname.match(/^\/(?:(lib|fuzz\/own|soak)\/)?[\w-]+\.mjs$/);
  const folder = { lib: '../..', 'fuzz/own': '..', soak: '..' }[script?.[1] ?? ''] ?? '.';
  const file = page ?? (script && path.join(folder, pathname));
  const body = file ? await fs.readFile(path.join(__dirname, file)) : '';
  return new Response(body, { headers: { ...HEADERS, 'Content-Type': script ? 'text/javascript' : 'text/html' } });
}

/** @param {object} line */
const write = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
/** @param {string} fault */
const fail = (fault) => write({ fault });

/** @typedef {{ window: BrowserWindow, reportedAt: number, pending: number, oldest: number, away: boolean }} State */
/** @type {Map<string, State>} by window label */
const states = new Map();

/** @type {Record<string, number>} reloads, closes and crashes of pages since the last sample */
let restarts = {};
/** @type {Record<string, number>} */
let counts = {};
/** @type {Record<string, number>} */
let errors = {};

/** @param {Record<string, number>} to @param {Record<string, number>} [from] */
function add(to, from = {}) {
  for (const [key, number] of Object.entries(from)) to[key] = (to[key] ?? 0) + number;
}

ipcMain.on('report', (event, text) => {
  const report = JSON.parse(text);
  add(counts, report.counts);
  add(errors, report.errors);
  for (const fault of report.faults ?? []) fail(fault);
  const state = [...states.values()].find(({ window }) => !window.isDestroyed() && window.webContents === event.sender);
  if (state && report.pending !== undefined) {
    Object.assign(state, { reportedAt: Date.now(), pending: report.pending, oldest: report.oldest });
  }
});

/** @type {() => number} */
let random;
/** @param {number} least @param {number} most */
const between = (least, most) => least + random() * (most - least);
const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {string} label */
function openWindow(label) {
  const { kinds, loads, process: inProcess } = windows[label];
  const webPreferences = {
    preload: path.join(__dirname, 'preload.js'),
    sandbox: false,
    backgroundThrottling: false,
    additionalArguments: [
      `--soak=${JSON.stringify({
        ...options,
        loads,
        process: inProcess,
        seed: options.seed + Object.keys(windows).indexOf(label),
      })}`,
    ],
  };
  const window = new BrowserWindow({ show: false, webPreferences });
  /** @type {State} */
  const state = { window, reportedAt: Date.now(), pending: 0, oldest: 0, away: false };
  states.set(label, state);
  const { webContents } = window;
  webContents.setWindowOpenHandler(() => ({
    action: 'allow',
    overrideBrowserWindowOptions: { show: false, webPreferences },
  }));
  webContents.on('did-create-window', (popup) => {
    add(restarts, { 'popup opened': 1 });
    const late = setTimeout(() => fail(`${label}: a popup was still open after ${POPUP_MS / 1000} s`), POPUP_MS);
    popup.once('closed', () => clearTimeout(late));
    popup.webContents.on('render-process-gone', (_event, { reason }) =>
      fail(`${label}: a popup's process has ended (${reason})`),
    );
  });
  webContents.on('render-process-gone', (_event, { reason }) => {
    if (kinds.includes('crash') && reason === 'crashed') add(restarts, { 'after a crash': 1 });
    else if (kinds.includes('sharing-crash')) add(restarts, { 'sharing crashed': 1 });
    else fail(`${label}: the page's process has ended (${reason})`);
    // Later: Electron is still handling the end of the process.
    setTimeout(() => load(label, PAGE), 100);
  });
  return load(label, PAGE);
}

/** @param {string} label @param {string} url */
async function load(label, url) {
  const state = states.get(label);
  if (!state || state.window.isDestroyed()) return;
  Object.assign(state, { reportedAt: Date.now(), pending: 0, away: url !== PAGE });
  await state.window.loadURL(url).catch(() => {}); // superseded, or the process has ended: both are detected elsewhere
}

/** Of the counters of a window. @param {string} label */
const prefixOf = (label) => (windows[label].process === 'own' ? 'own ' : '');

/** Reloads a page during its calls. @param {string} label */
async function keepReloading(label) {
  for (;;) {
    await pause(between(500, 3000));
    const state = states.get(label);
    if (!state || state.window.isDestroyed()) continue;
    const loaded = new Promise((done) => state.window.webContents.once('did-finish-load', () => done(true)));
    state.window.webContents.reload();
    await loaded; // a load that never ends is detected by missing reports
    add(restarts, { [`${prefixOf(label)}reloaded`]: 1 });
  }
}

/** Leaves a page during its calls, or closes its window and opens another. @param {string} label */
async function keepLeaving(label) {
  for (let round = 1; ; round += 1) {
    await pause(between(1000, 3000));
    const state = states.get(label);
    if (!state) continue;
    if (round % 3 === 0) {
      const closed = new Promise((done) => state.window.once('closed', () => done(true)));
      state.window.close();
      await closed;
      await openWindow(label);
      add(restarts, { [`${prefixOf(label)}window closed`]: 1 });
    } else {
      await load(label, 'app://soak/elsewhere');
      await pause(between(0, 500));
      await load(label, PAGE);
      add(restarts, { [`${prefixOf(label)}page left`]: 1 });
    }
  }
}

/** Crashes a page during its calls, which is loaded again. @param {string} label */
async function keepCrashing(label) {
  for (;;) {
    await pause(between(1000, 4000));
    const state = states.get(label);
    if (state && !state.window.isDestroyed()) state.window.webContents.forcefullyCrashRenderer();
  }
}

/** When each was first without a page. @type {Map<number, number>} */
let straySince = new Map();

/** Reports libraries' programs that no page's process has: each is left behind. @param {number[]} pids of this app */
function findStrays(pids) {
  const now = Date.now();
  straySince = new Map(strayPrograms(pids).map((pid) => [pid, straySince.get(pid) ?? now]));
  for (const [pid, since] of straySince)
    if (now - since > STRAY_MS) fail(`the program ${pid} of a library was left behind`);
}

function writeSample() {
  /** @type {Record<string, object>} */
  const pages = {};
  /** @type {Map<number, string>} */
  const labels = new Map();
  for (const [label, { window, reportedAt, pending, oldest, away }] of states) {
    if (window.isDestroyed()) continue;
    labels.set(window.webContents.getOSProcessId(), label);
    // Time without a report counts as pending time: a page that hangs does not report.
    const silent = away ? 0 : Date.now() - reportedAt;
    pages[label] = { pending, oldest: pending > 0 ? oldest + silent : 0, silent };
  }
  const metrics = app.getAppMetrics();
  const sample = { pages, running: metrics.length, processes: processes(metrics, labels), restarts, counts, errors };
  findStrays(metrics.map(({ pid }) => pid).filter((pid) => isSharing || pid !== process.pid));
  write({ sample });
  [restarts, counts, errors] = [{}, {}, {}];
}

protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges: { standard: true, secure: true } }]);
app.on('window-all-closed', () => {}); // windows are closed and opened again
app.on('child-process-gone', (_event, { type, reason }) => {
  if (reason !== 'clean-exit') fail(`the ${type} process has ended (${reason})`);
});

app.whenReady().then(async () => {
  if (isSharing) require('../../index.js').shareLibraries();
  protocol.handle('app', ({ url }) => serve(url));
  random = (await import('./random.mjs')).randomFrom(options.seed);
  for (const label of Object.keys(windows)) await openWindow(label);
  for (const [label, { kinds }] of Object.entries(windows)) {
    if (kinds.includes('reload') || kinds.includes('own-reload')) keepReloading(label);
    if (kinds.includes('sharing-crash')) keepCrashing(label);
    if (kinds.includes('leave') || kinds.includes('own-leave')) keepLeaving(label);
  }
  if (options.plant === 'stray') plantProgram();
  setInterval(writeSample, SAMPLE_MS);
});
process.stdin.on('end', () => app.exit(0)).resume(); // the command that reads these lines has ended, or ends the run
