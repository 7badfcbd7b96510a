// A virtual display, for machines without a display.

import { spawn } from 'node:child_process';
import { Failure } from './console.mjs';
import { killOnExit } from './process-tree.mjs';
import { hasDisplay } from './system.mjs';

/**
 * Starts Xvfb if there is no display. The server picks a free display number itself.
 * @returns {Promise<{ environment: Record<string, string>, close: () => Promise<void>, virtual: boolean }>}
 */
export async function openDisplay() {
  if (hasDisplay()) return { environment: {}, close: async () => {}, virtual: false };
  const server = killOnExit(
    spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1920x1200x24', '-nolisten', 'tcp'], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      detached: true, // in a process group of its own: Ctrl-C must end the window first
    }),
  );
  const ended = new Promise((resolve) => server.once('close', resolve));
  let complaint = '';
  server.stderr?.on('data', (chunk) => {
    complaint += chunk;
  });
  const number = await new Promise((resolve, reject) => {
    server.once('error', reject);
    ended.then(() => reject(new Failure(`the virtual display (Xvfb) did not start: ${complaint.trim()}`)));
    server.stdio[3]?.once('data', (chunk) => resolve(String(chunk).trim()));
  });
  return {
    environment: { DISPLAY: `:${number}` },
    virtual: true,
    close: async () => {
      server.kill();
      await ended;
    },
  };
}
