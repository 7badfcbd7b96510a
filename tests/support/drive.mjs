// Runs a scenario of tests/fixtures/drive.js in the app, without Playwright, which would keep a renderer that replaces
// another one from starting, and a hidden window from being notified. Most scenarios are about the end of the page's
// process, so its libraries begin there.

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { killOnExit } from '../../scripts/lib/process-tree.mjs';
import { temporaryProfile, windowFlags } from '../../scripts/lib/window.mjs';

const require = createRequire(import.meta.url);
const { fixtureLibrary } = require('./fixtures.js');

/** Below the limit of a test that drives once. */
export const LIMIT_MS = 25_000;

/**
 * The result of the scenario.
 * @param {string} scenario of tests/fixtures/drive.js, or of `script`
 * @param {object} [options]
 * @param {string} [options.script] in tests/fixtures
 * @param {string} [options.library] the fixture that is the default library
 * @param {string} [options.live] the fixture that is the library of the Live panel
 * @param {string} [options.profile]
 * @param {boolean} [options.crashes] whether the page's process will end
 * @param {number} [options.endAfterMs]
 * @param {Record<string, string>} [options.environment]
 * @param {string} [options.executable] a packaged app whose entry point is drive.js, instead of this one
 */
export async function drive(
  scenario,
  {
    script = 'drive.js',
    library,
    live,
    profile = temporaryProfile(),
    crashes = false,
    endAfterMs = 0,
    environment = {},
    executable,
  } = {},
) {
  const app = executable ? [] : [path.join(import.meta.dirname, '..', 'fixtures', script)];
  const flags = [...windowFlags(), '--log-level=3', `--user-data-dir=${profile}`];
  const child = killOnExit(
    spawn(executable ?? require('electron'), [...flags, ...app], {
      env: {
        ...process.env,
        INPLACE_EXCHANGE_PROCESS: 'here',
        ...environment,
        SCENARIO: scenario,
        ...(library && { INPLACE_EXCHANGE_LIBRARY: fixtureLibrary(library) }),
        ...(live && { INPLACE_EXCHANGE_LIVE_LIBRARY: fixtureLibrary(live) }),
        ...(crashes && { CRASHES: '1' }),
        END_AFTER_MS: String(endAfterMs),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  try {
    return JSON.parse(await text(child.stdout));
  } finally {
    clearTimeout(timer);
  }
}
