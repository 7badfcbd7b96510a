// Builds the libraries and addons that the benchmarks call, from bench/native.

import fs from 'node:fs';
import path from 'node:path';
import { Failure, log, npm, run } from '../scripts/lib/console.mjs';
import { libraryName, rust } from '../scripts/lib/native-build.mjs';

const bench = import.meta.dirname;
const root = path.dirname(bench);
const packages = path.join(bench, 'node_modules');
export const abi = ['-I', path.join(root, 'include')];
const built = path.join(root, 'target', 'bench');

/** The path of a library or an addon that has been built. @param {string} name */
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
  const { status, output: errors } = await run(compiler, args);
  if (status !== 0) throw new Failure(`${compiler} ${args.join(' ')}\n${errors}`);
  return file;
}

/** Installs the peers, which are not dependencies of the project itself. */
export async function install() {
  const lock = path.join(bench, 'package-lock.json');
  const installed = path.join(packages, '.package-lock.json');
  if (fs.existsSync(installed) && fs.statSync(installed).mtimeMs > fs.statSync(lock).mtimeMs) return;
  log('installing the peers.');
  const { status, output } = await npm(['ci', '--loglevel=error'], { cwd: bench });
  if (status !== 0) throw new Failure(`npm ci failed:\n${output.trim()}`);
}

/** Installs the peers, and builds the addons that use them. */
export async function buildPeers() {
  await install();
  const nodeApi = ['node-api-headers/include', 'node-addon-api'].flatMap((folder) => [
    '-I',
    path.join(packages, folder),
  ]);
  await compile('cc', 'raw.c', 'raw.node', nodeApi);
  await compile('c++', 'addon-api.cc', 'addon-api.node', ['-std=c++17', ...nodeApi]);
  const { triple } = await rust();
  const args = ['build', '--quiet', '--release', '--target', triple, '-p', 'bench-napi-rs'];
  const { status, output } = await run('cargo', args, { cwd: root });
  if (status !== 0) throw new Failure(`cargo ${args.join(' ')}\n${output}`);
  fs.copyFileSync(
    path.join(root, 'target', triple, 'release', libraryName('bench_napi_rs')),
    builtFile('napi-rs.node'),
  );
}
