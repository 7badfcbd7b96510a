// npm start: opens the window.

import { spawn } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { own } from './children.mjs';
import { command, Failure, say } from './console.mjs';
import { openDisplay } from './display.mjs';
import { electronFlags, installedElectron, useElectron } from './electron.mjs';

const root = path.dirname(import.meta.dirname);
const USAGE = `npm start                                opens the window
npm start -- --screenshot FILE.png       opens it, exchanges data, saves a picture and prints the text
            [--theme light|dark]         in that theme`;

await command(async () => {
  const { screenshot, theme, help } = parse();
  if (help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const electron = installedElectron();
  if (!electron) throw new Failure('there is no Electron yet. Type: npm start');
  useElectron(electron);
  const display = await openDisplay();
  try {
    if (screenshot)
      await takeScreenshot({ display, theme, file: path.resolve(process.env.INIT_CWD ?? '.', screenshot) });
    else await openForAPerson({ electron, display });
  } finally {
    await display.close();
  }
});

function parse() {
  try {
    const { values } = parseArgs({
      options: { screenshot: { type: 'string' }, theme: { type: 'string' }, help: { type: 'boolean' } },
    });
    const { theme } = values;
    if (theme !== undefined && theme !== 'light' && theme !== 'dark')
      throw new Error(`--theme takes light or dark, not '${theme}'`);
    if (theme && !values.screenshot) throw new Error('--theme goes with --screenshot');
    return { ...values, theme: /** @type {'light' | 'dark' | undefined} */ (theme) };
  } catch (error) {
    throw new Failure(`${/** @type {Error} */ (error).message}. Usage:\n${USAGE}`);
  }
}

/** @typedef {Awaited<ReturnType<typeof openDisplay>>} Display */

/** @param {{ electron: import('./electron.mjs').Electron, display: Display }} where */
async function openForAPerson({ electron, display }) {
  if (display.virtual) {
    say(
      'there is no display here, so the window opens on a virtual one, where nobody sees it. For a picture: npm start -- --screenshot FILE.png',
    );
  }
  // Without a desktop there is no D-Bus and no GPU, about which Chromium complains at length.
  const quiet = display.virtual ? ['--log-level=3'] : [];
  const child = own(
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

/** @param {{ display: Display, file: string, theme?: 'light' | 'dark' }} what */
async function takeScreenshot({ display, file, theme }) {
  const { openWindow } = await import('./window.mjs');
  const { app, page } = await openWindow({ environment: display.environment, theme });
  try {
    await page.getByRole('button', { name: 'Exchange Data' }).click();
    const outcome = page.locator('#text:visible, #error:visible').first();
    await outcome.waitFor({ timeout: 10_000 });
    const text = await outcome.innerText();
    await page.screenshot({ path: file });
    if ((await outcome.getAttribute('id')) === 'error') throw new Failure(`the exchange failed: ${text}`);
    say(`saved ${file}`);
    process.stdout.write(`${text}\n`);
  } finally {
    await app.close();
  }
}
