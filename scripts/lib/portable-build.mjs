// The native build that ships: the addon and the default library, which run wherever Electron does.
//
// On Linux, what is linked on a new system needs that system's glibc. So it is linked by zig, which has the symbols of
// old versions, in folders of its own under target/. Elsewhere the ordinary build is the one that ships.

import fs from 'node:fs';
import path from 'node:path';
import { parseTriple } from '@napi-rs/cli';
import { Failure, log, progress, run } from './console.mjs';
import { isNewer, neededGlibc } from './elf.mjs';
import { libraryName, rust } from './native-build.mjs';

const root = path.join(import.meta.dirname, '..', '..');

/** What Electron itself needs. */
const MAX_GLIBC = '2.25';
/** The oldest that Rust supports. */
const LINKED_GLIBC = '2.17';

/** From PyPI, for x64 and for arm64. pip checks the digests. */
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

/**
 * @typedef {object} NativeBuild
 * @property {string} platform as the loader calls it, such as linux-x64-gnu
 * @property {{ os: string, cpu: string, libc?: string }} system in the words of npm
 * @property {string} addon the file
 * @property {string} library the default library's file
 * @property {string} [localOnly] why it must not be published
 */

/** Builds for this system. @returns {Promise<NativeBuild>} */
export async function buildPortable() {
  const { triple } = await rust();
  const { platformArchABI: platform, platform: os, arch: cpu, abi } = parseTriple(triple);
  const libc = { gnu: 'glibc', musl: 'musl' }[os === 'linux' ? (abi ?? '') : ''];
  const system = { os, cpu, ...(libc && { libc }) };
  const ordinary = {
    addon: path.join(root, `inplace-exchange.${platform}.node`),
    library: path.join(root, libraryName('native_lib')),
  };
  if (libc !== 'glibc') return { platform, system, ...ordinary };

  const missing = await fetchTools();
  const files = missing ? ordinary : await build(triple);
  const needed = [files.addon, files.library].map(neededGlibc);
  const tooNew = needed.filter((version) => isNewer(version, MAX_GLIBC));
  if (tooNew.length === 0) return { platform, system, ...files };
  const localOnly = `it needs glibc ${tooNew.join(' and ')}, and Electron ${MAX_GLIBC}`;
  if (!missing) throw new Failure(`zig has linked what must not ship: ${localOnly}.`);
  log(`this build is for this machine alone: ${localOnly}. zig, which links for older systems, is missing: ${missing}`);
  return { platform, system, ...files, localOnly };
}

/** @param {string} triple */
async function build(triple) {
  log(`building what ships (release, for glibc ${LINKED_GLIBC}).`);
  const packages = ['inplace-exchange', 'native-lib'].flatMap((name) => ['-p', name]);
  const { status, output } = await run(
    path.join(TOOLS_FOLDER, 'bin', 'cargo-zigbuild'),
    ['zigbuild', '--release', '--target', `${triple}.${LINKED_GLIBC}`, '--target-dir', TARGET_FOLDER, ...packages],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        CARGO_ZIGBUILD_ZIG_PATH: path.join(TOOLS_FOLDER, 'ziglang', 'zig'),
        CARGO_ZIGBUILD_CACHE_DIR: path.join(TOOLS_FOLDER, 'cache'),
        ZIG_GLOBAL_CACHE_DIR: path.join(TOOLS_FOLDER, 'cache', 'global'),
      },
    },
  );
  if (status !== 0) throw new Failure(`the build failed; the compiler's output is above. ${output}`);
  const built = (/** @type {string} */ name) => path.join(TARGET_FOLDER, triple, 'release', libraryName(name));
  return { addon: built('inplace_exchange'), library: built('native_lib') };
}

/** Fetches zig, unless it is there. @returns {Promise<string | undefined>} why it cannot be had */
async function fetchTools() {
  const stamp = path.join(TOOLS_FOLDER, 'fetched');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === TOOLS.join('\n')) return undefined;
  const python = await findPython();
  if (!python) return 'it is fetched by pip, and there is no Python with pip here.';
  fs.rmSync(TOOLS_FOLDER, { recursive: true, force: true });
  fs.mkdirSync(TOOLS_FOLDER, { recursive: true });
  const list = path.join(TOOLS_FOLDER, 'requirements.txt');
  fs.writeFileSync(list, TOOLS.join('\n'));
  const started = Date.now();
  const seconds = () => `for ${Math.round((Date.now() - started) / 1000)} s`;
  const done = progress('fetching zig and cargo-zigbuild from PyPI (100 MB)', seconds);
  const options = ['--quiet', '--no-deps', '--only-binary', ':all:', '--require-hashes', '--target', TOOLS_FOLDER];
  const { status, output } = await run(python, ['-m', 'pip', 'install', ...options, '-r', list]);
  done();
  if (status !== 0) return output.trim();
  fs.writeFileSync(stamp, TOOLS.join('\n')); // last: with it the folder is complete
  return undefined;
}

async function findPython() {
  for (const python of ['python3', 'python'])
    if ((await run(python, ['-m', 'pip', '--version'])).status === 0) return python;
  return undefined;
}
