// The native build that ships: the addon and the default library, which run wherever Electron does.
//
// On Linux, what is linked on a new system needs that system's glibc. So it is linked by zig, which has the symbols of
// old versions, in folders of its own under target/. zig also builds for other systems. Elsewhere the ordinary build is
// the one that ships.

import path from 'node:path';
import { parseTriple } from '@napi-rs/cli';
import { Failure, log, run } from './console.mjs';
import { isNewer, neededGlibc } from './elf.mjs';
import { libraryName, programName, rust, validatorName } from './native-build.mjs';
import { fetchZig, LINKED_GLIBC, zigToolchain } from './toolchain.mjs';

const root = path.join(import.meta.dirname, '..', '..');

/** What Electron itself needs. */
const MAX_GLIBC = '2.25';

/**
 * @typedef {object} NativeBuild
 * @property {string} triple as Rust calls the system
 * @property {string} platform as the loader calls it, such as linux-x64-gnu
 * @property {{ os: string, cpu: string, libc?: string }} system in the words of npm
 * @property {string} addon the file
 * @property {string} library the default library's file
 * @property {string} [program] that runs a library in a process of its own; where there is none, that is refused
 * @property {string} [validator] the program that makes the calls of `inplace-exchange validate`, where there is one
 * @property {string} [localOnly] why it must not be published
 */

/** For musl, programs are linked statically, and such a program loads no library. @param {string} triple */
const hasProgram = (triple) => !triple.endsWith('linux-musl');

/** It makes its checks on Linux only, so far. @param {string} triple */
const hasValidator = (triple) => triple.endsWith('linux-gnu');

/** Builds for a system, this one if none is named. @param {string} [target] @returns {Promise<NativeBuild>} */
export async function buildPortable(target) {
  const { triple: here } = await rust();
  const triple = target ?? here;
  const known = await run('rustc', ['--print', 'cfg', '--target', triple], { cwd: root });
  if (known.status !== 0) throw new Failure(`Rust has no target ${triple}. Type: rustc --print target-list`);
  const { platformArchABI, platform: os, arch: cpu, abi } = parseTriple(triple);
  // The loader has one name for both compilers of Windows; which of them has built an addon makes no difference to it.
  const platform = platformArchABI.replace(/^(win32-.*)-gnu$/, '$1-msvc');
  const libc = { gnu: 'glibc', musl: 'musl' }[os === 'linux' ? (abi ?? '') : ''];
  const system = { os, cpu, ...(libc && { libc }) };
  const ordinary = {
    addon: path.join(root, `inplace-exchange.${platform}.node`),
    library: path.join(root, libraryName('native_lib')),
    ...(hasProgram(triple) && { program: path.join(root, programName(os)) }),
    ...(hasValidator(triple) && { validator: path.join(root, validatorName(os)) }),
  };
  if (triple === here && libc !== 'glibc') return { triple, platform, system, ...ordinary };
  if (os === 'win32' && abi === 'msvc')
    throw new Failure(`${triple} is linked with Microsoft's SDK, on Windows. From here, build x86_64-pc-windows-gnu.`);

  const missing = await fetchZig();
  if (missing && triple !== here) throw new Failure(`zig, which builds for other systems, is missing: ${missing}`);
  const files = missing ? ordinary : await build(triple);
  if (os === 'win32')
    return {
      triple,
      platform,
      system,
      ...files,
      localOnly: "it is linked with MinGW's runtime, and not with Microsoft's",
    };
  if (libc !== 'glibc') return { triple, platform, system, ...files };
  const needed = Object.values(files).map(neededGlibc);
  const tooNew = needed.filter((version) => isNewer(version, MAX_GLIBC));
  if (tooNew.length === 0) return { triple, platform, system, ...files };
  const localOnly = `it needs glibc ${tooNew.join(' and ')}, and Electron ${MAX_GLIBC}`;
  if (!missing) throw new Failure(`zig has linked what must not ship: ${localOnly}.`);
  log(`this build is for this machine alone: ${localOnly}. zig, which links for older systems, is missing: ${missing}`);
  return { triple, platform, system, ...files, localOnly };
}

/** @param {string} triple */
async function build(triple) {
  const glibc = triple.endsWith('linux-gnu') ? `, glibc ${LINKED_GLIBC}` : '';
  log(`building what ships (release, ${triple}${glibc}).`);
  const { os, built, cargo } = await zigToolchain(triple);
  const packages = [
    'inplace-exchange',
    'native-lib',
    ...(hasProgram(triple) ? ['library-process'] : []),
    ...(hasValidator(triple) ? ['validator'] : []),
  ];
  await cargo(packages.flatMap((name) => ['-p', name]));
  const [addon, library] = ['inplace_exchange', 'native_lib'].map((name) => path.join(built, libraryName(name, os)));
  return {
    addon,
    library,
    ...(hasProgram(triple) && { program: path.join(built, programName(os)) }),
    ...(hasValidator(triple) && { validator: path.join(built, validatorName(os)) }),
  };
}
