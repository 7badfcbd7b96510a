// npm run fuzz: random calls in a real renderer, which is reloaded in between; on Linux then random streams in a page, one
// for each hundred calls.
//
//   npm run fuzz                          20,000 calls and 200 streams from a seed that is printed
//   npm run fuzz -- --seed S --count N    the same again, or more of them

import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { noneIsLeft } from '../tests/support/library-programs.js';
import { command, Failure, log, progress } from './lib/console.mjs';
import { openDisplay } from './lib/display.mjs';
import { electronFlags, installedElectron, useElectron } from './lib/electron.mjs';
import { buildFixtures, copyFixtures, FIXTURES } from './lib/fixtures.mjs';
import { killOnExit } from './lib/process-tree.mjs';

const root = path.dirname(import.meta.dirname);

const PAGE_LIMIT_MS = 60_000;
const STREAM_LIMIT_MS = 500;
const SWITCHES = ['--log-level=3', '--js-flags=--expose-gc', '--enable-features=SharedArrayBuffer'];

await command(async () => {
  const { seed, count } = parse();
  const electron = installedElectron();
  if (!electron) throw new Failure('there is no Electron yet. Type: npm start');
  useElectron(electron);
  await buildFixtures();
  const display = await openDisplay();
  const again = `npm run fuzz -- --seed ${seed} --count ${count}`;
  log(`${count.toLocaleString('en')} calls from seed ${seed}, in Electron ${electron.version}. Again: ${again}`);
  /** @param {string} app a folder in tests @param {Record<string, string>} variables */
  const start = (app, variables) =>
    killOnExit(
      spawn(electron.executable, [...electronFlags(), ...SWITCHES, path.join(root, 'tests', app)], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, ...display.environment, ...variables },
      }),
    );
  try {
    await calls(start, seed, count);
    if (process.platform === 'linux') await streams(start, seed, Math.ceil(count / 100));
  } finally {
    await display.close();
  }
});

/** @typedef {(app: string, variables: Record<string, string>) => import('node:child_process').ChildProcess} Start */

/** @param {Start} start @param {number} seed @param {number} count */
async function calls(start, seed, count) {
  const started = Date.now();
  let made = 0;
  const done = progress('made', () => `${made.toLocaleString('en')} of ${count.toLocaleString('en')} calls`);
  try {
    const child = start('fuzz', {
      INPLACE_EXCHANGE_FIXTURES: FIXTURES,
      FUZZ_SEED: String(seed),
      FUZZ_COUNT: String(count),
    });
    const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)));
    /** @type {Record<string, number>} */
    const seen = {};
    let pages = 0;
    let abandoned = 0;
    for await (const line of createInterface({ input: /** @type {NodeJS.ReadableStream} */ (child.stdout) })) {
      const page = JSON.parse(line);
      if (page.failure) throw new Failure(`page ${page.page} of seed ${seed}: ${page.failure}`);
      made += page.calls;
      pages += 1;
      abandoned += page.abandoned;
      for (const [outcome, times] of Object.entries(page.seen)) seen[outcome] = (seen[outcome] ?? 0) + times;
    }
    const status = await ended;
    if (status !== 0 || made < count) throw new Failure(`Electron ended with ${status} after ${made} calls.`);
    print({ ...seen, 'in flight when their page was reloaded': abandoned });
    process.stdout.write(
      `${made.toLocaleString('en')} calls on ${pages} pages in ${since(started)}: no crash, no hang, every promise settled\n`,
    );
  } finally {
    done();
  }
}

/** @param {Start} start @param {number} seed @param {number} count */
async function streams(start, seed, count) {
  const started = Date.now();
  const libraries = copyFixtures();
  const child = start('fuzz/own', {
    INPLACE_EXCHANGE_FIXTURES: libraries,
    OWN_PLAN: JSON.stringify({ what: 'randomStreams', seed, count }),
  });
  // A stream that does not end is found by the page, unless the page itself hangs.
  const limit = setTimeout(() => child.kill('SIGKILL'), PAGE_LIMIT_MS + count * STREAM_LIMIT_MS);
  const output = await text(/** @type {NodeJS.ReadableStream} */ (child.stdout));
  clearTimeout(limit);
  if (!output.trim()) throw new Failure(`streams of seed ${seed}: the page hangs, or has ended without a result.`);
  const { failure, seen } = JSON.parse(output);
  if (failure) throw new Failure(`streams of seed ${seed}: ${failure}`);
  await noneIsLeft(libraries);
  print(seen);
  process.stdout.write(
    `${count.toLocaleString('en')} streams in ${since(started)}: no crash, no hang, no wrong byte, no thread or program left\n`,
  );
}

/** @param {Record<string, number>} seen how often, by outcome */
function print(seen) {
  for (const [outcome, times] of Object.entries(seen).sort(([, a], [, b]) => b - a))
    process.stdout.write(`${String(times).padStart(9)} ${outcome}\n`);
}

/** @param {number} started */
function since(started) {
  return `${((Date.now() - started) / 1000).toFixed(0)} s`;
}

function parse() {
  const { values } = parseArgs({ options: { seed: { type: 'string' }, count: { type: 'string' } } });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
  const count = Number(values.count ?? 20_000);
  if (!Number.isInteger(seed) || seed < 0 || !Number.isInteger(count) || count < 1)
    throw new Failure('--seed and --count take whole numbers.');
  return { seed, count };
}
