// What can be wrong with one native file: the addon, or a library.

import path from 'node:path';
import { examineDependencies } from './dependencies.mjs';
import { readNative } from './native-file.mjs';

/** @import { NativeFile } from './binary.mjs' */

/**
 * A line of the report.
 * @typedef {object} Finding
 * @property {'ok' | 'note' | 'problem'} status
 * @property {string} id what was examined: stable, for programs
 * @property {string} message
 * @property {string} [next] what to do
 * @property {string} [file]
 *
 * @typedef {object} Candidate
 * @property {string} path as it is shown
 * @property {'archive' | 'unpacked' | 'folder'} place
 * @property {string} [file] its absolute path, if the system can load it
 * @property {Buffer | undefined} bytes
 * @property {NativeFile | undefined} native
 *
 * @typedef {object} System what the file has to fit
 * @property {NodeJS.Platform} platform
 * @property {string[]} archs
 * @property {string} [executable]
 * @property {string} [name] of whoever loads it, for messages
 */

/** The version of include/exchange.h that the addon knows. */
const ABI_VERSION = 1;
const CONCURRENT = 1;

/** One of them is enough. */
const ENTRIES = ['exchange_inplace', 'exchange_perform'];
export const SYMBOLS = [
  ...ENTRIES,
  'exchange_operations',
  'exchange_abi_version',
  'exchange_flags',
  'exchange_library_name',
  'exchange_error_message',
  'exchange_open',
  'exchange_close',
  'exchange_cancel',
];

/** @param {{ path: string, place: Candidate['place'], file?: string, read: () => Buffer | undefined }} entry @returns {Candidate} */
export function candidate({ path: name, place, file, read }) {
  const bytes = read();
  return { path: name, place, file, bytes, native: bytes && readNative(bytes) };
}

/** Whether a file is a library for exchanges. @param {Candidate} each */
export const isLibrary = ({ native }) => ENTRIES.some((name) => native?.exports.includes(name));

/** The facts of a file, for programs. @param {Candidate} each @param {'addon' | 'default-library' | 'library'} role */
export function describe({ path: name, place, native }, role) {
  return {
    file: name,
    role,
    place,
    platform: native?.platform ?? null,
    archs: native?.archs ?? [],
    abi: native && role !== 'addon' ? abiOf(native) : null,
    symbols: native?.exports.filter((each) => SYMBOLS.includes(each)) ?? [],
    needed: native?.needed ?? [],
    glibc: native?.glibc ?? null,
  };
}

/** `undefined` if only a call can tell. @param {NativeFile} native */
function abiOf(native) {
  return native.exports.includes('exchange_abi_version') ? (native.constant('exchange_abi_version') ?? null) : 1;
}

/**
 * The lines of the report for a file. One that is in order has a single one.
 * @param {Candidate} each
 * @param {'addon' | 'default-library' | 'library'} id
 * @param {System | undefined} system
 * @returns {Finding[]}
 */
export function examine(each, id, system) {
  const { path: file, bytes, native, place } = each;
  const name = path.posix.basename(file);
  const rebuilt = id === 'library' ? 'Build it again' : 'Install inplace-exchange again';
  /** @type {(message: string, next: string) => Finding} */
  const problem = (message, next) => ({ id, status: 'problem', message: `${name} ${message}`, next, file });
  if (!bytes)
    return [
      problem(
        'is listed in app.asar as unpacked, and is not there',
        'Package the app again; do not move or delete files of app.asar.unpacked afterwards.',
      ),
    ];
  if (!native)
    return [
      problem(
        'is not a native file, or it is damaged',
        `${rebuilt}${place === 'folder' ? '' : ', and package the app again'}.`,
      ),
    ];
  if (native.length > bytes.length)
    return [
      problem(
        `is cut off: it has ${bytes.length} of ${native.length} bytes`,
        `Copy it again. ${rebuilt} if that does not help.`,
      ),
    ];

  /** @type {Finding[]} */
  const found = [];
  if (place === 'archive')
    found.push(problem('is inside app.asar, from which the system cannot load it', `Unpack it: ${unpackAdvice(file)}`));
  if (system) found.push(...mismatch(native, system).map((message) => problem(message, wrongSystemAdvice(id, system))));
  if (id !== 'addon') found.push(...examineAbi(native).map(({ message, next }) => problem(message, next)));
  if (each.file) {
    const folder = path.dirname(each.file);
    for (const { status, message, next } of examineDependencies(native, { folder, executable: system?.executable }))
      found.push({ id, status, message: `${name} ${message}`, next, file });
  }
  const isBroken = found.some(({ status }) => status === 'problem');
  return isBroken ? found : [{ id, status: 'ok', message: summary(name, native, id), file }, ...found];
}

