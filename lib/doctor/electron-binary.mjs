// What Electron's binary says: its versions, and its fuses, switches that the packaging tool sets in the binary.

import fs from 'node:fs';

/** Before the fuses in the binary; the same in every version of Electron. */
const SENTINEL = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX';

/** By their place after the sentinel, as @electron/fuses names them. */
export const FUSES = [
  'RunAsNode',
  'EnableCookieEncryption',
  'EnableNodeOptionsEnvironmentVariable',
  'EnableNodeCliInspectArguments',
  'EnableEmbeddedAsarIntegrityValidation',
  'OnlyLoadAppFromAsar',
  'LoadBrowserProcessSpecificV8Snapshot',
  'GrantFileProtocolExtraPrivileges',
];

/** Fuses whose hardened value is known, and what each leaves open otherwise. */
export const HARDENED = new Map([
  ['RunAsNode', { value: false, risk: 'anyone who can start the app can run it as Node.js (ELECTRON_RUN_AS_NODE)' }],
  ['EnableNodeOptionsEnvironmentVariable', { value: false, risk: 'NODE_OPTIONS chooses code that the app loads' }],
  ['EnableNodeCliInspectArguments', { value: false, risk: '--inspect lets other programs control the app' }],
  ['EnableEmbeddedAsarIntegrityValidation', { value: true, risk: 'a changed app.asar is loaded (macOS and Windows)' }],
  ['OnlyLoadAppFromAsar', { value: true, risk: 'an app folder beside app.asar is loaded in its place' }],
  ['LoadBrowserProcessSpecificV8Snapshot', { value: false, risk: 'the app needs a V8 snapshot of its own' }],
]);

/**
 * @param {string} file the executable, or on macOS the Electron Framework
 * @returns {{ electron?: string, node?: string, fuses?: Record<string, boolean> }} what was found
 */
export function readElectron(file) {
  const bytes = fs.readFileSync(file);
  return {
    electron: versionAfter(bytes, 'Electron/'),
    node: versionAfter(bytes, 'node.js/v'),
    fuses: fusesOf(bytes),
  };
}

/** @param {Buffer} bytes @param {string} prefix */
function versionAfter(bytes, prefix) {
  for (let at = bytes.indexOf(prefix); at >= 0; at = bytes.indexOf(prefix, at + 1)) {
    const start = at + prefix.length;
    const match = /^\d+\.\d+\.\d+(?:-[\w.]+)?/.exec(bytes.toString('latin1', start, start + 40));
    if (match) return match[0];
  }
  return undefined;
}

/** In a universal binary both have the same. @param {Buffer} bytes */
function fusesOf(bytes) {
  const at = bytes.indexOf(SENTINEL);
  if (at < 0) return undefined;
  const start = at + SENTINEL.length + 2; // after the version and the number of fuses
  const states = bytes.toString('latin1', start, start + bytes[start - 1]);
  // '0', '1', 'r' for a fuse that this version no longer has
  return Object.fromEntries(
    FUSES.flatMap((name, index) => (/[01]/.test(states[index] ?? '') ? [[name, states[index] === '1']] : [])),
  );
}
