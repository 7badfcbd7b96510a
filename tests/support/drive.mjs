// Runs the app with somebody at it, without Playwright: that keeps a renderer which takes another's place from starting, and
// a window that is hidden from knowing it.

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { killOnExit } from '../../scripts/lib/process-tree.mjs';
import { temporaryProfile, windowFlags } from '../../scripts/lib/window.mjs';

const require = createRequire(import.meta.url);
const { fixtureLibrary } = require('./fixtures.js');

/** Less than a test may take, unless it drives more than once and says so. */
export const LIMIT_MS = 25_000;

/**
 * What the scenario has seen.
 * @param {string} scenario of tests/fixtures/drive.js, or of `script`
 * @param {object} [options]
 * @param {string} [options.script] in tests/fixtures
 * @param {string} [options.library] the fixture that is the default library
 * @param {string} [options.live] the fixture that paints
 * @param {string} [options.profile]
 * @param {boolean} [options.crashes] whether the page's process will end
 * @param {number} [options.endAfterMs]
 * @param {Record<string, string>} [options.environment]
 * @param {string} [options.executable] a packaged app that begins with drive.js, instead of this one
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
