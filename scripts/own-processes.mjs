// Random calls, crashes and reloads with libraries in processes of their own, from a page and from plain Node.js. Linux only.
//
//   npm run fuzz:own                          20,000 calls in each, from a seed that is printed
//   npm run fuzz:own -- --seed S --count N    the same calls again, or more of them
//   npm run crashes                           200 crashes of each of five kinds, in each: how long everything takes
//   npm run crashes -- --count N              so many of each
//   npm run reloads                           1,000 reloads of a page with calls in flight: nothing may be left behind
//   npm run reloads -- --seed S --count N     the same calls again, or more reloads
//   npm run reloads:streams                   the same with streams, whose Workers are terminated or left running

import { spawn } from 'node:child_process';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { noneIsLeft } from '../tests/support/library-programs.js';
import { command, Failure, log } from './lib/console.mjs';
import { openDisplay } from './lib/display.mjs';
import { electronFlags, installedElectron, useElectron } from './lib/electron.mjs';
import { buildFixtures, copyFixtures } from './lib/fixtures.mjs';
import { killOnExit } from './lib/process-tree.mjs';

const APP = path.join(import.meta.dirname, '..', 'tests', 'fuzz', 'own');
/** The limit in milliseconds of a call that never ends, as tests/fuzz/own/libraries.js has it. */
const CALL_LIMIT_MS = 300;
const MAX_ERROR_MS = 10;
const MAX_NEXT_MS = 50;
const MiB = 2 ** 20;

/** How many, if nothing is said. @type {Record<string, number>} */
const COUNTS = { calls: 20_000, crashes: 200, reloads: 1000, streams: 1000 };

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
  if (!Object.hasOwn(COUNTS, what)) throw new Failure(`there are ${Object.keys(COUNTS).join(', ')}.`);
  const count = Number(values.count ?? COUNTS[what]);
  if (!Number.isInteger(seed) || !Number.isInteger(count) || count < 1)
    throw new Failure('--seed and --count take whole numbers.');
  const electron = installedElectron();
  if (!electron) throw new Failure('there is no Electron yet. Type: npm start');
  useElectron(electron);
  await buildFixtures();
  const libraries = copyFixtures();
  const display = await openDisplay();
  const flags = [...electronFlags(), '--log-level=3', '--enable-features=SharedArrayBuffer', '--js-flags=--expose-gc'];
  /** @type {Record<string, [program: string, args: string[]]>} */
  const places = {
    ...(what === 'reloads' || what === 'streams'
      ? {}
      : { 'plain Node.js': [process.execPath, [path.join(APP, 'node.mjs')]] }),
    'a page': [electron.executable, [...flags, APP]],
  };
  try {
    for (const [place, [program, args]] of Object.entries(places)) {
      log(
        `${count} ${what === 'streams' ? 'reloads with streams' : what}${what === 'crashes' ? ' of each kind' : ` from seed ${seed}`} in ${place}`,
      );
      const started = Date.now();
      const plan = JSON.stringify({ what, seed, count, limit: CALL_LIMIT_MS });
      const env = { ...process.env, ...display.environment, INPLACE_EXCHANGE_FIXTURES: libraries, OWN_PLAN: plan };
      const child = killOnExit(spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env }));
      const output = await text(child.stdout);
      if (!output.trim()) throw new Failure(`${place} has ended without a result.`);
      const result = JSON.parse(output);
      if (result.failure) throw new Failure(`in ${place}, seed ${seed}: ${result.failure}`);
      if (result.seen) printCalls(result.seen);
      if (result.times) printCrashes(result.times);
      if (result.figures) printReloads(result);
      process.stdout.write(`${place}, ${((Date.now() - started) / 1000).toFixed(0)} s: `);
      process.stdout.write(`held before and after: ${JSON.stringify(result.held)}\n`);
      await noneIsLeft(libraries);
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

/**
 * Prints what the page's process held each time that it was at rest.
 * @param {{ figures: Record<string, number>[], retries: number }} result
 */
function printReloads({ figures, retries }) {
  const [first] = figures;
  for (const name of Object.keys(first)) {
    const values = figures.map((each) => (name === 'memory' ? `${Math.round(each[name] / MiB)} MiB` : each[name]));
    process.stdout.write(`  ${name.padEnd(12)} ${values.join(', ')}\n`);
  }
  process.stdout.write(`  ${retries} calls ended by one of the page before, and made again\n`);
}
