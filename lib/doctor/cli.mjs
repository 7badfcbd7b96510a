#!/usr/bin/env node
// npx inplace-exchange: `doctor` says what a person would ask for help with, in a report; `new` is in lib/new, and
// `validate` calls the validator.

import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { main as create, HELP as NEW_HELP } from '../new/command.mjs';
import { examineInstalled } from './installed.mjs';
import { examineLibrary } from './library.mjs';
import { examinePackaged } from './packaged.mjs';
import { packagedAppsIn } from './packaged-app.mjs';
import { asJson, asText, errorAsJson, isOk } from './report.mjs';
import { HELP as VALIDATE_HELP, validate } from './validator.mjs';

const HELP = `npx inplace-exchange doctor [TARGET] [--json]

Says of each part whether it is in order, and what to do if it is not.

TARGET   a packaged app: its folder, its executable, its .app, or its app.asar; nothing of it is run
         or a library, which is not loaded
         without it, the package that is installed here is tried

Exit status: 0 without a problem, 1 with one, 2 if nothing was examined; --json then prints why as "error".
`;

/** @param {string} target @returns {import('./report.mjs').Report | string} or why there is none */
function examineTarget(target) {
  if (!fs.existsSync(target)) return `there is no ${target}`;
  const report = examinePackaged(target) ?? examineLibrary(target);
  if (report) return report;
  const [app] = packagedAppsIn(target);
  const advice = app
    ? `There is one in it: ${path.join(target, app)}`
    : 'Name the folder that the packaging tool has made, such as dist/linux-unpacked; unpack an installer, a disk image or an AppImage first.';
  return `${target} is neither a packaged app nor a library. ${advice}`;
}

/** @param {string | undefined} target */
function examineAny(target) {
  if (target === undefined) return examineInstalled(process.cwd());
  if (target === '') return 'the name of the target is empty';
  try {
    return examineTarget(path.resolve(target));
  } catch (error) {
    const { code, path: file, message, stack } = /** @type {NodeJS.ErrnoException} */ (error);
    return file ? `${file} cannot be read: ${code}` : `${message}, which was not expected. Please report it.\n${stack}`;
  }
}

/** Prints why there is no report. @param {string} message @param {boolean} json @param {string} [usage] */
function refuse(message, json, usage = '') {
  process.stderr.write(`inplace-exchange: ${message}\n${usage}`);
  if (json) process.stdout.write(errorAsJson(message));
  process.exitCode = 2;
}

/** @param {string[]} args */
function main(args) {
  const json = args.includes('--json');
  let parsed;
  try {
    const options = /** @type {const} */ ({ json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } });
    parsed = parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    refuse(/** @type {Error} */ (error).message, json, `\n${HELP}`);
    return;
  }
  const [command, target, ...more] = parsed.positionals;
  if (parsed.values.help) {
    process.stdout.write(command === 'doctor' ? HELP : `${HELP}\n${NEW_HELP}\n${VALIDATE_HELP}`);
    return;
  }
  if (command !== 'doctor' || more.length > 0) {
    refuse('type: npx inplace-exchange doctor, new or validate', json, `\n${HELP}\n${NEW_HELP}\n${VALIDATE_HELP}`);
    return;
  }
  const report = examineAny(target);
  if (typeof report === 'string') {
    refuse(report, json);
    return;
  }
  process.stdout.write(json ? asJson(report) : asText(report));
  process.exitCode = isOk(report) ? 0 : 1;
}

// A reader such as `head` has left.
process.stdout.on('error', () => {});

const args = process.argv.slice(2);
if (args[0] === 'new' && !args.includes('--help') && !args.includes('-h')) process.exitCode = create(args.slice(1));
else if (args[0] === 'validate') process.exitCode = await validate(args.slice(1));
else main(args);
