// Opens the app's real window, for the commands that look at it and click in it. The caller has said which Electron
// (useElectron), because Playwright asks `require('electron')`.

import path from 'node:path';
import { _electron } from 'playwright-core';
import { own } from './children.mjs';
import { electronFlags } from './electron.mjs';

const root = path.dirname(import.meta.dirname);

/**
 * @param {object} [options]
 * @param {Record<string, string | undefined>} [options.environment] on top of this process's own
 * @param {'light' | 'dark'} [options.theme]
 */
export async function openWindow({ environment = {}, theme } = {}) {
  const app = await _electron.launch({
    args: [...electronFlags(), root],
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
