// The report on a packaged app. Nothing of the app is run or loaded.

import fs from 'node:fs';
import path from 'node:path';
import { HARDENED, readElectron } from './electron-binary.mjs';
import { candidate, describe, examine, isLibrary } from './native-checks.mjs';
import { findPackagedApp, NATIVE } from './packaged-app.mjs';
import { examineSignatures } from './signatures.mjs';

/** @import { Candidate, Finding, System } from './native-checks.mjs' */
/** @import { PackagedApp } from './packaged-app.mjs' */

const ADDON = /(?:^|\/)inplace-exchange\.(?<platform>[\w-]+)\.node$/;
const DEFAULT_LIBRARY = /(?:^|\/)(?:libnative_lib\.(?:so|dylib)|native_lib\.dll)$/;

/** @param {string} target @returns {import('./report.mjs').Report | undefined} `undefined` if it is not a packaged app */
export function examinePackaged(target) {
  const app = findPackagedApp(target);
  if (!app) return undefined;
  const electron = app.electron ? readElectron(app.electron) : {};
  const system = app.system && { ...app.system, executable: app.executable, name: 'the app' };
  const natives = app.files.filter((file) => NATIVE.test(file.path)).map(candidate);
  const addons = natives.filter((each) => ADDON.test(each.path));
  const defaults = natives.filter((each) => DEFAULT_LIBRARY.test(each.path));
  const others = natives.filter((each) => !addons.includes(each) && !defaults.includes(each));
  const libraries = others.filter(isLibrary);
  const damaged = others.filter(({ bytes, native }) => !native || native.length > (bytes?.length ?? 0));
  const installed = packageOf(app);
  const findings = [
    ...examineElectron(app, electron),
    examineArchive(app),
    ...examinePackage(app, installed, addons),
    ...examineAddons(addons, system),
    ...examineDefaults(addons, defaults, system),
    ...[...libraries, ...damaged].flatMap((each) => examine(each, 'library', system)),
    ...examineFuses(app, electron.fuses),
    ...examineSignatures(app, [...addons, ...defaults, ...libraries]),
  ];
  return {
    target: { kind: 'packaged', path: app.executable ?? app.resources },
    versions: { package: installed?.version ?? null, electron: electron.electron ?? null, node: electron.node ?? null },
    fuses: electron.fuses ?? null,
    files: [
      ...addons.map((each) => describe(each, 'addon')),
      ...defaults.map((each) => describe(each, 'default-library')),
      ...libraries.map((each) => describe(each, 'library')),
    ],
    findings,
  };
}

/** @param {PackagedApp} app @param {ReturnType<typeof readElectron>} electron @returns {Finding[]} */
function examineElectron({ executable, system, resources }, { electron }) {
  if (!executable || !system)
    return [
      {
        id: 'electron',
        status: 'problem',
        message: `there is no executable of Electron beside ${resources}`,
        next: "Name the folder that the packaging tool has made, such as dist/linux-unpacked, or the app's executable.",
      },
    ];
  const message = `Electron ${electron ?? 'of an unknown version'} for ${system.platform} ${system.archs.join(' and ')}: ${executable}`;
  return [{ id: 'electron', status: 'ok', message, file: executable }];
}

/** @param {PackagedApp} app @returns {Finding} */
function examineArchive({ kind }) {
  const id = 'archive';
  if (kind === 'archive') return { id, status: 'ok', message: 'the app is in app.asar' };
  if (kind === 'folder') return { id, status: 'ok', message: 'the app is in the folder app, without an archive' };
  const message = kind === 'damaged' ? 'app.asar is damaged or cut off' : 'there is neither app.asar nor a folder app';
  return { id, status: 'problem', message, next: 'Package the app again.' };
}

/** @param {PackagedApp} app */
function packageOf({ files }) {
  const file = files.find((each) => /(?:^|\/)inplace-exchange\/package\.json$/.test(each.path));
  const root = files.find((each) => /^app(?:\.asar)?\/package\.json$/.test(each.path)); // this project's own app
  for (const each of [file, root]) {
    const manifest = parsed(each?.read()?.toString('utf8') ?? 'null');
    if (manifest?.name === 'inplace-exchange') return { version: String(manifest.version) };
  }
  return undefined;
}

