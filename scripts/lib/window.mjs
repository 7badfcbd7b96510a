// Opens the app's real window, for the commands that look at it and click in it. The caller has said which Electron
// (useElectron), because Playwright asks `require('electron')`.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { _electron } from 'playwright-core';
import { electronFlags } from './electron.mjs';
import { own } from './process-tree.mjs';

const root = path.join(import.meta.dirname, '..', '..');

/** Windows on one virtual display cover one another, and Chromium tells the page of a covered one that it is hidden. */
export const windowFlags = () => [...electronFlags(), '--disable-backgrounding-occluded-windows'];

/** @type {string[]} */
const profiles = [];
process.once('exit', () => {
  for (const folder of profiles) fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

/** A folder for what the app remembers, which is gone when this process ends: a person's own is left alone. */
export function temporaryProfile() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'inplace-exchange-profile-'));
  profiles.push(folder);
  return folder;
}

/**
 * @param {object} [options]
 * @param {Record<string, string | undefined>} [options.environment] on top of this process's own
 * @param {'light' | 'dark'} [options.theme]
 */
export async function openWindow({ environment = {}, theme } = {}) {
  const app = await _electron.launch({
    args: [...windowFlags(), `--user-data-dir=${temporaryProfile()}`, root],
    cwd: root,
    env: /** @type {Record<string, string>} */ ({ ...process.env, ...environment }),
    colorScheme: theme ?? null,
  });
  own(app.process());
  try {
    return { app, page: await app.firstWindow() };
  } catch (error) {
    await app.close();
    throw error;
  }
}
