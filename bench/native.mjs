// What the measurements call, built from bench/native.

import fs from 'node:fs';
import path from 'node:path';
import { Failure, run } from '../scripts/console.mjs';

const bench = import.meta.dirname;
export const abi = ['-I', path.join(path.dirname(bench), 'native-lib', 'include')];
const built = path.join(path.dirname(bench), 'target', 'bench');

/** Where a library or an addon stands when it is built. @param {string} name */
export const builtFile = (name) => path.join(built, name);

/**
 * @param {'cc' | 'c++'} compiler @param {string} source @param {string} output @param {string[]} flags
 * @returns {Promise<string>} the file
 */
export async function compile(compiler, source, output, flags) {
  fs.mkdirSync(built, { recursive: true });
  const file = builtFile(output);
  const args = [
    '-O2',
    '-shared',
    '-fPIC',
    '-Wall',
    '-Wextra',
    ...flags,
    '-o',
    file,
    path.join(bench, 'native', source),
  ];
  const { status, output: words } = await run(compiler, args);
  if (status !== 0) throw new Failure(`${compiler} ${args.join(' ')}\n${words}`);
  return file;
}
