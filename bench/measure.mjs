// Runs an app of this folder, whose renderer does the measuring.

import { spawn } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Failure } from '../scripts/lib/console.mjs';
import { electronFlags } from '../scripts/lib/electron.mjs';
import { killOnExit } from '../scripts/lib/process-tree.mjs';

/**
 * @param {import('../scripts/lib/electron.mjs').Electron} electron
 * @param {string} app its folder
 * @param {Record<string, string>} environment
 * @param {(line: string) => void} [told] is given each line that it prints, when it does
 * @returns {Promise<string>} all that it prints
 */
export async function measureIn(electron, app, environment, told = () => {}) {
  const folder = path.join(import.meta.dirname, app);
  const child = killOnExit(
    spawn(electron.executable, [...electronFlags(), '--log-level=3', '--js-flags=--expose-gc', folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...environment },
    }),
  );
  const ended = new Promise((resolve) => child.once('close', resolve));
  const lines = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    told(line);
  }
  if ((await ended) !== 0) throw new Failure('the measurement failed; the reason is above.');
  return lines.join('\n');
}

/** What it was measured on. @param {Record<string, string>} versions those of the renderer's process */
export function machine({ electron, chrome, node }) {
  const cpus = os.cpus();
  return `Electron ${electron}, Chromium ${chrome}, Node ${node}; ${cpus[0].model.trim()}, ${cpus.length} cores`;
}
