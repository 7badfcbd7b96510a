// Finds the validator: what is behind `npx inplace-exchange validate`. It is in an npm package of its own, a development
// dependency, so that no app ships it.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { readNative } from './native-file.mjs';
import { errorAsJson } from './report.mjs';

const PROGRAM = 'inplace-exchange-validator';
const root = path.join(import.meta.dirname, '..', '..');
const { version } = createRequire(import.meta.url)('../../package.json');

export const HELP = `npx inplace-exchange validate LIBRARY [OPTIONS]

Checks a library against the contract in exchange.h before it ships. Linux only, so far. --help says more.
`;

/** The package that has it. */
const PACKAGE = `@inplace-exchange/validator-linux-${process.arch}-gnu`;

/** @returns {{ program: string, command: string } | { missing: string }} */
export function findValidator() {
  if (process.platform !== 'linux') return { missing: 'validate runs on Linux only, so far' };
  const checkout = path.join(root, 'validator', 'command', 'command.mjs');
  if (fs.existsSync(checkout)) return { program: path.join(root, PROGRAM), command: checkout };
  for (const from of [path.join(process.cwd(), 'package.json'), import.meta.filename]) {
    try {
      const manifest = createRequire(from).resolve(`${PACKAGE}/package.json`);
      const found = JSON.parse(fs.readFileSync(manifest, 'utf8')).version;
      if (found !== version) return { missing: `${PACKAGE} has version ${found}, and inplace-exchange ${version}` };
      const folder = path.dirname(manifest);
      return { program: path.join(folder, PROGRAM), command: path.join(folder, 'command', 'command.mjs') };
    } catch {} // not there
  }
  return { missing: `no app ships the validator; to have it here, type: npm install --save-dev ${PACKAGE}` };
}

/** The functions that a library exports. @param {string} library */
const exportsOf = (library) => readNative(fs.readFileSync(library))?.exports ?? [];

/** The libraries that it is linked to. @param {string} library */
const neededBy = (library) => readNative(fs.readFileSync(library))?.needed ?? [];

/** @param {string[]} args without the name of the command @returns {Promise<number>} the exit status */
export async function validate(args) {
  const found = findValidator();
  if ('missing' in found) {
    process.stderr.write(`inplace-exchange: ${found.missing}\n`);
    if (args.includes('--json')) process.stdout.write(errorAsJson(found.missing));
    return 2;
  }
  const { main } = await import(pathToFileURL(found.command).href);
  return main(args, { program: found.program, version, exportsOf, neededBy });
}
