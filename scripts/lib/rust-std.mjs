// Rust's standard library for another system: the one that rustup has installed, or else one that cargo builds from the
// source that Debian has for this version of the compiler.

import fs from 'node:fs';
import path from 'node:path';
import { Failure, log, run } from './console.mjs';
import { ensureDebian, unpackDebian } from './debian.mjs';

const root = path.join(import.meta.dirname, '..', '..');
const FOLDER = path.join(root, 'target', 'tools', 'rust');

/**
 * What cargo has to be given, so that it finds or builds the standard library.
 * @param {string} triple
 * @returns {Promise<{ flags: string[], environment: NodeJS.ProcessEnv }>}
 */
export async function standardLibrary(triple) {
  const installed = await rustc(['--print', 'target-libdir', '--target', triple]);
  if (fs.existsSync(installed) && fs.readdirSync(installed).some((name) => name.startsWith('libstd-')))
    return { flags: [], environment: {} };
  if (!fs.existsSync('/etc/debian_version'))
    throw new Failure(`Rust's standard library for ${triple} is not installed. Type: rustup target add ${triple}`);
  const bin = path.join(await toolchainWithSource(), 'bin');
  return {
    flags: ['-Zbuild-std=std,panic_unwind,test'],
    // -Z is for nightly versions, and for those who say this.
    environment: { PATH: `${bin}${path.delimiter}${process.env.PATH}`, RUSTC_BOOTSTRAP: '1' },
  };
}

/** @param {string[]} args */
async function rustc(args) {
  const { status, output } = await run('rustc', args, { cwd: root });
  if (status !== 0) throw new Failure(`rustc ${args.join(' ')} failed:\n${output.trim()}`);
  return output.trim();
}

/** This machine's toolchain, and the source of its standard library where cargo looks for it. */
async function toolchainWithSource() {
  const version = /^release: (.+)$/m.exec(await rustc(['-vV']))?.[1] ?? '';
  const folder = path.join(FOLDER, version);
  const ready = path.join(folder, 'ready');
  if (fs.existsSync(ready)) return folder;
  const source = path.join(FOLDER, 'source');
  await ensureDebian([]);
  if (!(await unpackDebian('rust-src', (each) => each.startsWith(`${version}+`), source)))
    throw new Failure(
      `Debian has no source of Rust ${version}. Install the standard libraries with rustup: rustup target add TARGET`,
    );
  log(`putting the source of Rust ${version} beside a copy of its compiler.`);
  fs.rmSync(folder, { recursive: true, force: true });
  // Hard links where that can be, so that it takes no space.
  for (const how of ['-al', '-a'])
    if ((await run('cp', [how, await rustc(['--print', 'sysroot']), folder])).status === 0) break;
    else fs.rmSync(folder, { recursive: true, force: true });
  const into = path.join(folder, 'lib', 'rustlib', 'src', 'rust', 'library');
  fs.mkdirSync(path.dirname(into), { recursive: true });
  fs.rmSync(into, { recursive: true, force: true });
  fs.renameSync(path.join(source, 'usr', 'src', `rustc-${version}`, 'library'), into);
  fs.rmSync(source, { recursive: true, force: true });
  fs.writeFileSync(ready, '');
  return folder;
}
