// The system libraries that Electron needs on Linux, and the programs that the tests need. On Debian and its
// derivatives they are installed if this runs as root; otherwise the command to type is shown.

import fs from 'node:fs';
import path from 'node:path';
import { Failure, log, run } from './console.mjs';

const ELECTRON_PACKAGES = ['libgtk-3-0', 'libnss3', 'libgbm1', 'libasound2', 'libxss1', 'libatk-bridge2.0-0'];

/** @param {{ electron: import('./electron.mjs').Electron, forTests: boolean }} what */
export async function ensureSystem({ electron, forTests }) {
  if (process.platform !== 'linux') return;
  const wanted = await missing(electron, forTests);
  if (wanted.length === 0) return;
  const debian = fs.existsSync('/etc/debian_version');
  if (!debian) {
    throw new Failure(
      `this system lacks libraries that Electron needs. On Debian they are called ${wanted.join(' ')}; install what your system calls them.`,
    );
  }
  const packages = await Promise.all(wanted.map(currentName));
  await install(packages);
  const still = await missing(electron, forTests);
  if (still.length > 0)
    throw new Failure(`apt-get has installed ${packages.join(' ')}, and still missing are ${still.join(' ')}.`);
}

/**
 * Installs a program whose Debian package has the program's name.
 * @param {string} name @param {string} flag one with which it does nothing
 */
export async function ensureProgram(name, flag) {
  if (await runs(name, flag)) return;
  if (!fs.existsSync('/etc/debian_version')) throw new Failure(`this needs ${name}. Install it.`);
  await install([name]);
}

/** @param {string[]} packages */
async function install(packages) {
  if (process.getuid?.() !== 0) {
    throw new Failure(`system packages are missing. Type: sudo apt-get install -y ${packages.join(' ')}`);
  }
  log(`installing system packages: ${packages.join(' ')}.`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
    const { status, output } = await run('apt-get', args, { env: environment });
    if (status !== 0) throw new Failure(`apt-get ${args.join(' ')} failed:\n${output.trim()}`);
  }
}

/**
 * The Debian packages that are missing.
 * @param {import('./electron.mjs').Electron} electron @param {boolean} forTests
 */
async function missing({ folder }, forTests) {
  const { output } = await run('ldd', [path.join(folder, 'electron')]);
  const packages = output.includes('not found') ? [...ELECTRON_PACKAGES] : [];
  if (!hasDisplay() && !(await runs('Xvfb', '-help'))) packages.push('xvfb');
  // The tests compile the C header as C and as C++.
  if (forTests && !(await runs('c++', '--version'))) packages.push('g++');
  return packages;
}

/** @param {string} program @param {string} flag */
async function runs(program, flag) {
  return (await run(program, [flag])).status !== 127;
}

/**
 * Newer Debian and Ubuntu releases renamed some of these packages (64-bit time): libasound2 is libasound2t64 there.
 * @param {string} name
 */
async function currentName(name) {
  const renamed = await run('apt-cache', ['show', '--no-all-versions', `${name}t64`]);
  return renamed.status === 0 ? `${name}t64` : name;
}

/** Whether there is a display. */
export const hasDisplay = () =>
  process.platform !== 'linux' || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
