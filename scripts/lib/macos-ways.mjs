// The program and the addon with what they have for macOS, built for Linux: memory by shm_open, sockets in place of futexes.

import fs from 'node:fs';
import path from 'node:path';
import { Failure, run } from './console.mjs';
import { libraryName, programName } from './native-build.mjs';

const root = path.join(import.meta.dirname, '..', '..');
const BUILT = path.join(root, 'target', 'debug');
const FOLDER = path.join(root, 'target', 'macos-ways');

/**
 * Builds them, and runs the tests of the crate, whose fixtures are in the folder of those of `npm test`.
 * @returns {Promise<{ addon: string, tests: { status: number, output: string, passed: number, failed: number, skipped: number } }>}
 */
export async function buildAsOnMacOS() {
  const args = ['test', '--package', 'library-process', '--features', 'portable', '--no-fail-fast'];
  const { status, output } = await run('cargo', args, { cwd: root });
  const counts = [...output.matchAll(/^test result: .* (\d+) passed; (\d+) failed/gm)];
  const sum = (/** @type {number} */ group) => counts.reduce((total, match) => total + Number(match[group]), 0);

  const packages = ['inplace-exchange', 'library-process', 'native-lib'].flatMap((name) => ['--package', name]);
  const features = ['--features', 'inplace-exchange/portable,library-process/portable'];
  const built = await run('cargo', ['build', '--quiet', ...packages, ...features], { cwd: root });
  if (built.status !== 0) throw new Failure(`it does not compile:\n${built.output}`);
  fs.mkdirSync(FOLDER, { recursive: true });
  const addon = path.join(FOLDER, 'inplace-exchange.node');
  fs.copyFileSync(path.join(BUILT, libraryName('inplace_exchange')), addon);
  for (const name of [programName(), libraryName('native_lib')])
    fs.copyFileSync(path.join(BUILT, name), path.join(FOLDER, name));
  return { addon, tests: { status, output, passed: sum(1), failed: sum(2), skipped: 0 } };
}
