// The notices of the code by others that is linked into the addon and the default library: their licences ask that
// copies of it carry them. Made when the packages are packed, from the files of the crates that were built.
//
// Tools that do this (cargo-about, cargo-bundle-licenses) would have to be compiled first, for minutes.

import fs from 'node:fs';
import path from 'node:path';
import { Failure, run } from './console.mjs';

const root = path.join(import.meta.dirname, '..', '..');

/** What is linked into the files that ship. */
const BUILT = ['inplace-exchange', 'native-lib', 'library-process'];
const NOTICE_FILE = /^(?:licen[cs]e|unlicense|copying|copyright|notice)/i;
const OWN = { mit: 'LICENSE-MIT', apache: 'LICENSE-APACHE' };

/** @typedef {{ name: string, licence: string, texts: string[] }} Part */

/**
 * @param {string} triple that was built for
 * @param {string} file one of those that ship
 * @param {string[]} built the crates that they are
 */
export async function thirdPartyNotices(triple, file, built = BUILT) {
  const parts = [...(await linkedCrates(triple, built)), await standardLibrary(triple), ...unwinder(file)];
  /** Equal texts are there once, whatever their line breaks. @type {Map<string, { text: string, number: number }>} */
  const texts = new Map();
  const numberOf = (/** @type {string} */ text) => {
    const key = text.replace(/\s+/g, ' ').trim();
    if (!texts.has(key)) texts.set(key, { text: text.replaceAll('\r', '').trimEnd(), number: texts.size + 1 });
    return texts.get(key)?.number;
  };
  const lines = parts.map(
    ({ name, licence, texts: own }) => `${name} (${licence}): ${own.map((text) => `[${numberOf(text)}]`).join(' ')}`,
  );
  return [
    `The native files of inplace-exchange for ${triple} contain code of others.`,
    'The numbers are those of the texts below; a text that is the same for several is there once.\n',
    ...lines,
    ...[...texts.values()].map(({ text, number }) => `\n${'-'.repeat(80)}\n[${number}]\n\n${text}`),
    '',
  ].join('\n');
}

/** The crates of others: without those of build scripts and procedural macros. @param {string} triple @param {string[]} built */
async function linkedCrates(triple, built) {
  const packages = built.flatMap((name) => ['--package', name]);
  // The metadata has the features of the whole workspace in it, and the tree those of these packages alone.
  const tree = await cargo('tree', [
    ...packages,
    '--edges=normal,no-proc-macro',
    `--target=${triple}`,
    '--prefix=none',
  ]);
  const linked = new Set(tree.match(/^\S+ v\S+/gm));
  /** @type {{ packages: Record<string, any>[] }} */
  const metadata = JSON.parse(await cargo('metadata', ['--format-version=1', `--filter-platform=${triple}`]));
  return metadata.packages
    .filter(({ name, version, source }) => source !== null && linked.has(`${name} v${version}`))
    .map(({ name, version, license, authors, manifest_path: manifest }) => {
      const folder = path.dirname(manifest);
      const files = fs.readdirSync(folder).filter((file) => NOTICE_FILE.test(file));
      const texts = files.map((file) => fs.readFileSync(path.join(folder, file), 'utf8'));
      return {
        name: `${name} ${version}`,
        licence: license,
        texts: texts.length > 0 ? texts : [mit(`${name} ${version}`, license, authors)],
      };
    });
}

/** For a crate that brings no text. @param {string} name @param {string} licence @param {string[]} authors */
function mit(name, licence, authors) {
  if (!/\bMIT\b/.test(licence) || authors.length === 0)
    throw new Failure(
      `${name} (${licence}) has no file with its licence. scripts/lib/notices.mjs knows only that of MIT.`,
    );
  const names = authors.map((author) => author.replace(/ <.*/, '')).join(', ');
  return own(OWN.mit).replace(/^Copyright .*$/m, `Copyright (c) ${names}`);
}

/** @param {string} triple @returns {Promise<Part>} */
async function standardLibrary(triple) {
  const ask = async (/** @type {string[]} */ ...args) => (await program('rustc', args)).trim();
  const version = await ask('--version');
  const installed = await ask('--print=target-libdir', `--target=${triple}`);
  // One that cargo has built from source is made of the same crates as this machine's.
  const files = fs.readdirSync(fs.existsSync(installed) ? installed : await ask('--print=target-libdir'));
  const crates = files.flatMap((file) => /^lib(.+)-[0-9a-f]+\.rlib$/.exec(file)?.slice(1) ?? []);
  const name = `The standard library of ${version}, which is made of the crates ${crates.sort().join(', ')}`;
  const licence = 'MIT OR Apache-2.0';
  return { name, licence, texts: [mit(name, licence, ['The Rust Project Developers']), own(OWN.apache)] };
}

/**
 * Where zig links, LLVM's library that unwinds the stack is in the file. Its exception asks for no text in binaries.
 * @param {string} file @returns {Part[]}
 */
function unwinder(file) {
  if (!fs.readFileSync(file).includes('libunwind: ')) return [];
  return [{ name: 'libunwind of LLVM', licence: 'Apache-2.0 WITH LLVM-exception', texts: [own(OWN.apache)] }];
}

/** A text of this project's own, which is that of a licence. @param {string} file */
const own = (file) => fs.readFileSync(path.join(root, file), 'utf8');

/** @param {string} command @param {string[]} args */
const cargo = (command, args) => program('cargo', [command, '--locked', '--quiet', ...args]);

/** What a program prints. @param {string} name @param {string[]} args */
async function program(name, args) {
  const { status, output } = await run(name, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  if (status !== 0) throw new Failure(`${name} ${args[0]} failed. ${output}`);
  return output;
}
