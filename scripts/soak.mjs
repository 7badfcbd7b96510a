// npm run soak: mixed load in real Electron windows for a given time, and a verdict at the end.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { isHere, KINDS, windowsOf } from '../tests/soak/kinds.mjs';
import { noneIsLeft } from '../tests/support/library-programs.js';
import { command, Failure, log } from './lib/console.mjs';
import { openDisplay } from './lib/display.mjs';
import { electronFlags, installedElectron, useElectron } from './lib/electron.mjs';
import { buildFixtures, copyFixtures } from './lib/fixtures.mjs';
import { libraryName } from './lib/native-build.mjs';
import { killOnExit } from './lib/process-tree.mjs';
import { growth, MAX_MEMORY, MAX_SILENCE_MS, QUANTITIES, Series } from './lib/soak-verdict.mjs';

const root = path.dirname(import.meta.dirname);
const PLANTS = ['leak', 'hang', 'wrong', 'crash', ...(process.platform === 'linux' ? ['programs', 'stray'] : [])];
const PRINT_S = 20;
const MAX_FAULTS = 10;
/** With more of them for each processor, the loads pause for longer, or no page would get on. */
const WINDOWS_OF_A_CORE = 3;
const MiB = 2 ** 20;

const HELP = `npm run soak -- [options]
  --minutes N     how long (10; fractions will do). A soak that has failed ends at once
  --only A,B      these kinds of load alone; all of them if left out:
${Object.entries(KINDS)
  .map(([name, { what }]) => `                    ${name.padEnd(14)} ${what}`)
  .join('\n')}
  --heap MIB      V8's old space in each process (64)
  --seed S        what is drawn: sizes, letters, pauses (one is made up, and printed)
  --plant WHAT    ${PLANTS.join(', ')}: a fault that this soak must find
  --help          this
It fails, with exit status 1 and the reason, when a process ends that should not, when a wrong byte or an unexpected error
comes back, when a call or a page hangs for ${MAX_SILENCE_MS / 1000} s, when a kind did nothing, and when the memory, the descriptors or the
threads of a process grow: when the median and the 90th percentile of the last third of the run are above those of the first
(after a warm-up) by more than is allowed. The same goes for the programs of libraries in processes of their own, of which none may be left in the end.
Descriptors, threads, mappings and programs are counted on Linux only, where these are.
`;

/** @typedef {{ pending: number, oldest: number, silent: number }} Page */
/** @typedef {import('../tests/soak/processes.js').Usage} Held */
/** @typedef {{ pages: Record<string, Page>, running: number, processes: Record<string, Held>, restarts: Record<string, number>, counts: Record<string, number>, errors: Record<string, number> }} Sample */

await command(async () => {
  const options = parse();
  if (!options) return;
  const { minutes, kinds, heap, seed, plant } = options;
  const left = Object.keys(KINDS).filter((kind) => !isHere(kind));
  if (left.length > 0) log(`left out, as libraries have processes of their own on Linux only: ${left.join(', ')}`);
  const electron = installedElectron();
  if (!electron) throw new Failure('there is no Electron yet. Type: npm start');
  useElectron(electron);
  await buildFixtures();
  const display = await openDisplay();
  log(`${minutes} min of ${kinds.join(', ')} from seed ${seed}, in Electron ${electron.version}.`);
  const soak = observe();
  try {
    const libraries = copyLibraries();
    const environment = { ...process.env, ...display.environment, ...libraries };
    const child = start(electron.executable, environment, { kinds, heap, seed, plant });
    const lines = createInterface({ input: child.stdout });
    const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
    // A frozen renderer outlives its app, and would keep the pipe open.
    ended.then(() => setTimeout(() => lines.close(), 500));
    let over = false;
    const end = () => {
      over = true;
      child.stdin.end();
      setTimeout(() => child.kill('SIGKILL'), 5000).unref();
    };
    const timer = setTimeout(end, minutes * 60_000);
    for await (const line of lines) {
      soak.addLine(line);
      if (soak.faults.length > 0 && !over) {
        clearTimeout(timer);
        setTimeout(end, 1000); // related faults may follow
      }
    }
    clearTimeout(timer);
    child.stdout.destroy();
    for (const pid of soak.pids()) killIfRunning(pid);
    const status = await ended;
    if (!over) soak.faults.push(`Electron ended by itself (${status})`);
    await noneIsLeft(libraries.INPLACE_EXCHANGE_FIXTURES).catch(({ message }) => soak.faults.push(message));
  } finally {
    await display.close();
  }
  soak.judge(kinds);
});