/** @param {string} json @returns {any} `undefined` if it is damaged */
function parsed(json) {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** @param {PackagedApp} app @param {ReturnType<typeof packageOf>} installed @param {Candidate[]} addons @returns {Finding[]} */
function examinePackage({ kind }, installed, addons) {
  const id = 'package';
  if (installed) return [{ id, status: 'ok', message: `inplace-exchange ${installed.version}` }];
  if (kind === 'damaged') return []; // it may be in the archive
  if (addons.length > 0) {
    const message = 'the package inplace-exchange is not in the app, but its addon is: it was bundled';
    const next = 'Better mark it as external in the bundler: see docs/package-your-app.md in its repository.';
    return [{ id, status: 'note', message, next }];
  }
  const message = 'the package inplace-exchange is not in the app';
  const next =
    "Name it under dependencies, not devDependencies, in the app's package.json. A bundler's plug-in may leave out what it calls external: see docs/package-your-app.md in its repository.";
  return [{ id, status: 'problem', message, next }];
}

/** @param {Candidate[]} addons @param {System | undefined} system @returns {Finding[]} */
function examineAddons(addons, system) {
  const fitting = addons.filter((each) => fits(each, system));
  if (fitting.length > 0) {
    const foreign = addons.filter((each) => !fitting.includes(each));
    return [
      ...fitting.flatMap((each) => examine(each, 'addon', undefined)),
      ...foreign.map(
        ({ path: file }) =>
          /** @type {Finding} */ ({
            id: 'addon',
            status: 'note',
            message: `${path.posix.basename(file)} is for another system, and not used here`,
            next: 'Leave it out of the package to save its size.',
            file,
          }),
      ),
    ];
  }
  if (addons.length > 0) return addons.flatMap((each) => examine(each, 'addon', system));
  const message = 'the addon (inplace-exchange.*.node) is not in the app';
  const next =
    'It is in a package of its own for each system, an optional dependency of inplace-exchange. Install without --omit=optional, on the system or with the --os and --cpu of the app, and package again.';
  return [{ id: 'addon', status: 'problem', message, next }];
}

/** Whether one of the app's processors can run it. A universal app has an addon for each. @param {Candidate} each @param {System | undefined} system */
function fits({ native }, system) {
  return !system || (native?.platform === system.platform && native.archs.some((arch) => system.archs.includes(arch)));
}

/** @param {Candidate[]} addons @param {Candidate[]} defaults @param {System | undefined} system @returns {Finding[]} */
function examineDefaults(addons, defaults, system) {
  const folder = (/** @type {Candidate} */ each) =>
    path.posix.dirname(each.path).replace(/^app\.asar\.unpacked/, 'app.asar');
  return addons
    .filter((addon) => fits(addon, system))
    .flatMap((addon) => {
      const library = defaults.find((each) => folder(each) === folder(addon));
      if (library)
        return examine(library, 'default-library', system && { ...system, archs: addon.native?.archs ?? [] });
      return [
        {
          id: 'default-library',
          status: /** @type {const} */ ('problem'),
          message: `the default library (native_lib) is not beside ${addon.path}`,
          next: 'Let the packaging tool copy all files of the package of the addon. If the app never uses the default library, ignore this.',
          file: addon.path,
        },
      ];
    });
}

/** @param {PackagedApp} app @param {Record<string, boolean> | undefined} fuses @returns {Finding[]} */
function examineFuses({ kind, electron }, fuses) {
  const id = 'fuses';
  if (!electron) return [];
  if (!fuses) return [{ id, status: 'note', message: 'no fuses were found in the binary of Electron' }];
  /** @type {Finding[]} */
  const found = [];
  if (fuses.OnlyLoadAppFromAsar && kind !== 'archive' && kind !== 'damaged')
    found.push({
      id,
      status: 'problem',
      message: 'OnlyLoadAppFromAsar is on, and the app is not in app.asar: it does not start',
      next: 'Switch asar on in the packaging tool, or this fuse off.',
    });
  const snapshot = 'browser_v8_context_snapshot.bin';
  if (fuses.LoadBrowserProcessSpecificV8Snapshot && !fs.existsSync(path.join(path.dirname(electron), snapshot)))
    found.push({
      id,
      status: 'problem',
      message: `LoadBrowserProcessSpecificV8Snapshot is on, and there is no ${snapshot}: the app does not start`,
      next: 'Switch this fuse off.',
    });
  for (const [name, { value, risk }] of HARDENED) {
    if (!(name in fuses) || fuses[name] === value || found.some(({ message }) => message.startsWith(name))) continue;
    const message = `${name} is ${fuses[name] ? 'on' : 'off'}: ${risk}`;
    found.push({
      id,
      status: 'note',
      message,
      next: `Switch it ${value ? 'on' : 'off'} with the packaging tool, or with @electron/fuses.`,
    });
  }
  return found.length > 0 ? found : [{ id, status: 'ok', message: `hardened: ${[...HARDENED.keys()].join(', ')}` }];
}
