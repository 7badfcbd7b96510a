// The files of the source tree, without built and installed files.

import fs from 'node:fs';
import path from 'node:path';

export const root = path.join(import.meta.dirname, '..', '..');

/** Folders without source files of this project. */
const SKIPPED = ['.git', '.electron', 'dist', 'node_modules', 'target'];

/** @param {string} file relative to the root */
export const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');

/** Relative to the root, with forward slashes. @param {RegExp} pattern @returns {string[]} */
export function sourceFiles(pattern) {
  /** @param {string} folder @returns {string[]} */
  const under = (folder) =>
    fs.readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const name = path.posix.join(folder, entry.name);
      if (entry.isDirectory()) return SKIPPED.includes(entry.name) ? [] : under(name);
      return pattern.test(name) ? [name] : [];
    });
  return under('');
}
