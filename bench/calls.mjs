// npm run bench:calls: the time of a call of the addon and of its peers in a real renderer, to the nanosecond.

import { command, Failure, progress } from '../scripts/lib/console.mjs';
import { openDisplay } from '../scripts/lib/display.mjs';
import { installedElectron, useElectron } from '../scripts/lib/electron.mjs';
import { machine, measureIn } from './measure.mjs';
import { abi, buildPeers, builtFile, compile } from './native.mjs';
import { line, median, mib, out, ratio } from './report.mjs';

/** Several, because the memory layout of code and data differs between processes: by a nanosecond a call. */
const RENDERERS = 5;
const ROUNDS = 9;

await command(async () => {
  const electron = installedElectron();
  if (!electron) throw new Failure('there is no Electron yet. Type: npm start');
  useElectron(electron);
  await compileNative();
  const display = await openDisplay();
  try {
    const runs = [];
    for (let run = 1; run <= RENDERERS; run += 1) {
      const done = progress(`renderer ${run} of ${RENDERERS}`, () => '...');
      runs.push(await measure(electron, display.environment).finally(done));
    }
    print(runs);
  } finally {
    await display.close();
  }
});

async function compileNative() {
  await buildPeers();
  for (const [output, ...flags] of [
    ['fill.so'],
    ['fill-serial.so', '-DSERIAL'],
    ['fill-perform.so', '-DPERFORM'],
    ['fill-slow.so', '-DSLEEP_MS=100'],
    ['fill-timed.so', '-DTIMED'],
  ])
    await compile('cc', 'fill.c', output, [...abi, ...flags]);
}

/**
 * @param {import('../scripts/lib/electron.mjs').Electron} electron
 * @param {Record<string, string>} environment
 * @returns {Promise<any>}
 */
async function measure(electron, environment) {
  const library = builtFile('fill.so');
  const output = await measureIn(electron, 'app', {
    ...environment,
    INPLACE_EXCHANGE_LIBRARY: library, // every row calls the same library
    BENCH_LIBRARY: library,
    BENCH_SERIAL_LIBRARY: builtFile('fill-serial.so'),
    BENCH_PERFORM_LIBRARY: builtFile('fill-perform.so'),
    BENCH_TIMED_LIBRARY: builtFile('fill-timed.so'),
    BENCH_SLOW_LIBRARY: builtFile('fill-slow.so'),
    BENCH_NATIVE: builtFile(''),
    BENCH_ROUNDS: String(ROUNDS),
  });
  return JSON.parse(output);
}

/** @typedef {import('./report.mjs').Row} Row */

/**
 * The results of a renderer.
 * @typedef {object} Run
 * @property {any} versions
 * @property {number} bytes
 * @property {Row[]} rows
 * @property {{ calls: number, grownBytes: number }} memory
 * @property {{ bytes: number, rows: Row[] }[]} async
 * @property {{ id: string, ratios: number[] }[]} wholeOverParts
 * @property {{ calls: number, took: number, longest: number }} longestTask
 * @property {{ calls: number, grownBytes: number[] }} asyncMemory
 */

/**
 * The rows of several renderers, joined.
 * @param {Row[][]} runs
 */
function joined(runs) {
  return runs[0].map(({ id }, index) => ({ id, ns: runs.flatMap((rows) => rows[index].ns) }));
}

/** @param {Row[]} rows @param {string} id */
function byId(rows, id) {
  return /** @type {Row} */ (rows.find((row) => row.id === id));
}

/** @param {Run[]} runs */
function print(runs) {
  const [{ versions, bytes, memory }] = runs;
  const rows = joined(runs.map((run) => run.rows));
  const row = (/** @type {string} */ id) => byId(rows, id);

  out(machine(versions));
  out(
    `${bytes}-byte Buffer; ${RENDERERS} renderers, ${ROUNDS} rounds in each; a ratio is the median of those inside each round`,
  );
  out('');
  const against = ['peer/raw-c', 'peer/koffi', 'peer/node-addon-api'].map(row);
  line('', 'best ns', 'median ns', ...against.map(({ id }) => `/ ${id.replace('peer/', '').replace('node-', '')}`));
  for (const each of rows) {
    const ratios = against.map((other) => ratio(each, other).toFixed(2));
    line(each.id, Math.min(...each.ns).toFixed(1), median(each.ns).toFixed(1), ...ratios);
  }
  out('');
  const twice = ratio(row('peer/raw-c, again'), row('peer/raw-c'));
  const more = row('in-place/performs').ns.map((ns, round) => ns - row('in-place/opened').ns[round]);
  out(`exchange_perform takes ${median(more).toFixed(1)} ns more than exchange_inplace (limit: 6)`);
  out(`noise: the control's two rows differ by a factor of ${twice.toFixed(2)}`);
  if (Math.abs(twice - 1) > 0.1) out('This run is too noisy to compare.');
  const grown = runs.map((run) => `${(run.memory.grownBytes / 1024).toFixed(0)} KiB`).join(', ');
  out(`memory: ${memory.calls.toLocaleString('en')} calls left ${grown} of resident memory`);
  printAsync(runs);
}

/** @param {Run[]} runs */
function printAsync(runs) {
  const [small, large] = runs[0].async.map(({ bytes }, size) => ({
    bytes,
    rows: joined(runs.map((run) => run.async[size].rows)),
  }));
  for (const { bytes, rows } of [small, large]) {
    out(`\non another thread, ${bytes} bytes; from the call to its promise, one after the other`);
    line('', 'best us', 'median us', '/ AsyncTask');
    for (const each of rows) {
      const us = (/** @type {number} */ ns) => (ns / 1000).toFixed(1);
      const against = ratio(each, byId(rows, 'peer/napi-rs AsyncTask')).toFixed(2);
      line(each.id, us(Math.min(...each.ns)), us(median(each.ns)), against);
    }
  }
  for (const [index, { id }] of runs[0].wholeOverParts.entries()) {
    const whole = median(runs.flatMap(({ wholeOverParts }) => wholeOverParts[index].ratios));
    out(`${large.bytes} bytes over the library's own time and the rest of a 64-byte call: ${whole.toFixed(3)} (${id})`);
  }
  for (const { longestTask, asyncMemory } of runs) {
    const { calls, took, longest } = longestTask;
    out(
      `${calls} calls of 100 ms: ${took.toFixed(0)} ms, and the main thread was busy for ${longest.toFixed(1)} ms at most; ` +
        `${asyncMemory.calls.toLocaleString('en')} calls left ${asyncMemory.grownBytes.map(mib).join(', ')} after each quarter`,
    );
  }
}
