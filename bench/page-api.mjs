// npm run bench:page: the time of the page API and of its alternatives, in a window with context isolation on.
//
//   npm run bench:page                 all stages
//   npm run bench:page -- memory       this one alone (bench/page-api/page.mjs has them)

import { command, Failure, progress } from '../scripts/lib/console.mjs';
import { openDisplay } from '../scripts/lib/display.mjs';
import { installedElectron, useElectron } from '../scripts/lib/electron.mjs';
import { buildFixtures, fixtureFile } from '../scripts/lib/fixtures.mjs';
import { machine, measureIn } from './measure.mjs';
import { abi, compile } from './native.mjs';
import { line, median, mib, out, percentile, ratioOf } from './report.mjs';

/** @typedef {Record<string, number[]>} Microseconds for each row, in each round */

/** @param {string} json @returns {{ stage: string, result: { versions: Record<string, string>, measured: any } }} */
function parsed(json) {
  return JSON.parse(json);
}

/** @param {string} title @param {string[]} heads */
function heading(title, ...heads) {
  out('');
  line(title, ...heads);
}

const HEADS = ['median us', 'p10', 'p90'];

/** @param {number[]} us */
const cells = (us) =>
  [median(us), percentile(us, 10), percentile(us, 90)].map((value) => value.toFixed(value < 10 ? 2 : 1));

/**
 * Prints the ratio of two rows. @param {Microseconds} rows
 * @param {string} id @param {string} other @param {string} limit
 */
function compare(rows, id, other, limit) {
  out(`  ${id} / ${other}: ${ratioOf(rows[id], rows[other]).toFixed(2)} (limit: ${limit})`);
}

/** @param {Microseconds} rows */
function table(rows) {
  for (const [id, us] of Object.entries(rows)) line(`  ${id}`, ...cells(us));
}

/** @type {Record<string, (measured: any) => void>} by stage */
const print = {
  /** @param {{ trips: number, addresses: number }} measured */
  identity({ trips, addresses }) {
    out(`\n${trips} round trips of one buffer; addresses before, in the library and after: ${addresses} (limit: 1)`);
  },

  /** @param {Microseconds} rows */
  trips(rows) {
    heading('Round trip, 64 bytes', ...HEADS);
    table(rows);
    compare(rows, 'exchange, main thread', 'MessagePort echo', 'at most 1.25, and 45 us');
  },

  /** @param {{ us: Microseconds, collections: Record<string, number[]> }} measured */
  sizes({ us, collections }) {
    heading('Round trip without native work', ...HEADS, 'collections', '/ 64 B');
    const limits = ['', 'at most 1.2', 'at most 1.5', 'at most 1.2', 'at most 1.2', ''];
    for (const [index, [id, each]] of Object.entries(us).entries()) {
      const against = ratioOf(each, us['64 B']).toFixed(2);
      line(
        `  ${id}`,
        ...cells(each),
        median(collections[id]).toFixed(2),
        against,
        limits[index] && `  (limit: ${limits[index]})`,
      );
    }
  },

  /** @param {Microseconds} rows */
  large(rows) {
    heading('8,294,400 bytes, round trip', ...HEADS);
    table(rows);
    compare(rows, 'contextBridge', 'exchange, main thread', 'at least 50');
    compare(rows, 'contextBridge', 'exchange, worker thread', 'at least 30');
    compare(rows, 'invoke', 'exchange, main thread', 'at least 150');
    compare(rows, 'invoke', 'exchange, worker thread', 'at least 100');
  },

  /** @param {Microseconds} rows */
  memory(rows) {
    heading('8,294,400 bytes, 25 ms after the last', ...HEADS);
    table(rows);
    const same = 'the same memory again';
    compare(rows, 'exchange(8294400)', same, 'at most 1.1');
    compare(rows, 'the same, and recycle', same, 'at most 1.1');
    compare(rows, 'new memory', same, 'the pages of new memory');
  },

  /** @param {Microseconds} rows */
  shared(rows) {
    heading('Shared memory, 64 bytes', ...HEADS);
    table(rows);
    compare(rows, 'shared exchange', 'empty contextBridge call', 'at most 1.25');
    compare(rows, 'empty contextBridge call, again', 'empty contextBridge call', 'noise');
  },

  /** @param {Microseconds} rows */
  rested(rows) {
    heading('Shared, 64 bytes, after 2 ms of rest', ...HEADS);
    table(rows);
    compare(rows, 'own process', "page's process", 'own process at most 30 us');
  },

  /** @param {{ samples: { frames: number, ms: number, heap: number, resident: number }[], bad: number }} measured */
  frames({ samples, bad }) {
    const last = samples[samples.length - 1];
    const list = (/** @type {'heap' | 'resident'} */ what) => samples.map((sample) => mib(sample[what])).join(', ');
    out(`\nFrames of 1920 x 1080 RGBA, depth 3, for ${(last.ms / 1000).toFixed(1)} s`);
    out(`  ${((last.frames / last.ms) * 1000).toFixed(0)} a second (limit: at least 2,000), ${bad} of them wrong`);
    out(`  each second, after a collection: JavaScript heap ${list('heap')}`);
    out(`    resident ${list('resident')}`);
  },

  /** @param {{ shown: number, took: number, busyShare: number, frameMs: number[] }} measured */
  drawn({ shown, took, busyShare, frameMs }) {
    const at = (/** @type {number} */ percent) => percentile(frameMs, percent).toFixed(1);
    out(`\nThe same, one for each frame of the display, drawn on an OffscreenCanvas in a Worker`);
    out(
      `  ${shown} in ${(took / 1000).toFixed(1)} s; main thread on the CPU ${(busyShare * 100).toFixed(1)} % of it (limit: under 10 %)`,
    );
    out(
      `  ms between frames: p1 ${at(1)}, p10 ${at(10)}, median ${at(50)}, p90 ${at(90)}, p99 ${at(99)}, longest ${at(100)}`,
    );
  },
};