/** @param {NativeFile} native @param {System} system */
function mismatch(native, system) {
  const loader = system.name ?? 'the app';
  if (native.platform !== system.platform)
    return [
      `is for ${NAMES[native.platform] ?? native.platform}, and ${loader} is for ${NAMES[system.platform] ?? system.platform}`,
    ];
  const missing = system.archs.filter((arch) => !native.archs.includes(arch));
  return missing.length > 0
    ? [`is for ${native.archs.join(' and ')}, and ${loader} is for ${system.archs.join(' and ')}`]
    : [];
}

/** @type {Partial<Record<NodeJS.Platform, string>>} */
const NAMES = { linux: 'Linux', darwin: 'macOS', win32: 'Windows' };

/** @param {string} id @param {System} system */
function wrongSystemAdvice(id, { platform, archs }) {
  if (id === 'library' && archs.length > 1)
    return 'Join one library for each processor: lipo -create -output LIBRARY X64 ARM64';
  if (id === 'library') return `Build it for ${NAMES[platform] ?? platform} ${archs.join(' and ')}.`;
  return `Install the package for it before you package the app: npm install --os=${platform} --cpu=${archs[0]}`;
}

/** @param {NativeFile} native @returns {{ message: string, next: string }[]} */
function examineAbi(native) {
  if (!ENTRIES.some((name) => native.exports.includes(name))) {
    const mangled = native.exports.find((name) => ENTRIES.some((entry) => name.includes(entry)));
    return [
      {
        message: `exports neither ${ENTRIES.join(' nor ')}${mangled ? `, but ${mangled}` : ''}`,
        next: mangled
          ? 'Declare the function extern "C" (in Rust: #[unsafe(no_mangle)] pub extern "C"), and build again.'
          : 'Export one of them with C linkage, as include/exchange.h declares it, and build again.',
      },
    ];
  }
  const version = abiOf(native);
  if (version === null || version === ABI_VERSION) return [];
  return [
    {
      message: `is for version ${version} of the C ABI, and this addon knows version ${ABI_VERSION}`,
      next: 'Build it with the include/exchange.h of this package.',
    },
  ];
}

/** What asks a packaging tool to unpack a file. @param {string} file in app.asar */
function unpackAdvice(file) {
  const inside = file.replace(/^app\.asar\//, '');
  const extension = path.posix.extname(inside).slice(1) || 'so';
  return `electron-builder: asarUnpack: ['${inside}']; @electron/packager and Electron Forge: asar: { unpack: '**/*.{node,${extension}}' }`;
}

/** @param {string} name @param {NativeFile} native @param {string} id */
function summary(name, native, id) {
  const system = `${NAMES[native.platform] ?? native.platform} ${native.archs.join(' and ')}`;
  const needs = native.needed.length > 0 ? `needs ${native.needed.join(', ')}` : 'needs no other library';
  const glibc = native.glibc ? ` (glibc ${native.glibc} or later)` : '';
  if (id === 'addon') return `${name}: ${system}; ${needs}${glibc}`;
  const version = abiOf(native);
  const flags = native.exports.includes('exchange_flags') ? native.constant('exchange_flags') : 0;
  const calls = flags === undefined ? '' : (flags & CONCURRENT) === 0 ? ', one call at a time' : ', calls in parallel';
  const symbols = native.exports.filter((each) => SYMBOLS.includes(each)).map((each) => each.replace('exchange_', ''));
  return `${name}: ${system}; ABI ${version ?? 'that only a call can tell'}${calls}; exports exchange_ ${symbols.join(', ')}; ${needs}${glibc}`;
}
