// The files of a packaged app: Electron's binary, and what is inside the archive and beside it.

import fs from 'node:fs';
import path from 'node:path';
import { readArchive } from './asar.mjs';
import { readKind } from './native-file.mjs';

/**
 * @typedef {object} AppFile
 * @property {string} path from the resources folder, with slashes; `app.asar/...` in the archive
 * @property {'archive' | 'unpacked' | 'folder'} place in the archive, in app.asar.unpacked, or in a plain folder
 * @property {string} [file] the absolute path of a file that the system can load
 * @property {() => Buffer | undefined} read `undefined` if the archive lists it as unpacked and it is not there
 *
 * @typedef {object} PackagedApp
 * @property {string} resources
 * @property {'archive' | 'folder' | 'damaged' | 'none'} kind where the app's own code is
 * @property {string} [executable] what the user starts
 * @property {string} [electron] the file with Electron's code, versions and fuses
 * @property {Pick<import('./binary.mjs').NativeFile, 'platform' | 'archs'>} [system] that the executable is for
 * @property {AppFile[]} files
 */

const ARCHIVE = 'app.asar';
const UNPACKED = 'app.asar.unpacked';

/**
 * @param {string} target the folder of a packaged app, its executable, its .app, its resources or its app.asar
 * @returns {PackagedApp | undefined}
 */
export function findPackagedApp(target) {
  const resources = resourcesOf(target);
  if (!resources) return undefined;
  const archive = path.join(resources, ARCHIVE);
  const hasArchive = isFile(archive);
  const entries = hasArchive ? readArchive(archive) : [];
  const withoutArchive = fs.existsSync(path.join(resources, 'app')) ? 'folder' : 'none';
  const binaries = binariesOf(resources, isFile(target) ? target : undefined);
  return {
    resources,
    kind: entries === undefined ? 'damaged' : hasArchive ? 'archive' : withoutArchive,
    ...binaries,
    system: binaries.executable ? readKind(binaries.executable) : undefined,
    files: [...archivedFiles(resources, entries ?? []), ...plainFiles(resources, entries ?? [])],
  };
}

/** @param {string} target @returns {string | undefined} */
function resourcesOf(target) {
  if (isFile(target) && NATIVE.test(target)) return undefined; // a library, also if it is beside an app
  const folder = isFile(target) ? path.dirname(target) : target;
  const found = resourcesIn(folder);
  if (found) return found;
  // A folder that a packaging tool has made for one or several apps of macOS.
  const [app, ...others] = packagedAppsIn(folder).filter((name) => name.endsWith('.app'));
  return app && others.length === 0 ? resourcesIn(path.join(folder, app)) : undefined;
}

/** @param {string} folder @returns {string | undefined} */
function resourcesIn(folder) {
  const candidates = [
    path.join(folder, 'Contents', 'Resources'), // X.app
    path.join(folder, '..', 'Resources'), // X.app/Contents/MacOS
    path.join(folder, 'resources'),
    folder,
  ].map((each) => path.resolve(each));
  const holdsApp = (/** @type {string} */ each) =>
    [ARCHIVE, 'app'].some((name) => fs.existsSync(path.join(each, name)));
  return candidates.find((each) => path.basename(each).toLowerCase() === 'resources' && holdsApp(each));
}

/** The names of the packaged apps in a folder. @param {string} folder @returns {string[]} */
export function packagedAppsIn(folder) {
  if (!fs.statSync(folder).isDirectory()) return [];
  const names = fs.readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return names.map(({ name }) => name).filter((name) => resourcesIn(path.join(folder, name)));
}

/** @param {string} resources @param {string | undefined} named a file that the user has named */
function binariesOf(resources, named) {
  const contents = path.dirname(resources);
  const framework = path.join(contents, 'Frameworks', 'Electron Framework.framework', 'Electron Framework');
  if (fs.existsSync(framework)) {
    return { executable: largestExecutable(path.join(contents, 'MacOS')), electron: fs.realpathSync(framework) };
  }
  const isBinary = named && path.dirname(path.resolve(named)) === contents && readKind(named);
  const executable = isBinary ? path.resolve(named) : largestExecutable(contents);
  return { executable, electron: executable };
}

/** Whether it can be read: no folder, no device, no link that leads nowhere. @param {string} file */
export const isFile = (file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true;

/** Beside the executable, also where that is missing. */
const HELPERS = /^chrome[-_](?:sandbox|crashpad_handler)/;

/** Electron's own is far larger than what is beside it. @param {string} folder */
function largestExecutable(folder) {
  if (!fs.existsSync(folder)) return undefined;
  return fs
    .readdirSync(folder)
    .filter((name) => !NATIVE.test(name) && !HELPERS.test(name))
    .map((name) => path.join(folder, name))
    .filter(isFile)
    .map((file) => ({ file, size: fs.statSync(file).size }))
    .sort((a, b) => b.size - a.size)
    .find(({ file }) => readKind(file))?.file;
}

/** The names of native files. */
export const NATIVE = /\.(?:node|dll|dylib|so(?:\.\d+)*)$/i;

/** @param {string} resources @param {import('./asar.mjs').ArchiveEntry[]} entries @returns {AppFile[]} */
function archivedFiles(resources, entries) {
  return entries.map(({ path: name, unpacked, read }) => {
    if (!unpacked) return { path: `${ARCHIVE}/${name}`, place: 'archive', read };
    const file = path.join(resources, UNPACKED, ...name.split('/'));
    const readUnpacked = () => (isFile(file) ? fs.readFileSync(file) : undefined);
    return { path: `${UNPACKED}/${name}`, place: 'unpacked', file, read: readUnpacked };
  });
}

/** The files outside the archive that it does not list. @returns {AppFile[]} */
function plainFiles(/** @type {string} */ resources, /** @type {import('./asar.mjs').ArchiveEntry[]} */ entries) {
  const listed = new Set(entries.filter(({ unpacked }) => unpacked).map(({ path: name }) => `${UNPACKED}/${name}`));
  return fs
    .readdirSync(resources, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => ({ file, path: path.relative(resources, file).split(path.sep).join('/') }))
    .filter(({ path: name }) => !listed.has(name) && !name.endsWith('.asar'))
    .map(({ file, path: name }) => ({
      path: name,
      place: name.startsWith(`${UNPACKED}/`) ? 'unpacked' : 'folder',
      file,
      read: () => fs.readFileSync(file),
    }));
}
