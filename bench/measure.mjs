// Runs an app of this folder whose renderer does the measuring.

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
 * @param {(line: string) => void} [onLine] is called with each line of its output
 * @returns {Promise<string>} its output
 */
export async function measureIn(electron, app, environment, onLine = () => {}) {
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
    onLine(line);
  }
  if ((await ended) !== 0) throw new Failure('the measurement failed; the reason is above.');
  return lines.join('\n');
}

/** The versions and the machine, as text. @param {Record<string, string>} versions those of the renderer's process */
export function machine({ electron, chrome, node }) {
  const cpus = os.cpus();
  return `Electron ${electron}, Chromium ${chrome}, Node ${node}; ${cpus[0].model.trim()}, ${cpus.length} cores`;
}
