// npm run bench:workloads: a JPEG decoded and data compressed for an isolated page, by the ways that there are.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { command, Failure, progress } from '../scripts/lib/console.mjs';
import { openDisplay } from '../scripts/lib/display.mjs';
import { installedElectron, useElectron } from '../scripts/lib/electron.mjs';
import { buildExamples, EXAMPLES, exampleLibrary } from '../scripts/lib/examples.mjs';
import { machine, measureIn } from './measure.mjs';
import { abi, builtFile, compile, install } from './native.mjs';
import { median, out, percentile, ratioOf } from './report.mjs';

/** @typedef {Record<string, { ms: number, library?: number }>} Round */
/** @typedef {{ workload: string, measured?: Round, bytes?: object, notes?: object, versions?: Record<string, string> }} Message */

/** In the order of the tables. */
const ROWS = [
  'exchange',
  'exchange, main thread',
  'exchange, new memory',
  'exchange, own process',
  'exchange, own process, new memory',
  'koffi, in the preload',
  'koffi, contextBridge',
  'WebAssembly',
  'ImageDecoder',
];

/** At most, or at least. @type {{ row: string, against: string, most?: number, least?: number }[]} */
const BARS = [
  { row: 'exchange', against: 'the library', most: 1.05 },
  { row: 'koffi, contextBridge', against: 'exchange', least: 3 },
  { row: 'WebAssembly', against: 'exchange', least: 5 },
];

/** @param {Round[]} rounds @param {string} row */
const msOf = (rounds, row) => rounds.map((round) => round[row].ms);
/** What the same call took inside the library. @param {Round[]} rounds @param {string} row */
const libraryOf = (rounds, row) => rounds.map((round) => Number(round[row].library));

/** @param {string} workload @param {Round[]} rounds */
function print(workload, rounds) {
  const figure = (/** @type {number} */ value) => value.toFixed(value < 100 ? 1 : 0);
  out(`\n| ${workload} | median ms | fastest | p90 | in the library | / that | / \`exchange\` |`);
  out('| --- | ---: | ---: | ---: | ---: | ---: | ---: |');
  for (const row of ROWS.filter((id) => id in rounds[0])) {
    const ms = msOf(rounds, row);
    const inside = rounds[0][row].library === undefined ? undefined : libraryOf(rounds, row);
    const cells = [median(ms), Math.min(...ms), percentile(ms, 90)].map(figure);
    const own = inside ? [figure(median(inside)), ratioOf(ms, inside).toFixed(3)] : ['', ''];
    out(`| ${[row, ...cells, ...own, ratioOf(ms, msOf(rounds, 'exchange')).toFixed(2)].join(' | ')} |`);
  }
  out('');
  for (const { row, against, most, least } of BARS) {
    const others = against === 'exchange' ? msOf(rounds, against) : libraryOf(rounds, row);
    const ratio = ratioOf(msOf(rounds, row), others);
    const met = ratio <= (most ?? Number.POSITIVE_INFINITY) && ratio >= (least ?? 0);
    const limit = most ? `at most ${most}` : `at least ${least}`;
    out(`  ${row} / ${against}: ${ratio.toFixed(3)} (limit: ${limit})${met ? '' : ' MISSED'}`);
  }
}

/** A picture of 12 megapixels. */
function makePicture() {
  const file = builtFile('picture.jpg');
  execFileSync(path.join(EXAMPLES, 'examples', 'picture'), ['4000', '3000', file]);
  return file;
}

/** @param {string} name of a library of examples/ */
const timed = (name) =>
  compile('cc', 'timed.c', `timed-${name}.so`, [...abi, `-DLIBRARY="${exampleLibrary(name)}"`, '-ldl']);

await command(async () => {
  const options = /** @type {const} */ ({ rounds: { type: 'string', default: '21' }, json: { type: 'string' } });
  const { values } = parseArgs({ options });
  const electron = installedElectron();
  if (!electron) throw new Failure('there is no Electron yet. Type: npm start');
  useElectron(electron);
  await install();
  await buildExamples();
  const environment = {
    BENCH_JPEG: await timed('jpeg'),
    BENCH_ZSTD: await timed('zstd'),
    BENCH_PICTURE: makePicture(),
    BENCH_ROUNDS: values.rounds,
  };
  const display = await openDisplay();
  const done = progress('measuring, some minutes:');
  try {
    const output = await measureIn(electron, 'workloads', { ...environment, ...display.environment }).finally(done);
    const messages = output.trim().split('\n').map(parsed);
    const summaries = messages.filter(({ versions }) => versions);
    out(machine(summaries[0].versions ?? {}));
    for (const { workload, bytes, notes } of summaries) {
      const rounds = messages.flatMap((each) => (each.workload === workload && each.measured ? [each.measured] : []));
      print(workload, rounds);
      out(`  ${JSON.stringify({ bytes, notes })}`);
    }
    if (values.json) fs.writeFileSync(values.json, JSON.stringify(messages));
  } finally {
    await display.close();
  }
});

/** @param {string} json @returns {Message} */
function parsed(json) {
  return JSON.parse(json);
}
