// The report on a single library.

import fs from 'node:fs';
import { candidate, describe, examine, isLibrary } from './native-checks.mjs';
import { isFile, NATIVE } from './packaged-app.mjs';

/** @param {string} file @returns {import('./report.mjs').Report | undefined} `undefined` if it is not a library */
export function examineLibrary(file) {
  if (!isFile(file)) return undefined;
  const library = candidate({ path: file, place: 'folder', file, read: () => fs.readFileSync(file) });
  if (!isLibrary(library) && !NATIVE.test(file)) return undefined; // such as an installer, which is a program
  const system = { platform: process.platform, archs: [process.arch], name: 'this machine' };
  return {
    target: { kind: 'library', path: file },
    versions: { package: null, electron: null, node: process.versions.node },
    fuses: null,
    files: [describe(library, 'library')],
    findings: examine(library, 'library', system),
  };
}
