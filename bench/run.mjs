// npm run bench: what a call costs, in a real renderer, beside the other ways to call the same library.

import fs from 'node:fs';
import path from 'node:path';
import { libraryName, rust } from '../scripts/build.mjs';
import { command, Failure, npm, progress, run, say } from '../scripts/console.mjs';
import { openDisplay } from '../scripts/display.mjs';
import { installedElectron, useElectron } from '../scripts/electron.mjs';
import { machine, measureIn } from './measure.mjs';
import { abi, builtFile, compile } from './native.mjs';
import { line, median, mib, out, ratio } from './report.mjs';

const bench = import.meta.dirname;
const root = path.dirname(bench);
/** Where code and data come to lie differs from process to process, and costs or saves a nanosecond: several are asked. */
const RENDERERS = 5;
const ROUNDS = 9;
const packages = path.join(bench, 'node_modules');

await command(async () => {
  const electron = installedElectron();
  if (!electron) throw new Failure('there is no Electron yet. Type: npm start');
  useElectron(electron);
  await install();
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

/** The peers, which users of the project never install. */
async function install() {
  if (fs.existsSync(path.join(packages, 'koffi'))) return;
  say('installing the peers.');
  const { status, output } = await npm(['ci', '--loglevel=error'], { cwd: bench });
  if (status !== 0) throw new Failure(`npm ci failed:\n${output.trim()}`);
}

async function compileNative() {
  const nodeApi = [
    '-I',
    path.join(packages, 'node-api-headers', 'include'),
    '-I',
    path.join(packages, 'node-addon-api'),
  ];
  for (const [compiler, source, output, flags] of /** @type {['cc' | 'c++', string, string, string[]][]} */ ([
    ['cc', 'fill.c', 'fill.so', abi],
    ['cc', 'fill.c', 'fill-serial.so', [...abi, '-DSERIAL']],
    ['cc', 'fill.c', 'fill-slow.so', [...abi, '-DSLEEP_MS=100']],
    ['cc', 'fill.c', 'fill-timed.so', [...abi, '-DTIMED']],
    ['cc', 'raw.c', 'raw.node', nodeApi],
    ['c++', 'addon-api.cc', 'addon-api.node', ['-std=c++17', ...nodeApi]],
  ]))
    await compile(compiler, source, output, flags);
  const { triple } = await rust();
  const args = ['build', '--quiet', '--release', '--target', triple, '-p', 'bench-async-task'];
  const { status, output } = await run('cargo', args, { cwd: root });
  if (status !== 0) throw new Failure(`cargo ${args.join(' ')}\n${output}`);
  const addon = path.join(root, 'target', triple, 'release', libraryName('bench_async_task'));
  fs.copyFileSync(addon, builtFile('async-task.node'));
}

/**
 * @param {import('../scripts/electron.mjs').Electron} electron
 * @param {Record<string, string>} environment
 * @returns {Promise<any>}
 */
async function measure(electron, environment) {
  const library = builtFile('fill.so');
  const output = await measureIn(electron, 'app', {
    ...environment,
    INPLACE_EXCHANGE_LIBRARY: library, // the default library is the one that every row calls
    BENCH_LIBRARY: library,
    BENCH_SERIAL_LIBRARY: builtFile('fill-serial.so'),
    BENCH_TIMED_LIBRARY: builtFile('fill-timed.so'),
    BENCH_SLOW_LIBRARY: builtFile('fill-slow.so'),
    BENCH_NATIVE: builtFile(''),
    BENCH_ROUNDS: String(ROUNDS),
  });
  return JSON.parse(output);
}

/** @typedef {import('./report.mjs').Row} Row */

/**
 * What a renderer has measured.
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
 * The rows of several renderers, as if they were one.
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
