// What compiles native code for a system: this machine's own compilers, or zig, which compiles for other systems too, and
// for versions of Linux that are older than this one.

import fs from 'node:fs';
import path from 'node:path';
import { parseTriple } from '@napi-rs/cli';
import { Failure, run } from './console.mjs';
import { rust } from './native-build.mjs';
import { fetchFromPyPI } from './pypi.mjs';
import { standardLibrary } from './rust-std.mjs';

const root = path.join(import.meta.dirname, '..', '..');

/** The oldest glibc that Rust supports. */
export const LINKED_GLIBC = '2.17';

/** For x64 and for arm64. */
const TOOLS = [
  `cargo-zigbuild==0.24.1
    --hash=sha256:238a1ab54a95053a4eadc34775c81f795a8ad75f80bfed63f3f445f518102375
    --hash=sha256:07c5e3dcddf208500462ec927c556bb306cca2b533b0abe29446bffb63767b85`,
  `ziglang==0.15.2
    --hash=sha256:806316453d1ede7174ed3fefb8e5348154629089c3bb5fe812dfd0e172fac130
    --hash=sha256:edc0aa60ec964a4cf462d40f68d7de242ddf37fd9a80f2afaee6397059463230`,
].map((lines) => lines.replace(/\s+/g, ' '));
const TOOLS_FOLDER = path.join(root, 'target', 'tools', 'zig');
const TARGET_FOLDER = path.join(root, 'target', 'portable');
const ZIG = path.join(TOOLS_FOLDER, 'ziglang', 'zig');

/**
 * @typedef {object} Toolchain
 * @property {string} os as `process.platform` calls it
 * @property {string} built the folder of what cargo builds
 * @property {(args: string[]) => Promise<void>} cargo runs `cargo build --release` with more arguments, and shows what it prints
 * @property {(command: string, args: string[]) => Promise<{ status: number, output: string }>} check runs a cargo command
 *   that links nothing, such as clippy
 * @property {Record<'c' | 'c++', string[]>} compilers a program, and its first arguments
 */

/** This machine's own. @returns {Promise<Toolchain>} */
export async function nativeToolchain() {
  const { triple } = await rust();
  return {
    os: process.platform,
    built: path.join(root, 'target', triple, 'release'),
    cargo: (args) => succeed('cargo', ['build', '--quiet', '--release', '--target', triple, ...args], {}),
    check: (command, args) => run('cargo', [command, '--target', triple, ...args], { cwd: root }),
    compilers: { c: ['cc'], 'c++': ['c++'] },
  };
}

/** zig, which must have been fetched. @param {string} triple @returns {Promise<Toolchain>} */
export async function zigToolchain(triple) {
  const { platform: os, abi } = parseTriple(triple);
  const std = await standardLibrary(triple);
  const caches = {
    CARGO_ZIGBUILD_ZIG_PATH: ZIG,
    CARGO_ZIGBUILD_CACHE_DIR: path.join(TOOLS_FOLDER, 'cache'),
    ZIG_GLOBAL_CACHE_DIR: path.join(TOOLS_FOLDER, 'cache', 'global'),
  };
  /** @type {NodeJS.ProcessEnv} */
  const environment = { ...process.env, ...caches, ...std.environment, ...(os === 'win32' && emptyLibnode()) };
  if (abi === 'musl') environment.RUSTFLAGS = '-C target-feature=-crt-static'; // a static program loads no library
  const glibc = abi === 'gnu' && os === 'linux' ? `.${LINKED_GLIBC}` : '';
  const flags = ['--locked', '--target-dir', TARGET_FOLDER, ...std.flags];
  const [cpu] = triple.split('-');
  const zigTarget = {
    linux: `${cpu}-linux-${abi}${glibc}`,
    win32: `${cpu}-windows-gnu`,
    darwin: `${cpu}-macos`,
  }[/** @type {string} */ (os)];
  const compiler = (/** @type {string} */ language) => [ZIG, language, '-target', String(zigTarget)];
  return {
    os,
    built: path.join(TARGET_FOLDER, triple, 'release'),
    cargo: (args) =>
      succeed(
        path.join(TOOLS_FOLDER, 'bin', 'cargo-zigbuild'),
        ['zigbuild', '--release', '--target', `${triple}${glibc}`, ...flags, ...args],
        environment,
      ),
    check: (command, args) =>
      run('cargo', [command, '--target', triple, ...flags, ...args], { cwd: root, env: environment }),
    compilers: { c: compiler('cc'), 'c++': compiler('c++') },
  };
}

/** @param {string} program @param {string[]} args @param {NodeJS.ProcessEnv} env */
async function succeed(program, args, env) {
  const { status, output } = await run(program, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  if (status !== 0) throw new Failure(`the build failed; the compiler's output is above. ${output}`);
}

/**
 * napi links an addon for Windows with a library of Node.js, from which nothing is imported: all functions are looked up
 * when the addon is loaded. An empty one will do.
 */
function emptyLibnode() {
  const folder = path.join(TOOLS_FOLDER, 'libnode');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'libnode.dll'), '');
  fs.writeFileSync(path.join(folder, 'libnode.a'), '!<arch>\n');
  return { LIBNODE_PATH: folder };
}

/** Fetches zig, unless it is there. @returns {Promise<string | undefined>} why it cannot be had */
export const fetchZig = () => fetchFromPyPI('zig and cargo-zigbuild (100 MB)', TOOLS, TOOLS_FOLDER);
