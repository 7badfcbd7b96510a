// The report: for a person, what was found, where the contract says so and what to do; for a program, JSON with stable keys.

import os from 'node:os';

/** @import { Check, Result } from './validate.mjs' */

/** Changes when a program that reads the JSON could misunderstand it. */
const FORMAT = 1;

/** @typedef {{ library: string, version: string, seed: number, quick: boolean, input: string | null }} Subject */

/** @param {Result} result */
export const isOk = ({ findings }) => findings.every(({ status }) => status !== 'problem');

/** The line of a check. @param {Check} check */
export const asLine = ({ name, status, seconds, summary }) =>
  `${status.padEnd(8)} ${name.padEnd(11)}${seconds.toFixed(1).padStart(5)} s  ${summary}\n`;

/** @param {Subject} subject @param {Result} result */
export function asJson(subject, { checks, findings, speed }) {
  const system = { platform: process.platform, arch: process.arch, cpus: os.cpus().length };
  const ok = isOk({ checks, findings, speed });
  return `${JSON.stringify({ format: FORMAT, ok, ...subject, system, checks, findings, speed }, null, 2)}\n`;
}

/** Where there is no report. @param {string} error */
export const errorAsJson = (error) => `${JSON.stringify({ format: FORMAT, ok: false, error }, null, 2)}\n`;

/** What follows the lines of the checks. @param {Subject} subject @param {Result} result */
export function asText({ seed, quick }, { checks, findings, speed }) {
  const found = findings.flatMap(({ status, id, check, message, contract, next }) => [
    '',
    `${status.padEnd(8)} ${id} (${check}): ${message}`,
    ...(contract ? [`         exchange.h, ${contract.section}: “${contract.text}”`] : []),
    `         -> ${next}`,
  ]);
  const measured = speed.map(({ case: what, bytes, nanoseconds, memset }) => {
    const rate = bytes > 0 ? `, ${(bytes / nanoseconds).toPrecision(2)} GB/s` : '';
    return `         ${time(nanoseconds)}${rate}: ${what}, a message of ${bytes}; memset ${time(memset)}`;
  });
  const count = (/** @type {string} */ status, /** @type {string} */ word) => {
    const number = findings.filter((each) => each.status === status).length;
    return `${number === 0 ? 'no' : number} ${word}${number === 1 ? '' : 's'}`;
  };
  const seconds = checks.reduce((sum, check) => sum + check.seconds, 0).toFixed(1);
  const skipped = checks.filter(({ status }) => status === 'skipped').length;
  const made = `${checks.length - skipped} of ${checks.length} checks made in ${seconds} s, ${quick ? 'quick, ' : ''}seed ${seed}`;
  return `${[...measured, ...found, '', `${count('problem', 'problem')}, ${count('warning', 'warning')}; ${made}`].join('\n')}\n`;
}

/** @param {number} nanoseconds */
function time(nanoseconds) {
  const units = /** @type {const} */ ([
    [1e6, 'ms'],
    [1e3, 'µs'],
  ]);
  const [size, unit] = units.find(([each]) => nanoseconds >= each) ?? [1, 'ns'];
  return `${(nanoseconds / size).toPrecision(3)} ${unit}`;
}
