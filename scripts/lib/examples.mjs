// Builds the libraries of examples/, for the tests and the benchmark.

import path from 'node:path';
import { Failure, run } from './console.mjs';
import { libraryName } from './native-build.mjs';

const root = path.join(import.meta.dirname, '..', '..');
const target = path.join(root, 'target', 'examples');

const ENVIRONMENT = { ...process.env, CARGO_TARGET_DIR: target };

/** For all commands that build: what is built by one is there for the next. */
export const BUILT = ['--quiet', '--locked', '--release', '--workspace'];

/** The folder of what is built. */
export const EXAMPLES = path.join(target, 'release');

/** @param {string} name of its folder */
export const exampleLibrary = (name) => path.join(EXAMPLES, libraryName(`example_${name}`));

/**
 * Runs cargo in their own workspace.
 * @param {string} command @param {string[]} args
 */
export async function cargoExamples(command, ...args) {
  const folder = path.join(root, 'examples');
  const { status, output } = await run('cargo', [command, ...args], { cwd: folder, env: ENVIRONMENT });
  if (status !== 0) throw new Failure(`cargo ${command} ${args.join(' ')}\n${output}`);
}

/** Builds the libraries, and the program that makes pictures. */
export const buildExamples = () => cargoExamples('build', ...BUILT, '--lib', '--examples');