/** @param {number} pid of a process of the app, which itself has ended */
function killIfRunning(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended with its app
  }
}

function copyLibraries() {
  const folder = copyFixtures();
  const library = path.join(folder, libraryName('native_lib'));
  fs.copyFileSync(path.join(root, libraryName('native_lib')), library);
  return { INPLACE_EXCHANGE_FIXTURES: folder, INPLACE_EXCHANGE_LIBRARY: library };
}

/**
 * @param {string} executable @param {NodeJS.ProcessEnv} environment
 * @param {{ kinds: string[], heap: number, seed: number, plant: string }} options
 */
function start(executable, environment, { kinds, heap, seed, plant }) {
  const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  const windows = windowsOf(kinds);
  const [first] = Object.values(windows);
  if (!['', 'wrong', 'stray'].includes(plant)) first.loads.push('planted');
  const pace = Math.max(1, Object.keys(windows).length / (WINDOWS_OF_A_CORE * availableParallelism()));
  const flags = [`--js-flags=--max-old-space-size=${heap}`, '--log-level=3'];
  return killOnExit(
    spawn(executable, [...electronFlags(), ...flags, path.join(root, 'tests', 'soak')], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        ...environment,
        SOAK_PLAN: JSON.stringify({ windows, seed, version, plant, pace }),
      },
    }),
  );
}

