// The npm packages as they are published: one with the JavaScript, and one for each system with its native files, which
// npm installs on that system alone. No package has an install script, and none needs a compiler.
//
// They are made of the files that are named here, in a folder that is emptied before: the tarballs do not depend on
// what was built earlier. The root's package.json is the app's, and is never published.

import fs from 'node:fs';
import path from 'node:path';
import { Failure, npm } from './console.mjs';

const root = path.join(import.meta.dirname, '..', '..');

/** Where the tarballs are. */
export const DIST = path.join(root, 'dist');

/** What is packed, a folder for each package. */
const STAGED = path.join(root, 'target', 'packages');

/** In place of the repository's: without its pictures, and small. */
const PACKAGE_README = 'docs/npm-readme.md';

const LICENCES = ['LICENSE-APACHE', 'LICENSE-MIT'];
const MAIN_FILES = ['index.js', 'index.d.ts', 'native.js', 'lib', 'include', 'README.md', ...LICENCES];

/** @typedef {import('./portable-build.mjs').NativeBuild} NativeBuild */

/** @returns {Record<string, any>} */
const rootManifest = () => JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));

/** The package with a system's native files. @param {string} platform */
export const platformPackage = (platform) => `${rootManifest().napi.packageName}-${platform}`;

/**
 * Makes the tarballs of the main package and of those of the systems, which become its optional dependencies.
 * @param {NativeBuild[]} builds
 * @returns {Promise<string[]>} their paths
 */
export async function pack(builds) {
  for (const folder of [STAGED, DIST]) fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(DIST, { recursive: true });
  const folders = [stageMain(builds), ...builds.map(stagePlatform)];
  const options = ['--pack-destination', DIST, '--ignore-scripts', '--loglevel=error'];
  const { status, output } = await npm(['pack', ...folders, ...options], { cwd: STAGED });
  if (status !== 0) throw new Failure(`npm pack failed:\n${output.trim()}`);
  return fs.readdirSync(DIST).map((name) => path.join(DIST, name));
}

/** The addon that was packed for this system. */
export function packedAddon() {
  const files = fs.readdirSync(STAGED, { recursive: true, encoding: 'utf8' });
  return path.join(STAGED, files.find((name) => name.endsWith('.node')) ?? '');
}

/** What all packages say of themselves. @param {boolean} localOnly whether npm must refuse to publish it */
function commonManifest(localOnly) {
  const { version, license, engines } = rootManifest();
  return { version, license, engines, ...(localOnly && { private: true }) };
}

/** @param {NativeBuild[]} builds */
function stageMain(builds) {
  const { name, version, description, exports, bin } = rootManifest();
  return stage(
    {
      name,
      description,
      ...commonManifest(builds.some(({ localOnly }) => localOnly)),
      main: 'index.js',
      types: 'index.d.ts',
      exports,
      bin,
      files: MAIN_FILES,
      optionalDependencies: Object.fromEntries(builds.map(({ platform }) => [platformPackage(platform), version])),
    },
    Object.fromEntries(MAIN_FILES.map((file) => [file, path.join(root, file === 'README.md' ? PACKAGE_README : file)])),
  );
}

/** @param {NativeBuild} build */
function stagePlatform({ platform, system: { os, cpu, libc }, addon, library, localOnly }) {
  const name = platformPackage(platform);
  const main = `inplace-exchange.${platform}.node`;
  const native = { [main]: addon, [path.basename(library)]: library };
  const description = `The addon and the default library of inplace-exchange for ${platform}`;
  const folder = stage(
    {
      name,
      description,
      ...commonManifest(Boolean(localOnly)),
      os: [os],
      cpu: [cpu],
      ...(libc && { libc: [libc] }),
      main,
      files: [...Object.keys(native), ...LICENCES],
    },
    { ...native, ...Object.fromEntries(LICENCES.map((file) => [file, path.join(root, file)])) },
  );
  const remark = localOnly ? `\n\nBuilt for one machine, not to be published: ${localOnly}.` : '';
  const readme = `# ${name}\n\n${description}. npm installs it with that package, on that system.${remark}\n`;
  fs.writeFileSync(path.join(folder, 'README.md'), readme);
  return folder;
}

/**
 * Writes a package's folder.
 * @param {Record<string, any>} manifest
 * @param {Record<string, string>} files where each is taken from, by its name in the package
 */
function stage(manifest, files) {
  const folder = path.join(STAGED, path.basename(manifest.name));
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const [name, from] of Object.entries(files)) fs.cpSync(from, path.join(folder, name), { recursive: true });
  return folder;
}
