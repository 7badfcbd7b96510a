// The report on the package as it is installed: the addon is loaded, and exchanges with the default library.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { candidate, describe, examine } from './native-checks.mjs';

/** @import { Finding } from './native-checks.mjs' */

const require = createRequire(import.meta.url);

/** Names another default library, unless the app is packaged. */
const VARIABLE = 'INPLACE_EXCHANGE_LIBRARY';

/** @param {string} folder of the app, whose Electron is named @returns {import('./report.mjs').Report} */
export function examineInstalled(folder) {
  const { version } = require('../../package.json');
  const electron = electronOf(folder);
  const { files, findings } = examineAddon();
  const tried = `what is above was tried in Node.js ${process.versions.node}`;
  return {
    target: { kind: 'installed', path: path.join(import.meta.dirname, '..', '..') },
    versions: { package: version, electron: electron ?? null, node: process.versions.node },
    fuses: null,
    files,
    findings: [
      { id: 'package', status: 'ok', message: `inplace-exchange ${version}` },
      ...findings,
      electron
        ? { id: 'electron', status: 'ok', message: `the npm package electron ${electron} is here; ${tried}` }
        : { id: 'electron', status: 'note', message: `the npm package electron is not here; ${tried}` },
    ],
  };
}

/** @param {string} folder @returns {string | undefined} */
function electronOf(folder) {
  try {
    return createRequire(path.join(folder, 'package.json'))('electron/package.json').version;
  } catch {
    return undefined; // none
  }
}

/** @returns {{ files: ReturnType<typeof describe>[], findings: Finding[] }} */
function examineAddon() {
  const node = `Node.js ${process.versions.node}`;
  try {
    require('../addon.js');
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    const next = 'Install again on this system, without --omit=optional and with Node.js for the right processor.';
    return {
      files: [],
      findings: [{ id: 'addon', status: 'problem', message: `the addon cannot be loaded: ${message}`, next }],
    };
  }
  const file = Object.keys(require.cache).find((each) => each.endsWith('.node')) ?? '';
  const system = { platform: process.platform, archs: [process.arch], executable: process.execPath, name: node };
  const on = (/** @type {string} */ each) =>
    candidate({
      path: each,
      place: 'folder',
      file: each,
      read: () => (fs.existsSync(each) ? fs.readFileSync(each) : undefined),
    });
  const addon = on(file);
  const { path: tried, finding } = exchangeOnce(file);
  const library = on(tried);
  return {
    files: [describe(addon, 'addon'), describe(library, 'default-library')],
    findings: [
      ...examine(addon, 'addon', system),
      ...(library.bytes ? examine(library, 'default-library', system) : []),
      finding,
    ],
  };
}

/** @param {string} addon @returns {{ path: string, finding: Finding }} with the path of the default library */
function exchangeOnce(addon) {
  const names = { win32: 'native_lib.dll', darwin: 'libnative_lib.dylib' };
  const beside = names[/** @type {'darwin' | 'win32'} */ (process.platform)] ?? 'libnative_lib.so';
  const file = process.env[VARIABLE] || path.join(path.dirname(addon), beside);
  const id = 'exchange';
  const called = process.env[VARIABLE] ? `the library that ${VARIABLE} names` : 'the default library';
  try {
    const buffer = Buffer.alloc(4096);
    const count = require('../addon.js').exchangeDataInPlace(buffer);
    return {
      path: file,
      finding: { id, status: 'ok', message: `${called} has written ${count} bytes in place` },
    };
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    // It works, and its message is longer.
    if (code === 'ERR_BUFFER_TOO_SMALL') return { path: file, finding: { id, status: 'ok', message } };
    const next = process.env[VARIABLE]
      ? `The variable ${VARIABLE} names it: correct it, or remove it.`
      : 'docs/errors.md in its repository explains the code.';
    return { path: file, finding: { id, status: 'problem', message: `${code}: ${message}`, next, file } };
  }
}
