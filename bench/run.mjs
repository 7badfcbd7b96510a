// npm run bench: every way into a renderer, side by side.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { command, Failure, log, progress } from '../scripts/lib/console.mjs';
import { openDisplay } from '../scripts/lib/display.mjs';
import { installedElectron, useElectron } from '../scripts/lib/electron.mjs';
import { chart } from './chart.mjs';
import { machine, measureIn } from './measure.mjs';
import { abi, buildPeers, builtFile, compile } from './native.mjs';
import { line, median, out, percentile } from './report.mjs';

const USAGE = `npm run bench                      every row at every size, under ten minutes
npm run bench -- --quick           fewer and shorter batches, under one minute
               --json FILE         the figures
               --svg FILE          a chart of them
               --check             ends with an error when a ratio misses its bar`;

const MiB = 1024 * 1024;
const FRAME = 8_294_400; // 1920 x 1080 RGBA
const LARGE = 100 * MiB;
const NOISE = 0.1;

/** Where code and data come to lie differs from process to process: several are asked. */
const FULL = { renderers: 3, rounds: 5, batchMs: 20 };
const QUICK = { renderers: 3, rounds: 3, batchMs: 8 };

/** @type {Record<string, string[]>} group to its rows, in the order in which they are shown */
const ROWS = {
  limit: ['limit/native-fill'],
  'in-place': ['in-place/default', 'in-place/opened', 'in-place/async', 'in-place/fresh'],
  page: [
    'page/exchange-main',
    'page/exchange-worker',
    'page/allocated',
    'page/allocated-lend',
    'page/shared',
    'page/frames',
  ],
  rejected: ['copy/buffer', 'copy/napi-vec', 'external'],
  peer: ['peer/raw-c', 'peer/node-addon-api', 'peer/koffi', 'peer/ffi-rs', 'peer/napi-buffer', 'peer/napi-slice'],
  electron: ['electron/context-bridge', 'electron/invoke', 'electron/utility-port'],
  control: ['control/no-op', 'control/no-op-again'],
};
const ALL = Object.values(ROWS).flat();
const SIZES = [0, 64, 1024, 64 * 1024, MiB, FRAME, LARGE];

/** @typedef {{ id: string, against: string, bytes: number, againstBytes?: number, atMost?: number, atLeast?: number }} Bar */

/** @type {Bar[]} what it must show */
const BARS = [
  { id: 'in-place/default', against: 'peer/raw-c', bytes: 64, atMost: 1.05 },
  { id: 'in-place/opened', against: 'peer/raw-c', bytes: 64, atMost: 1.05 },
  { id: 'in-place/default', against: 'limit/native-fill', bytes: FRAME, atMost: 1.08 },
  { id: 'in-place/default', against: 'limit/native-fill', bytes: LARGE, atMost: 1.08 },
  { id: 'copy/buffer', against: 'in-place/default', bytes: FRAME, atLeast: 15 },
  { id: 'electron/context-bridge', against: 'page/exchange-main', bytes: FRAME, atLeast: 50 },
  { id: 'electron/invoke', against: 'page/exchange-main', bytes: FRAME, atLeast: 150 },
  { id: 'page/allocated-lend', against: 'page/allocated-lend', bytes: LARGE, againstBytes: 64, atMost: 1.2 },
];

/** @param {boolean} quick the rows of each size */
function sizesOf(quick) {
  const barred = BARS.flatMap(({ id, against }) => [id, against]);
  return SIZES.map((bytes) => ({
    bytes,
    ids: ALL.filter((id) => {
      if (id === 'page/allocated-lend') return bytes === 64 || bytes === LARGE;
      if (id.startsWith('control/')) return bytes === 0;
      if (id === 'external') return bytes === 64;
      return !quick || bytes !== LARGE || (barred.includes(id) && !id.startsWith('electron/') && id !== 'copy/buffer');
    }),
  }));
}

/**
 * What a renderer has told.
 * @typedef {object} Told
 * @property {Record<string, string>} [versions]
 * @property {{ id: string, bytes: number, ns?: number, error?: string }[]} [readings]
 */

/** Every reading of every row and size: nanoseconds for a call, in each round of each renderer; or why there is none. */
class Readings {
  /** @type {Record<string, string>} */
  versions = {};
  /** @type {Map<string, number[]>} */
  #ns = new Map();
  /** @type {Map<string, string>} */
  #errors = new Map();

