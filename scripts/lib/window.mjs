// Opens the app's real window, for screenshots and tests. The caller has chosen the Electron (useElectron), since
// Playwright takes that of `require('electron')`.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { _electron } from 'playwright-core';
import { electronFlags } from './electron.mjs';
import { killOnExit } from './process-tree.mjs';

const root = path.join(import.meta.dirname, '..', '..');

/** On one virtual display windows cover each other, and the page of a covered window would be hidden. */
export const windowFlags = () => [...electronFlags(), '--disable-backgrounding-occluded-windows'];

/** @type {string[]} */
const profiles = [];
process.once('exit', () => {
  for (const folder of profiles) fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

/** A user data folder that is removed when this process ends: the user's own stays as it is. */
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
  killOnExit(app.process());
  try {
    return { app, page: await app.firstWindow() };
  } catch (error) {
    await app.close();
    throw error;
  }
}
