// npx inplace-exchange validate: checks a library against the contract in exchange.h before it ships.

import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { asJson, asLine, asText, errorAsJson, isOk } from './report.mjs';
import { CHECKS, validate } from './validate.mjs';

const HELP = `npx inplace-exchange validate LIBRARY [OPTIONS]

Calls a library as an app would, and as its worst callers would: checks that it keeps the contract in exchange.h. Each
check has a process of its own, so that a crash, an exit or a hang is a finding. Linux only, so far.

LIBRARY          its file; its code is run
--input FILE     a real request, for a library that refuses generated ones
--only PATTERN   the checks whose name matches the regular expression:
                 ${CHECKS.slice(0, 8).join(' ')}
                 ${CHECKS.slice(8).join(' ')}
--seed N         repeats the random inputs of an earlier run, which has printed it
--quick          fewer calls
--json           the report as JSON

Exit status: 0 without a problem, 1 with one, 2 if nothing was checked; --json then prints why as "error".
`;

const OPTIONS = /** @type {const} */ ({
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  quick: { type: 'boolean' },
  only: { type: 'string' },
  input: { type: 'string' },
  seed: { type: 'string' },
});

/** What the user has asked for, in a way that cannot be met. */
class Refusal extends Error {}

/** @import { Host } from './validate.mjs' */

/** @param {string[]} args without the name of the command @param {Host} host @returns {Promise<number>} the exit status */
export async function main(args, host) {
  const json = args.includes('--json');
  try {
    return await run(args, json, host);
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    const isUsage = String(/** @type {NodeJS.ErrnoException} */ (error).code).startsWith('ERR_PARSE_ARGS_');
    process.stderr.write(`inplace-exchange: ${message}\n${isUsage ? `\n${HELP}` : ''}`);
    if (json) process.stdout.write(errorAsJson(message));
    return 2;
  }
}

/** @param {string[]} args @param {boolean} json @param {Host} host */
async function run(args, json, host) {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [library, ...more] = positionals;
  if (!library || more.length > 0) throw new Refusal('type: npx inplace-exchange validate LIBRARY');
  const options = {
    checks: chosen(values.only),
    seed: seedOf(values.seed),
    quick: values.quick ?? false,
    input: values.input === undefined ? undefined : readable(values.input),
  };
  const file = readable(library);
  const subject = {
    library: file,
    version: host.version,
    seed: options.seed,
    quick: options.quick,
    input: options.input ?? null,
  };
  const isLive = !json && process.stdout.isTTY === true;
  const result = await validate(host, file, options, {
    begin: (name) => isLive && process.stdout.write(`         ${name} ...`),
    end: (check) => json || process.stdout.write(`${isLive ? '\r\x1b[2K' : ''}${asLine(check)}`),
  });
  process.stdout.write(json ? asJson(subject, result) : asText(subject, result));
  return isOk(result) ? 0 : 1;
}

/** @param {string | undefined} pattern */
function chosen(pattern) {
  let expression;
  try {
    expression = new RegExp(pattern ?? '');
  } catch {
    throw new Refusal(`${pattern} is no regular expression`);
  }
  const checks = CHECKS.filter((name) => expression.test(name));
  if (checks.length === 0) throw new Refusal(`no check matches ${pattern}. There are: ${CHECKS.join(' ')}`);
  return checks;
}

/** @param {string | undefined} text */
function seedOf(text) {
  const seed = text === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(text);
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) throw new Refusal('a seed is a number below 2^32');
  return seed;
}

/** @param {string} name @returns {string} its path */
function readable(name) {
  const file = path.resolve(name);
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (!stat?.isFile()) throw new Refusal(`there is no file ${file}`);
  return file;
}
