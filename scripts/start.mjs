// npm start: opens the window.

import { spawn } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { command, Failure, log } from './lib/console.mjs';
import { openDisplay } from './lib/display.mjs';
import { electronFlags, installedElectron, supportRemark, useElectron } from './lib/electron.mjs';
import { killOnExit } from './lib/process-tree.mjs';

const root = path.dirname(import.meta.dirname);
const USAGE = `npm start                                       opens the window
npm start -- --screenshot FILE.png              opens it, exchanges data, saves a picture and prints the text
            [--panel exchange|live|streams|about]  or shows that panel, and prints what it says
            [--theme light|dark]                in that theme`;

const PANELS = /** @type {const} */ (['exchange', 'live', 'streams', 'about']);
const LIST = new Intl.ListFormat('en', { type: 'disjunction' });
const THEMES = /** @type {const} */ (['light', 'dark']);

/** Long enough for the ink to spread. */
const LIVE_FOR_MS = 5000;

function parse() {
  try {
    const { values } = parseArgs({
      options: {
        screenshot: { type: 'string' },
        panel: { type: 'string' },
        theme: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
    if (values.screenshot && path.extname(values.screenshot) !== '.png')
      throw new Error(`--screenshot takes a .png file, not '${values.screenshot}'`);
    for (const option of /** @type {const} */ (['panel', 'theme']))
      if (values[option] && !values.screenshot) throw new Error(`--${option} goes with --screenshot`);
    return {
      ...values,
      panel: oneOf('panel', PANELS, values.panel) ?? 'exchange',
      theme: oneOf('theme', THEMES, values.theme),
    };
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    throw new Failure(`${message.replace(/\.$/, '')}. Options come after --. Usage:\n${USAGE}`);
  }
}

/**
 * @template {string} Name
 * @param {string} option @param {readonly Name[]} names @param {string | undefined} given @returns {Name | undefined}
 */
function oneOf(option, names, given) {
  const name = names.find((name) => name === given);
  if (given !== undefined && !name) throw new Error(`--${option} takes ${LIST.format(names)}, not '${given}'`);
  return name;
}

/** @typedef {Awaited<ReturnType<typeof openDisplay>>} Display */

/** @param {{ electron: import('./lib/electron.mjs').Electron, display: Display }} where */
async function openForUser({ electron, display }) {
  if (display.virtual) {
    log(
      'there is no display here, so the window opens on a virtual one, where nobody sees it. For a picture: npm start -- --screenshot FILE.png',
    );
  }
  // Without a desktop there is no D-Bus and no GPU, and Chromium logs errors about both.
  const quiet = display.virtual ? ['--log-level=3'] : [];
  const child = killOnExit(
    spawn(electron.executable, [...electronFlags(), ...quiet, root], {
      env: { ...process.env, ...display.environment },
      stdio: 'inherit',
    }),
  );
  const end = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  if (end !== 0) throw new Failure(`Electron ended with ${end}.`);
}

/** @typedef {import('playwright-core').Page} Page */

/** Opens a panel, and returns its text. @type {Record<string, (page: Page) => Promise<string>>} */
const showPanel = {
  async exchange(page) {
    await page.getByRole('button', { name: 'Exchange Data' }).click();
    return outcome(page, 'the exchange', '#text:visible', '#error:visible');
  },

  async live(page) {
    await page.getByRole('link', { name: 'Live' }).click();
    await page.locator('#rate', { hasText: /\d/ }).or(page.locator('#live-error:visible')).waitFor({ timeout: 10_000 });
    log(`letting it run for ${LIVE_FOR_MS / 1000} seconds.`);
    await page.waitForTimeout(LIVE_FOR_MS);
    return outcome(page, 'the picture', '#panel-live .figures', '#live-error:visible');
  },

  async streams(page) {
    await page.getByRole('link', { name: 'Streams' }).click();
    await page.getByRole('button', { name: 'Play' }).click();
    log(`letting them run for ${LIVE_FOR_MS / 1000} seconds, and holding the main thread for 2 of them.`);
    await page.waitForTimeout(LIVE_FOR_MS / 2);
    await page.getByRole('button', { name: 'Hold the main thread' }).click({ noWaitAfter: true });
    await page.waitForTimeout(LIVE_FOR_MS / 2);
    return outcome(page, 'the streams', '#panel-streams .figures', '#streams-error:visible');
  },

  async about(page) {
    await page.getByRole('link', { name: 'About this runtime' }).click();
    return (await page.locator('#facts tr').allInnerTexts()).join('\n');
  },
};

/** @param {Page} page @param {string} what @param {string} good @param {string} bad */
async function outcome(page, what, good, bad) {
  await page.locator(`${good}, ${bad}`).first().waitFor({ timeout: 10_000 });
  const [error] = await page.locator(bad).allInnerTexts();
  if (error) throw new Failure(`${what} failed: ${error}`);
  return page.locator(good).innerText();
}

/** @param {{ display: Display, file: string, panel: string, theme?: 'light' | 'dark' }} what */
async function takeScreenshot({ display, file, panel, theme }) {
  const { openWindow } = await import('./lib/window.mjs');
  const { app, page } = await openWindow({ environment: display.environment, theme });
  try {
    await page.locator('#exchange:focus').waitFor({ timeout: 10_000 }); // the page has started
    const text = await showPanel[panel](page).finally(async () => {
      await page.screenshot({ path: file }); // also if it shows an error
      log(`saved ${file}`);
    });
    process.stdout.write(`${text}\n`);
  } finally {
    await app.close();
  }
}

await command(async () => {
  const { screenshot, panel, theme, help } = parse();
  if (help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const electron = installedElectron();
  if (!electron) throw new Failure('there is no Electron yet. Type: npm start');
  const remark = supportRemark(electron);
  if (remark) log(remark);
  useElectron(electron);
  const display = await openDisplay();
  try {
    if (screenshot)
      await takeScreenshot({ display, panel, theme, file: path.resolve(process.env.INIT_CWD ?? '.', screenshot) });
    else await openForUser({ electron, display });
  } finally {
    await display.close();
  }
});
