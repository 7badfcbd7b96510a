// Signatures: whether the system will let the app load its native files.
//
// What a file says of its own signature is read on every system. Whether the signature is valid, only the system that
// it is for can tell, with its own tool.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { readNative } from './native-file.mjs';

/** @import { Candidate, Finding } from './native-checks.mjs' */
/** @import { PackagedApp } from './packaged-app.mjs' */

const id = 'signature';
const NO_VALIDATION = 'com.apple.security.cs.disable-library-validation';

/** @param {PackagedApp} app @param {Candidate[]} libraries @returns {Finding[]} */
export function examineSignatures(app, libraries) {
  if (!app.executable || !app.system || app.system.platform === 'linux') return []; // Linux has no signatures
  const native = readNative(fs.readFileSync(rendererOf(app.executable)));
  if (native?.platform === 'darwin') return [...examineTeams(native.signatures ?? [], libraries), ...verify(app)];
  if (native?.platform === 'win32') return [...examineSigned(native.signed === true, libraries), ...verify(app)];
  return [];
}

/** The program that loads the libraries; on macOS it has entitlements of its own. @param {string} executable */
function rendererOf(executable) {
  const frameworks = path.join(path.dirname(executable), '..', 'Frameworks');
  const name = fs.existsSync(frameworks) && fs.readdirSync(frameworks).find((each) => each.endsWith('(Renderer).app'));
  return name ? path.join(frameworks, name, 'Contents', 'MacOS', path.parse(name).name) : executable;
}

/**
 * Under the hardened runtime a process loads libraries of its own team and of Apple alone.
 * @param {import('./binary.mjs').Signature[]} signatures @param {Candidate[]} libraries @returns {Finding[]}
 */
function examineTeams(signatures, libraries) {
  const [signature] = signatures;
  if (!signature?.team) {
    const next = 'Sign it before you ship it: on other Macs it does not start without a question, or not at all.';
    return [{ id, status: 'note', message: 'the app is not signed by a team', next }];
  }
  const validates = signature.hardened && !signature.entitlements?.includes(NO_VALIDATION);
  const foreign = libraries.filter(({ native }) =>
    (native?.signatures ?? []).some(({ team }) => team !== signature.team),
  );
  /** @type {Finding[]} */
  const refused = foreign.map(({ path: file, native }) => ({
    id,
    status: validates ? 'problem' : 'note',
    message: `${path.posix.basename(file)} is signed by ${native?.signatures?.[0]?.team ?? 'no team'}, and the app by ${signature.team}`,
    next: `Sign it with the app's certificate, or give the app the entitlement ${NO_VALIDATION}.`,
    file,
  }));
  const message = `the app and its native files are signed by ${signature.team}`;
  return refused.length > 0 ? refused : [{ id, status: 'ok', message }];
}

/** @param {boolean} signed @param {Candidate[]} libraries @returns {Finding[]} */
function examineSigned(signed, libraries) {
  if (!signed) {
    const next = 'Sign it before you ship it: SmartScreen warns of programs without a signature.';
    return [{ id, status: 'note', message: 'the app is not signed', next }];
  }
  const unsigned = libraries.filter(({ native }) => native?.signed === false);
  if (unsigned.length === 0) return [{ id, status: 'ok', message: 'the app and its native files carry signatures' }];
  return unsigned.map(({ path: file }) => ({
    id,
    status: 'note',
    message: `the app is signed, and ${path.posix.basename(file)} is not`,
    next: "Sign it with the app's certificate: Smart App Control and company policies refuse libraries without one.",
    file,
  }));
}

/** Asks the system itself, if it is the one that the app is for. @param {PackagedApp} app @returns {Finding[]} */
function verify({ executable = '', system }) {
  if (system?.platform !== process.platform) {
    const tool = system?.platform === 'darwin' ? 'codesign' : 'PowerShell';
    return [{ id, status: 'note', message: `whether the signature is valid can be checked where ${tool} is` }];
  }
  const [program, args, isValid] =
    process.platform === 'darwin'
      ? /** @type {const} */ ([
          'codesign',
          ['--verify', '--deep', '--strict', path.join(path.dirname(executable), '..', '..')],
          /^$/,
        ])
      : /** @type {const} */ ([
          'powershell',
          [
            '-NoProfile',
            '-Command',
            `(Get-AuthenticodeSignature -LiteralPath '${executable.replaceAll("'", "''")}').Status`,
          ],
          /^Valid\s*$/,
        ]);
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  const words = `${stdout ?? ''}${stderr ?? ''}`.trim();
  if (status === 0 && isValid.test(words)) return [{ id, status: 'ok', message: `${program}: the signature is valid` }];
  const next = 'Sign the app last, after every change to its files.';
  return [{ id, status: 'problem', message: `${program}: ${words || 'could not be run'}`, next }];
}
