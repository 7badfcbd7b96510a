// npm run fuzz: random calls in a real renderer, which is reloaded in between.
//
//   npm run fuzz                          20,000 calls from a seed that is printed
//   npm run fuzz -- --seed S --count N    the same calls again, or more of them

import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { command, Failure, log, progress } from './lib/console.mjs';
import { openDisplay } from './lib/display.mjs';
import { electronFlags, installedElectron, useElectron } from './lib/electron.mjs';
import { buildFixtures, FIXTURES } from './lib/fixtures.mjs';
import { killOnExit } from './lib/process-tree.mjs';

const root = path.dirname(import.meta.dirname);

await command(async () => {
  const { seed, count } = parse();
  const electron = installedElectron();
  if (!electron) throw new Failure('there is no Electron yet. Type: npm start');
  useElectron(electron);
  await buildFixtures();
  const display = await openDisplay();
  const again = `npm run fuzz -- --seed ${seed} --count ${count}`;
  log(`${count.toLocaleString('en')} calls from seed ${seed}, in Electron ${electron.version}. Again: ${again}`);
  const started = Date.now();
  let made = 0;
  const done = progress('made', () => `${made.toLocaleString('en')} of ${count.toLocaleString('en')} calls`);
  try {
    const child = killOnExit(
      spawn(
        electron.executable,
        [
          ...electronFlags(),
          '--log-level=3',
          '--js-flags=--expose-gc',
          '--enable-features=SharedArrayBuffer',
          path.join(root, 'tests', 'fuzz'),
        ],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
          env: {
            ...process.env,
            ...display.environment,
            INPLACE_EXCHANGE_FIXTURES: FIXTURES,
            FUZZ_SEED: String(seed),
            FUZZ_COUNT: String(count),
          },
        },
      ),
    );
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
    const seconds = ((Date.now() - started) / 1000).toFixed(0);
    const outcomes = Object.entries(seen).sort(([, a], [, b]) => b - a);
    for (const [outcome, times] of outcomes) process.stdout.write(`${String(times).padStart(9)} ${outcome}\n`);
    process.stdout.write(`${String(abandoned).padStart(9)} in flight when their page was reloaded\n`);
    process.stdout.write(
      `${made.toLocaleString('en')} calls on ${pages} pages in ${seconds} s: no crash, no hang, every promise settled\n`,
    );
  } finally {
    done();
    await display.close();
  }
});

function parse() {
  const { values } = parseArgs({ options: { seed: { type: 'string' }, count: { type: 'string' } } });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
  const count = Number(values.count ?? 20_000);
  if (!Number.isInteger(seed) || seed < 0 || !Number.isInteger(count) || count < 1)
    throw new Failure('--seed and --count take whole numbers.');
  return { seed, count };
}
