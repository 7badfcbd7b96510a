#!/usr/bin/env node
// npx inplace-exchange doctor: what a person would ask for help with, in a report.

import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { examineInstalled } from './installed.mjs';
import { examineLibrary } from './library.mjs';
import { examinePackaged } from './packaged.mjs';
import { asJson, asText, isOk } from './report.mjs';

const HELP = `npx inplace-exchange doctor [TARGET] [--json]

Says of each part whether it is in order, and what to do if it is not.

TARGET   a packaged app: its folder, its executable, its .app, or its app.asar; nothing of it is run
         or a library, which is not loaded
         without it, the package that is installed here is tried

Exit status: 0 without a problem, 1 with one, 2 if the command was not understood.
`;

/** @param {string} message */
function refuse(message) {
  process.stderr.write(`inplace-exchange: ${message}\n`);
  process.exitCode = 2;
}

/** @param {string} target @returns {import('./report.mjs').Report | string} or why there is none */
function examineTarget(target) {
  if (!fs.existsSync(target)) return `there is no ${target}`;
  const report = examinePackaged(target) ?? examineLibrary(target);
  return (
    report ??
    `${target} is neither a packaged app nor a library. Name the folder that the packaging tool has made, such as dist/linux-unpacked; unpack an installer, a disk image or an AppImage first.`
  );
}

/** @param {string[]} args */
function main(args) {
  let parsed;
  try {
    const options = /** @type {const} */ ({ json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } });
    parsed = parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    refuse(`${/** @type {Error} */ (error).message}\n\n${HELP}`);
    return;
  }
  const [command, target, ...more] = parsed.positionals;
  if (parsed.values.help) {
    process.stdout.write(HELP);
    return;
  }
  if (command !== 'doctor' || more.length > 0) {
    refuse(`type: npx inplace-exchange doctor\n\n${HELP}`);
    return;
  }
  const report = target ? examineTarget(path.resolve(target)) : examineInstalled(process.cwd());
  if (typeof report === 'string') {
    refuse(report);
    return;
  }
  process.stdout.write(parsed.values.json ? asJson(report) : asText(report));
  process.exitCode = isOk(report) ? 0 : 1;
}

main(process.argv.slice(2));
