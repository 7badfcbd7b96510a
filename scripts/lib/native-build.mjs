// The native build: the addon, the default library, that of the moving picture and the synthesizer, in release mode, put where
// they are looked for, beside native.js (the loader).

import fs from 'node:fs';
import path from 'node:path';
import { Failure, log, run } from './console.mjs';

const root = path.join(import.meta.dirname, '..', '..');
const output = path.join(root, 'target', 'addon');
const stamp = path.join(output, 'built');
const SOURCES = [
  'Cargo.toml',
  'Cargo.lock',
  'build.rs',
  'rust-toolchain.toml',
  'package.json',
  'package-lock.json',
  'src',
  'host',
  'library-process',
  'sdk',
  'validator',
  'native-lib',
  'live-lib',
  'examples/Cargo.lock',
  'examples/synth',
];

/** Built beside the addon. */
const LIBRARIES = ['native_lib', 'live_lib'];

/** Written by napi-rs; committed, so that an editor has the types before the first build. */
const GENERATED = ['native.js', 'index.d.ts'];

/** Builds if a source is newer than the last build, or a file that the last build put in place is missing. */
export async function ensureBuilt() {
  const built = fs.statSync(stamp, { throwIfNoEntry: false });
  if (built) {
    const placed = fs.readFileSync(stamp, 'utf8').split('\n');
    const newest = Math.max(...SOURCES.flatMap(filesIn).map((file) => fs.statSync(file).mtimeMs));
    if (newest < built.mtimeMs && placed.every((name) => fs.existsSync(path.join(root, name)))) return;
  }
  await build();
}

/** Builds, whether or not a source has changed. */
export async function build() {
  log('building the addon and the libraries (release).');
  const started = new Date();
  fs.mkdirSync(output, { recursive: true });
  const cli = path.join(root, 'node_modules', '@napi-rs', 'cli', 'dist', 'cli.js');
  const { status, output: reason } = await run(
    process.execPath,
    [cli, 'build', '--platform', '--release', '--js', 'native.js', '--output-dir', output],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  if (status !== 0) throw new Failure(`the native build failed; the compiler's output is above. ${reason}`);
  const { triple } = await rust();
  const synth = await buildSynthesizer();
  const addon = fs.readdirSync(output).filter((name) => name.endsWith('.node'));
  const files = [
    ...[...LIBRARIES.map((name) => libraryName(name)), programName(), validatorName()].map((name) =>
      path.join(root, 'target', triple, 'release', name),
    ),
    ...addon.map((name) => path.join(output, name)),
    synth,
  ];
  files.forEach(place);
  fs.writeFileSync(stamp, files.map((file) => path.basename(file)).join('\n'));
  fs.utimesSync(stamp, started, started); // a source that is edited during the build is newer than it
}

/** An example, which the window plays. The examples are a workspace of their own. */
async function buildSynthesizer() {
  const target = path.join(root, 'target', 'examples');
  const args = ['build', '--quiet', '--locked', '--release', '-p', 'example-synth', '--lib', '--target-dir', target];
  const { status, output } = await run('cargo', args, { cwd: path.join(root, 'examples') });
  if (status !== 0) throw new Failure(`cargo ${args.join(' ')}\n${output}`);
  return path.join(target, 'release', libraryName('example_synth'));
}

/**
 * Copies a file into the root. Renamed into place, so that a process that has the old one loaded keeps it.
 * @param {string} file
 */
function place(file) {
  const target = path.join(root, path.basename(file));
  fs.copyFileSync(file, `${target}.new`);
  fs.renameSync(`${target}.new`, target);
}

/** @returns {string[]} the generated files that differ from the committed ones */
export function staleGenerated() {
  return GENERATED.filter(
    (name) => !fs.readFileSync(path.join(output, name)).equals(fs.readFileSync(path.join(root, name))),
  );
}

/** Puts the generated files into the source tree. @returns {string[]} those that have changed */
export function updateGenerated() {
  const stale = staleGenerated();
  for (const name of stale) fs.copyFileSync(path.join(output, name), path.join(root, name));
  return stale;
}

/**
 * The file name that a system gives a dynamic library.
 * @param {string} name @param {string} [os] as `process.platform` calls it
 */
export function libraryName(name, os = process.platform) {
  if (os === 'win32') return `${name}.dll`;
  return os === 'darwin' ? `lib${name}.dylib` : `lib${name}.so`;
}

/** The program that runs a library in a process of its own. @param {string} [os] as `process.platform` calls it */
export const programName = (os = process.platform) => `inplace-exchange-library${os === 'win32' ? '.exe' : ''}`;

/** The program that makes the calls of `inplace-exchange validate`. @param {string} [os] as `process.platform` calls it */
export const validatorName = (os = process.platform) => `inplace-exchange-validator${os === 'win32' ? '.exe' : ''}`;

/** The Rust toolchain: its version and the target triple of this machine. */
export async function rust() {
  const { status, output: words } = await run('rustc', ['-vV'], { cwd: root });
  const version = /^release: (\d+)\.(\d+)/m.exec(words);
  const triple = /^host: (.+)$/m.exec(words);
  if (status !== 0 || !version || !triple) return { found: false, minor: 0, triple: '', words: words.trim() };
  return {
    found: true,
    minor: Number(version[1]) > 1 ? Number.POSITIVE_INFINITY : Number(version[2]),
    triple: triple[1],
    words: words.trim(),
  };
}

/** @param {string} relative @returns {string[]} */
function filesIn(relative) {
  const full = path.join(root, relative);
  if (!fs.statSync(full).isDirectory()) return [full];
  return fs.readdirSync(full, { recursive: true, encoding: 'utf8' }).map((name) => path.join(full, name));
}
