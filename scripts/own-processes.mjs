// Random calls and crashes of libraries in processes of their own, from a page and from plain Node.js. Linux only.
//
//   npm run fuzz:own                          20,000 calls in each, from a seed that is printed
//   npm run fuzz:own -- --seed S --count N    the same calls again, or more of them
//   npm run crashes                           200 crashes of each of five kinds, in each: how long everything takes
//   npm run crashes -- --count N              so many of each

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { command, Failure, log } from './lib/console.mjs';
import { openDisplay } from './lib/display.mjs';
import { electronFlags, installedElectron, useElectron } from './lib/electron.mjs';
import { buildFixtures, FIXTURES } from './lib/fixtures.mjs';
import { killOnExit } from './lib/process-tree.mjs';

const APP = path.join(import.meta.dirname, '..', 'tests', 'fuzz', 'own');
/** The limit in milliseconds of a call that never ends, as tests/fuzz/own/libraries.js has it. */
const CALL_LIMIT_MS = 300;
const MAX_ERROR_MS = 10;
const MAX_NEXT_MS = 50;

/** @typedef {{ error: number[], next: number[] }} Times */

await command(async () => {
  const options = /** @type {const} */ ({
    seed: { type: 'string' },
    count: { type: 'string' },
    in: { type: 'string' },
  });
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const what = positionals[0] ?? 'calls';
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
  const count = Number(values.count ?? (what === 'calls' ? 20_000 : 200));
  if (!['calls', 'crashes'].includes(what) || !Number.isInteger(seed) || !Number.isInteger(count) || count < 1)
    throw new Failure('calls or crashes; --seed and --count take whole numbers.');
  const electron = installedElectron();
  if (!electron) throw new Failure('there is no Electron yet. Type: npm start');
  useElectron(electron);
  await buildFixtures();
  const display = await openDisplay();
  const flags = [...electronFlags(), '--log-level=3', '--enable-features=SharedArrayBuffer'];
  /** @type {Record<string, [program: string, args: string[]]>} */
  const places = {
    'plain Node.js': [process.execPath, [path.join(APP, 'node.mjs')]],
    'a page': [electron.executable, [...flags, APP]],
  };
  try {
    for (const [place, [program, args]] of Object.entries(places)) {
      log(`${count} ${what}${what === 'calls' ? ` from seed ${seed}` : ' of each kind'} in ${place}`);
      const started = Date.now();
      const plan = JSON.stringify({ what, seed, count, limit: CALL_LIMIT_MS });
      const env = { ...process.env, ...display.environment, INPLACE_EXCHANGE_FIXTURES: FIXTURES, OWN_PLAN: plan };
      const child = killOnExit(spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env }));
      const output = await text(child.stdout);
      if (!output.trim()) throw new Failure(`${place} has ended without a result.`);
      const result = JSON.parse(output);
      if (result.failure) throw new Failure(`in ${place}, seed ${seed}: ${result.failure}`);
      if (what === 'calls') printCalls(result.seen);
      else printCrashes(result.times);
      process.stdout.write(`${place}, ${((Date.now() - started) / 1000).toFixed(0)} s: `);
      process.stdout.write(`held before and after: ${JSON.stringify(result.held)}\n`);
      await noneIsLeft();
    }
  } finally {
    await display.close();
  }
});

/** @param {Record<string, number>} seen */
function printCalls(seen) {
  const outcomes = Object.entries(seen).sort(([, a], [, b]) => b - a);
  for (const [outcome, times] of outcomes) process.stdout.write(`${String(times).padStart(9)} ${outcome}\n`);
}

/** Prints median, 99th percentile and worst, and how many are above the limit: a time is no failure. @param {Record<string, Times>} times */
function printCrashes(times) {
  for (const [fault, { error, next }] of Object.entries(times)) {
    for (const [name, list, limit] of /** @type {const} */ ([
      ['error', error, MAX_ERROR_MS],
      ['next exchange', next, MAX_NEXT_MS],
    ])) {
      const sorted = list.toSorted((a, b) => a - b);
      const at = (/** @type {number} */ part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
      const over = list.filter((ms) => ms > limit).length;
      const figures = [at(0.5), at(0.99), at(1)].map((ms) => `${ms.toFixed(1)} ms`).join(', ');
      process.stdout.write(
        `  ${fault} ${name.padEnd(14)} median, p99, worst: ${figures}; above ${limit} ms: ${over}\n`,
      );
    }
  }
}

/** Fails if a library of these fixtures still has a process. */
async function noneIsLeft() {
  const until = Date.now() + 3000;
  for (;;) {
    const left = fs.readdirSync('/proc').filter((pid) => {
      try {
        const [program, library = ''] = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return program.endsWith('inplace-exchange-library') && library.startsWith(path.join(FIXTURES, 'faults'));
      } catch {
        return false; // no process, or one that has ended
      }
    });
    if (left.length === 0) return;
    if (Date.now() > until) throw new Failure(`processes of libraries are left: ${left.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
