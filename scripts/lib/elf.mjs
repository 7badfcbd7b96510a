// Reads which versions of the system's C library a file for Linux needs, from the file itself.

import fs from 'node:fs';

const SECTION_OF_NEEDED_VERSIONS = 0x6ffffffe;
const GLIBC = 'GLIBC_';

/** Whether a version of glibc is newer than another. One without numbers, such as PRIVATE, is newer than all. */
export const isNewer = (/** @type {string} */ version, /** @type {string} */ than) =>
  version.localeCompare(than, 'en', { numeric: true }) > 0;

/** The newest version of glibc that a file needs, as in `2.17`. @param {string} file */
export function neededGlibc(file) {
  const [newest] = neededVersions(fs.readFileSync(file))
    .filter((name) => name.startsWith(GLIBC))
    .map((name) => name.slice(GLIBC.length))
    .sort((a, b) => (isNewer(a, b) ? -1 : 1));
  if (!newest) throw new Error(`${file} names no version of glibc`);
  return newest;
}

/** The names of all versions of other files that a 64-bit ELF file needs. @param {Buffer} elf @returns {string[]} */
function neededVersions(elf) {
  if (elf.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') throw new Error('not a little-endian 64-bit ELF file');
  const sections = Array.from({ length: elf.readUInt16LE(0x3c) }, (_, index) => {
    const at = Number(elf.readBigUInt64LE(0x28)) + index * elf.readUInt16LE(0x3a);
    return {
      type: elf.readUInt32LE(at + 4),
      offset: Number(elf.readBigUInt64LE(at + 24)),
      strings: elf.readUInt32LE(at + 40),
      entries: elf.readUInt32LE(at + 44),
    };
  });
  const needed = sections.find(({ type }) => type === SECTION_OF_NEEDED_VERSIONS);
  if (!needed) return [];
  const strings = sections[needed.strings].offset;
  /** @type {string[]} */
  const names = [];
  let file = needed.offset;
  for (let entry = 0; entry < needed.entries; entry += 1) {
    let version = file + elf.readUInt32LE(file + 8);
    for (let count = elf.readUInt16LE(file + 2); count > 0; count -= 1) {
      const name = strings + elf.readUInt32LE(version + 8);
      names.push(elf.toString('latin1', name, elf.indexOf(0, name)));
      version += elf.readUInt32LE(version + 12);
    }
    file += elf.readUInt32LE(file + 12);
  }
  return names;
}