  /** @param {Told} told */
  add({ versions = this.versions, readings = [] }) {
    this.versions = versions;
    for (const { id, bytes, ns, error } of readings) {
      const key = `${id} ${bytes}`;
      if (error !== undefined) this.#errors.set(key, error);
      if (ns !== undefined) this.#ns.set(key, [...this.ns(id, bytes), ns]);
    }
  }

  /** @param {string} id @param {number} bytes */
  ns(id, bytes) {
    return this.#ns.get(`${id} ${bytes}`) ?? [];
  }

  /** @param {string} id @param {number} bytes */
  error(id, bytes) {
    return this.#errors.get(`${id} ${bytes}`);
  }

  /** The ratios inside the rounds. @param {Bar} bar */
  ratios({ id, against, bytes, againstBytes = bytes }) {
    const others = this.ns(against, againstBytes);
    return this.ns(id, bytes).map((ns, round) => ns / others[round]);
  }
}

/** @param {Readings} readings */
function json(readings) {
  const rows = Object.entries(ROWS).flatMap(([group, ids]) =>
    ids.flatMap((id) =>
      SIZES.flatMap((bytes) => {
        const ns = readings.ns(id, bytes);
        const error = readings.error(id, bytes);
        if (ns.length === 0 && error === undefined) return [];
        const at = (/** @type {number} */ percent) => (ns.length > 0 ? percentile(ns, percent) : null);
        return [{ id, group, bytes, medianNs: at(50), p10Ns: at(10), p90Ns: at(90), rounds: ns.length, error }];
      }),
    ),
  );
  const ratios = BARS.flatMap((bar) => {
    const values = readings.ratios(bar);
    return values.length > 0 ? [{ id: bar.id, against: bar.against, bytes: bar.bytes, median: median(values) }] : [];
  });
  const { electron, chrome, node, napi } = readings.versions;
  const environment = {
    date: new Date().toISOString().slice(0, 10),
    electron,
    chromium: chrome,
    node,
    nodeApi: napi,
    system: `${os.type()} ${os.arch()}`,
    cpu: os.cpus()[0].model.trim(),
    cores: os.cpus().length,
    peers: peers(),
  };
  return { environment, rows, ratios };
}

/** The versions of what is measured against. @returns {Record<string, string>} */
function peers() {
  const { dependencies } = JSON.parse(fs.readFileSync(path.join(import.meta.dirname, 'package.json'), 'utf8'));
  const lock = fs.readFileSync(path.join(path.dirname(import.meta.dirname), 'Cargo.lock'), 'utf8');
  const napi = /name = "napi"\nversion = "([^"]+)"/.exec(lock)?.[1] ?? '';
  const names = ['ffi-rs', 'koffi', 'node-addon-api'];
  return { ...Object.fromEntries(names.map((name) => [name, dependencies[name]])), 'napi-rs': napi };
}

/** @param {number} ns */
function duration(ns) {
  const [value, unit] = ns < 1e3 ? [ns, 'ns'] : ns < 1e6 ? [ns / 1e3, 'us'] : [ns / 1e6, 'ms'];
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${unit}`;
}

/** @param {number} bytes */
function size(bytes) {
  if (bytes >= MiB && bytes % MiB === 0) return `${bytes / MiB} MiB`;
  if (bytes >= 1024 && bytes < MiB) return `${bytes / 1024} KiB`;
  return `${bytes.toLocaleString('en')} B`;
}

/** @param {Readings} readings */
function print(readings) {
  out(machine(readings.versions));
  out(
    Object.entries(peers())
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
  );
  out('');
  line('median for a call', ...SIZES.map(size), 'GB/s');
  for (const id of ALL) {
    const cells = SIZES.map((bytes) => {
      const ns = readings.ns(id, bytes);
      return ns.length > 0 ? duration(median(ns)) : '';
    });
    const [small, large] = [64, FRAME].map((bytes) => median(readings.ns(id, bytes)));
    const slope = large > small ? (FRAME - 64) / (large - small) : Number.NaN;
    line(id, ...cells, Number.isNaN(slope) ? '' : slope.toFixed(1));
    for (const bytes of SIZES) {
      const error = readings.error(id, bytes);
      if (error !== undefined) out(`  ${size(bytes)}: ${error}`);
    }
  }
  out('\n0 B is the fixed cost of a call; GB/s is the slope from 64 B to 8,294,400 B.');
  const noise = noiseOf(readings);
  out(`noise: the control's two readings differ by a factor of ${noise.toFixed(2)}`);
  if (Math.abs(noise - 1) > NOISE) out('This run is too noisy to compare.');
  out('');
  line('ratio, inside each round'.padEnd(64), 'median', 'p25', 'p75', '  bar');
}