/** @param {{ calls: number, outcomes: Record<string, number>, resident: number }[]} parts */
function printSoak(parts) {
  const sum = (/** @type {string} */ what) => parts.reduce((total, { outcomes }) => total + outcomes[what], 0);
  const calls = parts.reduce((total, part) => total + part.calls, 0);
  const settled = sum('fulfilled') + sum('aborted') + sum('refused');
  out(
    `\n${calls.toLocaleString('en')} exchanges on ${parts.length} pages, with collections and aborts; each page was left with 50 calls pending`,
  );
  out(
    `  fulfilled ${sum('fulfilled')}, aborted ${sum('aborted')}, refused ${sum('refused')}; not settled: ${calls - settled} (limit: 0)`,
  );
  out(`  resident at the end of each page: ${parts.map(({ resident }) => mib(resident)).join(', ')}`);
}

await command(async () => {
  const electron = installedElectron();
  if (!electron) throw new Failure('there is no Electron yet. Type: npm start');
  useElectron(electron);
  await buildFixtures();
  const environment = {
    BENCH_LIBRARY: await compile('cc', 'fill.c', 'fill.so', abi),
    BENCH_ZERO_LIBRARY: await compile('cc', 'fill.c', 'fill-zero.so', [...abi, '-DZERO']),
    BENCH_ADDRESS_LIBRARY: fixtureFile('address'),
    BENCH_PROBE: fixtureFile('probe'),
    BENCH_STAGES: process.argv.slice(2).join(' '),
  };
  const display = await openDisplay();
  const started = Date.now();
  const done = progress('measuring, about a minute:', () => `${((Date.now() - started) / 1000).toFixed(0)} s`);
  try {
    const output = await measureIn(electron, 'page-api', { ...environment, ...display.environment }).finally(done);
    const stages = output.trim().split('\n').map(parsed);
    out(machine(stages[0].result.versions));
    const soak = stages.filter(({ stage }) => stage === 'soak').map(({ result }) => result.measured);
    for (const { stage, result } of stages) if (stage !== 'soak') print[stage](result.measured);
    if (soak.length > 0) printSoak(soak);
  } finally {
    await display.close();
  }
});
