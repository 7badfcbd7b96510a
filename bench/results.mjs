// The results of npm run bench: collects the measurements, prints them, and compares them with the limits.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { machine } from './measure.mjs';
import { ALL, FRAME, HAS_OWN, LIMITS, MiB, ROWS, SIZES } from './plan.mjs';
import { line, median, out, percentile } from './report.mjs';

/** If the two measurements of the control differ by more, the run is too noisy to compare. */
const NOISE = 0.1;

/**
 * A report of a renderer.
 * @typedef {object} Message
 * @property {Record<string, string>} [versions]
 * @property {{ id: string, bytes: number, ns?: number, error?: string }[]} [readings]
 */

/** For each row and size: the nanoseconds for a call in each round of each renderer, or the error. */
export class Readings {
  /** @type {Record<string, string>} */
  versions = {};
  /** @type {Map<string, number[]>} */
  #ns = new Map();
  /** @type {Map<string, string>} */
  #errors = new Map();

  /** @param {Message} message */
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

  /** The ratio in each round; the nanoseconds, if there is no other row. @param {import('./plan.mjs').Limit} limit */
  limited({ id, against, bytes, againstBytes = bytes }) {
    if (against === undefined) return this.ns(id, bytes);
    const others = this.ns(against, againstBytes);
    if (others.length === 0) return [];
    return this.ns(id, bytes).map((ns, round) => ns / others[round]);
  }
}

/** @param {Readings} readings */
export function json(readings) {
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
  const ratios = LIMITS.flatMap((limit) => {
    const values = readings.limited(limit);
    return values.length > 0 && limit.against !== undefined
      ? [{ id: limit.id, against: limit.against, bytes: limit.bytes, median: median(values) }]
      : [];
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

/** The versions of the peers. @returns {Record<string, string>} */
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
export function size(bytes) {
  if (bytes >= MiB && bytes % MiB === 0) return `${bytes / MiB} MiB`;
  if (bytes >= 1024 && bytes < MiB) return `${bytes / 1024} KiB`;
  return `${bytes.toLocaleString('en')} B`;
}

/** @param {Readings} readings */
export function print(readings) {
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
  if (!HAS_OWN) out('page/own-*: not measured, as libraries have processes of their own on Linux alone');
  out('\n0 B is the fixed cost of a call; GB/s is the slope from 64 B to 8,294,400 B.');
  const noise = noiseOf(readings);
  out(`noise: the control's two measurements differ by a factor of ${noise.toFixed(2)}`);
  if (Math.abs(noise - 1) > NOISE) out('This run is too noisy to compare.');
  out('');
  line('ratio inside each round, or time'.padEnd(64), 'median', 'p25', 'p75', '  limit');
}

/** @param {Readings} readings */
const noiseOf = (readings) =>
  median(readings.limited({ id: 'control/no-op-again', against: 'control/no-op', bytes: 0 }));

/**
 * A limit is missed if three rounds in four miss it by more than the difference between the two measurements of the
 * control, which is the noise of the run; or if one of its rows has failed.
 * @param {Readings} readings
 * @returns {number} the number of missed limits
 */
export function judge(readings) {
  const spread = 1 + Math.abs(noiseOf(readings) - 1);
  let missed = 0;
  for (const limit of LIMITS) {
    const values = readings.limited(limit);
    const { id, against, bytes, againstBytes, atMost, atLeast } = limit;
    const other = againstBytes === undefined ? against : size(againstBytes);
    const name = `${other === undefined ? id : `${id} / ${other}`}, ${size(bytes)}`;
    const shown = against === undefined ? duration : (/** @type {number} */ ratio) => ratio.toFixed(2);
    if (values.length === 0) {
      const error = readings.error(id, bytes) ?? readings.error(against ?? id, againstBytes ?? bytes);
      if (error !== undefined) missed += 1;
      line(name.padEnd(64), error === undefined ? 'not measured' : 'FAILED');
      continue;
    }
    const [p25, p50, p75] = [25, 50, 75].map((percent) => percentile(values, percent));
    const text =
      atMost === undefined ? `at least ${atLeast}` : `at most ${against === undefined ? duration(atMost) : atMost}`;
    const met = atMost === undefined ? p50 >= Number(atLeast) : p50 <= atMost;
    const clearly = atMost === undefined ? p75 * spread < Number(atLeast) : p25 > atMost * spread;
    if (clearly) missed += 1;
    const verdict = met ? '' : clearly ? '  MISSED' : '  missed, within the noise';
    line(name.padEnd(64), ...[p50, p25, p75].map(shown), `  ${text}${verdict}`);
  }
  return missed;
}
