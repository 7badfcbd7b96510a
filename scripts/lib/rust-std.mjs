// Rust's standard library for another system: the one that rustup has installed, or else one that cargo builds from the
// source that Debian has for this version of the compiler.

import fs from 'node:fs';
import path from 'node:path';
import { Failure, run } from './console.mjs';
import { unpackDebian } from './debian.mjs';

const root = path.join(import.meta.dirname, '..', '..');

/**
 * What cargo has to be given, so that it finds or builds the standard library.
 * @param {string} triple
 * @returns {Promise<{ flags: string[], environment: NodeJS.ProcessEnv }>}
 */
export async function standardLibrary(triple) {
  const installed = await rustc(['--print', 'target-libdir', '--target', triple]);
  if (fs.existsSync(installed) && fs.readdirSync(installed).some((name) => name.startsWith('libstd-')))
    return { flags: [], environment: {} };
  const environment = await sourceOfStd().catch((error) => {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(
      `Rust's standard library for ${triple} is not installed. Type: rustup target add ${triple}\nIt cannot be built here: ${error.message}`,
    );
  });
  return { flags: ['-Zbuild-std=std,panic_unwind,test'], environment };
}

/**
 * The variables with which cargo finds the source of the standard library, for `-Zbuild-std`: rustup's, or else Debian's.
 * @returns {Promise<NodeJS.ProcessEnv>}
 */
export async function sourceOfStd() {
  const RUSTC_BOOTSTRAP = '1'; // -Z is for nightly versions, and for those who say this
  const sysroot = await rustc(['--print', 'sysroot']);
  if (fs.existsSync(path.join(sysroot, 'lib', 'rustlib', 'src', 'rust', 'library', 'Cargo.lock')))
    return { RUSTC_BOOTSTRAP };
  const version = /^release: (.+)$/m.exec(await rustc(['-vV']))?.[1];
  const source = await unpackDebian([`rust-src=${version}+*`]);
  return {
    RUSTC_BOOTSTRAP,
    // Made for cargo's tests. Without it, the source has to be in the toolchain, or in a copy of that.
    __CARGO_TESTS_ONLY_SRC_ROOT: path.join(source, 'usr', 'src', `rustc-${version}`, 'library'),
  };
}

/** @param {string[]} args */
async function rustc(args) {
  const { status, output } = await run('rustc', args, { cwd: root });
  if (status !== 0) throw new Failure(`rustc ${args.join(' ')} failed:\n${output.trim()}`);
  return output.trim();
}