/** Collects what the app reports. */
function observe() {
  const started = Date.now();
  const seconds = () => (Date.now() - started) / 1000;
  /** @type {string[]} */
  const faults = [];
  /** @type {Map<string, Record<string, Series>>} */
  const held = new Map();
  /** @type {Record<'counts' | 'errors' | 'restarts', Record<string, number>>} */
  const totals = { counts: {}, errors: {}, restarts: {} };
  /** @type {number[]} */
  let pids = [];
  let printed = 0;

  /** A fault that differs only in its numbers is reported once. @param {string} text */
  const withoutNumbers = (text) => text.replace(/\d+/g, '');
  const fault = (/** @type {string} */ text) => {
    if (faults.length >= MAX_FAULTS || faults.some((other) => withoutNumbers(other) === withoutNumbers(text))) return;
    faults.push(text);
  };

  /** @param {string} label @param {string} quantity @param {number | undefined} value */
  const record = (label, quantity, value) => {
    if (value === undefined) return;
    const quantities = held.get(label) ?? {};
    held.set(label, quantities);
    quantities[quantity] ??= new Series();
    quantities[quantity].add(seconds(), value);
  };

  /** @param {Sample} sample */
  function addSample(sample) {
    for (const kind of /** @type {const} */ (['counts', 'errors', 'restarts'])) {
      for (const [key, number] of Object.entries(sample[kind])) totals[kind][key] = (totals[kind][key] ?? 0) + number;
    }
    for (const [label, { oldest, silent }] of Object.entries(sample.pages)) {
      if (oldest > MAX_SILENCE_MS) fault(`${label}: a call has been pending for ${(oldest / 1000).toFixed(0)} s`);
      if (silent > MAX_SILENCE_MS) fault(`${label}: nothing was heard of the page for ${(silent / 1000).toFixed(0)} s`);
    }
    record('the app', 'running', sample.running);
    pids = Object.values(sample.processes).flatMap(({ pid }) => pid ?? []);
    for (const [label, usage] of Object.entries(sample.processes)) {
      for (const quantity of QUANTITIES) record(label, quantity, /** @type {any} */ (usage)[quantity]);
      const { memory } = usage;
      if (memory > MAX_MEMORY) fault(`${label}: its process has ${(memory / MiB).toFixed(0)} MiB of memory`);
    }
    if (seconds() >= printed + PRINT_S) {
      printed += PRINT_S;
      print(sample);
    }
  }

  /** @param {Sample} sample */
  function print({ pages, running, processes }) {
    const all = Object.values(pages);
    const pending = all.reduce((sum, page) => sum + page.pending, 0);
    const oldest = Math.max(0, ...all.map((page) => page.oldest));
    const lines = [
      `${seconds().toFixed(0)} s: ${pending} calls pending, the oldest for ${(oldest / 1000).toFixed(1)} s; ${running} processes`,
      ...describeTotals(),
      ...Object.entries(processes).map(([label, { memory, shared, pid: _, ...counted }]) => {
        const rest = Object.entries(counted).map(([name, value]) => `${value} ${name}`);
        if (shared !== undefined) rest.push(`${(shared / MiB).toFixed(0)} MiB shared`);
        return `  ${label.padEnd(26)} ${(memory / MiB).toFixed(0).padStart(5)} MiB ${rest.join(', ')}`;
      }),
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  }

  const describeTotals = () =>
    Object.entries(totals).map(([kind, numbers]) => {
      const list = Object.entries(numbers).map(([key, number]) => `${key} ${number.toLocaleString('en')}`);
      return `  ${{ counts: 'exchanges', errors: 'errors', restarts: 'pages' }[kind]}: ${list.join(', ') || 'none'}`;
    });

  return {
    faults,
    /** The app's processes at the last sample. */
    pids: () => pids,
    /** @param {string} line */
    addLine(line) {
      const { fault: text, sample } = JSON.parse(line);
      if (text) fault(text);
      if (sample) addSample(sample);
    },
    /** @param {string[]} kinds */
    judge(kinds) {
      const lasted = seconds();
      if (faults.length === 0) {
        const done = { ...totals.counts, ...totals.errors, ...totals.restarts };
        for (const kind of kinds) {
          if (!KINDS[kind].signs.some((sign) => done[sign] > 0)) fault(`${kind}: nothing was done`);
        }
      }
      const { grown, judged } = growth(held, lasted);
      for (const text of grown) fault(text);
      process.stdout.write(`${describeTotals().join('\n')}\n`);
      if (faults.length > 0) throw new Failure(`failed after ${lasted.toFixed(0)} s:\n  ${faults.join('\n  ')}`);
      const growing = judged > 0 ? `none of ${judged} quantities grew` : 'too short to tell what grows';
      process.stdout.write(
        `passed, ${lasted.toFixed(0)} s: no unexpected end, no wrong byte, nothing hung, ${growing}\n`,
      );
    },
  };
}

function parse() {
  const text = /** @type {const} */ ({ type: 'string' });
  const { values } = parseArgs({
    options: { minutes: text, only: text, heap: text, seed: text, plant: text, help: { type: 'boolean' } },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return undefined;
  }
  const minutes = Number(values.minutes ?? 10);
  const heap = Number(values.heap ?? 64);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
  const kinds = values.only?.split(',') ?? Object.keys(KINDS).filter(isHere);
  const plant = values.plant ?? '';
  if (!(minutes > 0) || !(heap >= 16) || !Number.isInteger(seed) || seed < 0)
    throw new Failure('--minutes takes a number above 0, --heap one from 16 on, --seed a whole one.');
  const unknown = kinds.filter((kind) => !Object.hasOwn(KINDS, kind));
  if (unknown.length > 0)
    throw new Failure(`there is no load called ${unknown.join(', ')}. There are: ${Object.keys(KINDS).join(', ')}.`);
  const elsewhere = kinds.filter((kind) => !isHere(kind));
  if (elsewhere.length > 0) throw new Failure(`there is ${elsewhere.join(', ')} on Linux only.`);
  if (plant !== '' && !PLANTS.includes(plant)) throw new Failure(`--plant takes ${PLANTS.join(', ')}.`);
  return { minutes, kinds, heap, seed, plant };
}