/** @param {Readings} readings */
const noiseOf = (readings) =>
  median(readings.ratios({ id: 'control/no-op-again', against: 'control/no-op', bytes: 0 }));

/**
 * Missed is a bar that three rounds in four miss by more than the control's two readings differ: the noise of the run.
 * @param {Readings} readings
 * @returns {number} how many are missed
 */
function judge(readings) {
  const spread = 1 + Math.abs(noiseOf(readings) - 1);
  let missed = 0;
  for (const bar of BARS) {
    const ratios = readings.ratios(bar);
    const { id, against, bytes, againstBytes, atMost, atLeast } = bar;
    const name = `${id} / ${againstBytes === undefined ? against : size(againstBytes)}, ${size(bytes)}`;
    if (ratios.length === 0) {
      line(name.padEnd(64), 'not measured');
      continue;
    }
    const [p25, p50, p75] = [25, 50, 75].map((percent) => percentile(ratios, percent));
    const text = atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`;
    const met = atMost === undefined ? p50 >= Number(atLeast) : p50 <= atMost;
    const clearly = atMost === undefined ? p75 * spread < Number(atLeast) : p25 > atMost * spread;
    if (clearly) missed += 1;
    const verdict = met ? '' : clearly ? '  MISSED' : '  missed, within the noise';
    line(name.padEnd(64), ...[p50, p25, p75].map((value) => value.toFixed(2)), `  ${text}${verdict}`);
  }
  return missed;
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        svg: { type: 'string' },
        check: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    throw new Failure(`${/** @type {Error} */ (error).message}. Usage:\n${USAGE}`);
  }
}

/** Where npm was called, not where it runs this. @param {string} file */
const fromThere = (file) => path.resolve(process.env.INIT_CWD ?? '.', file);

await command(async () => {
  const { quick, json: jsonFile, svg: svgFile, check, help } = options();
  if (help) {
    out(USAGE);
    return;
  }
  const electron = installedElectron();
  if (!electron) throw new Failure('there is no Electron yet. Type: npm start');
  useElectron(electron);
  await buildPeers();
  const library = await compile('cc', 'fill.c', 'fill.so', abi);
  const zero = await compile('cc', 'fill.c', 'fill-zero.so', [...abi, '-DZERO']);
  const display = await openDisplay();
  const { renderers, ...plan } = quick ? QUICK : FULL;
  const sizes = sizesOf(quick);
  const readings = new Readings();
  const expected = renderers * plan.rounds * sizes.reduce((sum, { ids }) => sum + ids.length, 0);
  let seen = 0;
  let now = '';
  const done = progress('measuring:', () => `${Math.floor((seen / expected) * 100)} % ${now}`);
  try {
    for (let renderer = 0; renderer < renderers; renderer += 1) {
      const environment = {
        ...display.environment,
        INPLACE_EXCHANGE_LIBRARY: library, // the default library is the one that every row calls
        BENCH_LIBRARY: library,
        BENCH_ZERO_LIBRARY: zero,
        BENCH_NATIVE: builtFile(''),
        BENCH_PLAN: JSON.stringify({ ...plan, sizes }),
      };
      await measureIn(electron, 'rows', environment, (text) => {
        const told = JSON.parse(text);
        readings.add(told);
        seen += told.readings?.length ?? 0;
        now = told.readings ? size(told.readings[0].bytes) : '';
      });
    }
  } finally {
    done();
    await display.close();
  }
  print(readings);
  const missed = judge(readings);
  const report = json(readings);
  if (jsonFile) {
    fs.writeFileSync(fromThere(jsonFile), `${JSON.stringify(report, null, 2)}\n`);
    log(`wrote ${jsonFile}`);
  }
  if (svgFile) {
    fs.writeFileSync(fromThere(svgFile), await chart(report));
    log(`wrote ${svgFile}`);
  }
  if (check && missed > 0)
    throw new Failure(`${missed} of ${BARS.length} ratios miss their bar by more than the noise.`);
});
