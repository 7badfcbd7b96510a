// Makes the checks of a library, one after another.

import { FUNCTIONS, ruleOf } from './contract.mjs';
import { runCheck } from './process.mjs';
import { addSanitized, environmentFor, explainUnlinked, runtimeOf } from './sanitizer.mjs';

/** In the order in which they are made. */
export const CHECKS = [
  'symbols',
  'empty',
  'alignment',
  'guards',
  'earlier',
  'returns',
  'too-small',
  'repeat',
  'random',
  'threads',
  'shared',
  'open-close',
  'cancel',
  'endurance',
  'speed',
];

/** The end of a check that does not end by itself. Most take up to 3 s, `endurance` 10 s. */
const LIMIT_MS = 30_000;
/** Once one had to be ended. */
const IMPATIENT_LIMIT_MS = 12_000;
const QUICK = { limitMs: 10_000, args: ['--budget', '400', '--calls', '4000', '--patience', '40'] };

/** @import { Outcome, Severity } from './process.mjs' */
/** @typedef {'ok' | 'problem' | 'warning' | 'skipped'} Status */
/** @typedef {{ name: string, status: Status, seconds: number, summary: string }} Check */
/**
 * @typedef {object} Finding
 * @property {string} id
 * @property {string} check
 * @property {Severity} status
 * @property {string} message
 * @property {{ section: string, text: string } | null} contract what it breaks
 * @property {string} next what to do
 */
/** @typedef {{ checks: Check[], findings: Finding[], speed: Outcome['speed'] }} Result */

/**
 * @typedef {object} Host the package that this belongs to
 * @property {string} program that makes the calls
 * @property {string} version
 * @property {(library: string) => string[]} exportsOf the names that a library exports
 * @property {(library: string) => string[]} neededBy the libraries that it is linked to
 */

/**
 * @param {Pick<Host, 'program' | 'exportsOf' | 'neededBy'>} host @param {string} library its path
 * @param {{ checks: string[], seed: number, quick: boolean, input?: string }} options
 * @param {{ begin: (name: string) => void, end: (check: Check) => void }} listener
 * @returns {Promise<Result>}
 */
export async function validate({ program, exportsOf, neededBy }, library, { checks, seed, quick, input }, listener) {
  /** @type {Result} */
  const result = { checks: [], findings: [], speed: [] };
  const args = ['--seed', String(seed), ...(quick ? QUICK.args : []), ...(input ? ['--input', input] : [])];
  let limitMs = quick ? QUICK.limitMs : LIMIT_MS;
  const runtime = runtimeOf(neededBy(library));
  let refused = false;
  for (const name of checks) {
    listener.begin(name);
    const started = performance.now();
    /** @type {Outcome} */
    const outcome = refused
      ? { observations: [], summary: '', skipped: 'it cannot be loaded', speed: [], output: '' }
      : await runCheck(program, [name, library, ...args], limitMs, runtime ? environmentFor(runtime, name) : undefined);
    if (runtime && !refused) addSanitized(outcome, runtime, name, program);
    explainUnlinked(outcome);
    if (name === 'symbols') outcome.observations.push(...unknownExports(exportsOf(library)));
    const findings = outcome.observations.map((each) => asFinding(name, each));
    const check = {
      name,
      status: statusOf(findings, outcome),
      seconds: Math.round(performance.now() - started) / 1000,
      summary: findings.find(({ status }) => status !== 'note')?.message ?? outcome.skipped ?? outcome.summary,
    };
    result.checks.push(check);
    result.findings.push(...findings);
    result.speed.push(...outcome.speed);
    listener.end(check);
    refused ||= findings.some(({ id }) => id.startsWith('load'));
    if (findings.some(({ id }) => id === 'hang')) limitMs = Math.min(limitMs, IMPATIENT_LIMIT_MS);
  }
  return { ...result, findings: merged(result.findings) };
}

/** @param {string} check @param {Outcome['observations'][number]} observation @returns {Finding} */
function asFinding(check, { id, status, message }) {
  const { section, text, next } = ruleOf(check, id);
  return { id, check, status, message, contract: section && text ? { section, text } : null, next };
}

/** @param {Finding[]} findings @param {Outcome} outcome @returns {Status} */
function statusOf(findings, { skipped }) {
  for (const status of /** @type {const} */ (['problem', 'warning']))
    if (findings.some((each) => each.status === status)) return status;
  return skipped ? 'skipped' : 'ok';
}

/** The checks that are there for what shows in others, too. @type {Record<string, string>} */
const LOOKED_FOR_BY = { outside: 'guards', 'late-access': 'earlier', 'empty-access': 'empty', alignment: 'alignment' };

/** The same mistake shows in several checks: problems first, each once. @param {Finding[]} findings */
function merged(findings) {
  const order = ['problem', 'warning', 'note'];
  const ids = [...new Set(findings.map(({ id }) => id))];
  const best = ids.map((id) => {
    const same = findings.filter((each) => each.id === id);
    return same.find(({ check }) => check === LOOKED_FOR_BY[id]) ?? same[0];
  });
  return best.sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status));
}

/** A mistyped name of an optional function is no error for the host, which does without it. @param {string[]} names @returns {Outcome['observations']} */
function unknownExports(names) {
  return names
    .filter((name) => /^exchange_/i.test(name) && !FUNCTIONS.includes(name))
    .slice(0, 1)
    .map((name) => ({ id: 'unknown-export', status: 'warning', message: `it exports ${name}` }));
}
