// The npm packages as they are published: one with the JavaScript, and one for each system with its native files, which
// npm installs on that system alone. No package has an install script, and none needs a compiler. The program of
// `inplace-exchange validate` has a package of its own, which nothing depends on: apps do not ship it.
//
// They are made of the files that are named here, in a folder that is emptied before: the tarballs do not depend on
// what was built earlier. The root's package.json is the app's, and is never published.

import fs from 'node:fs';
import path from 'node:path';
import { parseTriple } from '@napi-rs/cli';
import { Failure, npm } from './console.mjs';
import { thirdPartyNotices } from './notices.mjs';
import { isValidator } from './release.mjs';

const root = path.join(import.meta.dirname, '..', '..');

/**
 * @typedef {object} Folders both are emptied before
 * @property {string} dist where the tarballs are
 * @property {string} staged what is packed, a folder for each package
 */

/** Of `npm run pack`. @type {Folders} */
const FOLDERS = { dist: path.join(root, 'dist'), staged: path.join(root, 'target', 'packages') };

/** In place of the repository's: without its pictures, and small. */
const PACKAGE_README = 'docs/npm-readme.md';

const LICENCES = ['LICENSE-APACHE', 'LICENSE-MIT'];
/** In the packages with native files: what the licences of others ask for. */
const NOTICES = 'THIRD-PARTY-NOTICES';
const MAIN_FILES = ['index.js', 'index.d.ts', 'native.js', 'lib', 'include', 'README.md', ...LICENCES];
/** Of the crate for libraries, from which `npx inplace-exchange new` makes one. */
const SDK_FILES = ['sdk/README.md', 'sdk/src'];

/** @typedef {import('./portable-build.mjs').NativeBuild} NativeBuild */

/** @returns {Record<string, any>} */
const rootManifest = () => JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));

/** The package with a system's native files. @param {string} platform */
export const platformPackage = (platform) => `${rootManifest().napi.packageName}-${platform}`;

/** The package with the validator for a system. @param {string} platform */
const validatorPackage = (platform) => `${path.posix.dirname(rootManifest().napi.packageName)}/validator-${platform}`;

/** Those that a release has. @returns {string[]} */
export const publishedPlatforms = () =>
  rootManifest().napi.targets.map((/** @type {string} */ triple) => parseTriple(triple).platformArchABI);

/**
 * Makes the tarballs of the main package and of those of the systems, which become its optional dependencies.
 * @param {NativeBuild[]} builds
 * @param {{ folders?: Folders, platforms?: string[] }} [options] `platforms`: those that the main package names, which
 *   are those of the builds if left out
 * @returns {Promise<string[]>} the paths of those that an app installs
 */
export async function pack(builds, { folders = FOLDERS, platforms = builds.map(({ platform }) => platform) } = {}) {
  const { dist, staged } = folders;
  for (const folder of [staged, dist]) fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(dist, { recursive: true });
  const packages = [
    stageMain(builds, platforms, staged),
    ...(await Promise.all(builds.flatMap((build) => [stagePlatform(build, staged), ...stageValidator(build, staged)]))),
  ];
  const options = ['--pack-destination', dist, '--ignore-scripts', '--loglevel=error'];
  const { status, output } = await npm(['pack', ...packages, ...options], { cwd: staged });
  if (status !== 0) throw new Failure(`npm pack failed:\n${output.trim()}`);
  const apps = fs.readdirSync(dist).filter((name) => !isValidator(name));
  return apps.map((name) => path.join(dist, name));
}

/** The addon that was packed. */
export function packedAddon({ staged } = FOLDERS) {
  const files = fs.readdirSync(staged, { recursive: true, encoding: 'utf8' });
  return path.join(staged, files.find((name) => name.endsWith('.node')) ?? '');
}

/** What all packages say of themselves. @param {boolean} localOnly whether npm must refuse to publish it */
function commonManifest(localOnly) {
  const { version, license, repository, homepage, bugs, engines } = rootManifest();
  return { version, license, repository, homepage, bugs, engines, ...(localOnly && { private: true }) };
}

/** @param {NativeBuild[]} builds @param {string[]} platforms @param {string} staged */
function stageMain(builds, platforms, staged) {
  const { name, version, description, exports, bin } = rootManifest();
  const folder = stage(
    staged,
    {
      name,
      description,
      ...commonManifest(builds.some(({ localOnly }) => localOnly)),
      main: 'index.js',
      types: 'index.d.ts',
      exports,
      bin,
      files: [...MAIN_FILES, 'sdk'],
      optionalDependencies: Object.fromEntries(platforms.map((platform) => [platformPackage(platform), version])),
    },
    Object.fromEntries(
      [...MAIN_FILES, ...SDK_FILES].map((file) => [
        file,
        path.join(root, file === 'README.md' ? PACKAGE_README : file),
      ]),
    ),
  );
  fs.writeFileSync(path.join(folder, 'sdk', 'Cargo.toml'), standaloneManifest('sdk'));
  return folder;
}

/** The manifest of a crate without what it takes from the workspace. @param {string} crate */
function standaloneManifest(crate) {
  const [, common] = /** @type {RegExpMatchArray} */ (
    fs.readFileSync(path.join(root, 'Cargo.toml'), 'utf8').match(/\[workspace\.package\]\n(.*?)\n\n/s)
  );
  const values = new Map(common.split('\n').map((line) => [line.split(' ')[0], line]));
  return fs
    .readFileSync(path.join(root, crate, 'Cargo.toml'), 'utf8')
    .replace(/^(\S+)\.workspace = true$/gm, (_, key) => values.get(key) ?? '')
    .replace(/\n\[lints\]\nworkspace = true\n/, '');
}

/** @param {NativeBuild} build @param {string} staged */
async function stagePlatform(build, staged) {
  const { triple, platform, addon, library, program } = build;
  const main = `inplace-exchange.${platform}.node`;
  const native = {
    [main]: addon,
    [path.basename(library)]: library,
    ...(program && { [path.basename(program)]: program }),
  };
  const description = `The addon and the default library of inplace-exchange for ${platform}`;
  return stageNative(build, staged, {
    name: platformPackage(platform),
    description: `${description}. npm installs it with that package, on that system`,
    native,
    main,
    notices: await thirdPartyNotices(triple, addon),
  });
}

/** @param {NativeBuild} build @param {string} staged */
function stageValidator(build, staged) {
  const { triple, platform, validator } = build;
  if (!validator) return [];
  const name = validatorPackage(platform);
  const description = `The program of npx inplace-exchange validate for ${platform}`;
  const usage = 'It is for those who write libraries, and no app ships it: npm install --save-dev';
  const notices = thirdPartyNotices(triple, validator, ['validator']);
  return [
    notices.then((text) =>
      stageNative(build, staged, {
        name,
        description: `${description}. ${usage} ${name}`,
        native: { [path.basename(validator)]: validator, command: path.join(root, 'validator', 'command') },
        notices: text,
      }),
    ),
  ];
}

/**
 * A package with native files.
 * @param {NativeBuild} build @param {string} staged
 * @param {{ name: string, description: string, native: Record<string, string>, main?: string, notices: string }} parts
 */
function stageNative({ system: { os, cpu, libc }, localOnly }, staged, { name, description, native, main, notices }) {
  const folder = stage(
    staged,
    {
      name,
      description,
      ...commonManifest(Boolean(localOnly)),
      os: [os],
      cpu: [cpu],
      ...(libc && { libc: [libc] }),
      ...(main && { main }),
      files: [...Object.keys(native), ...LICENCES, NOTICES],
    },
    { ...native, ...Object.fromEntries(LICENCES.map((file) => [file, path.join(root, file)])) },
  );
  const remark = localOnly ? `\n\nNot to be published: ${localOnly}.` : '';
  const licences = `${NOTICES} has the licences of the code by others in these files.`;
  const readme = `# ${name}\n\n${description}.\n\n${licences}${remark}\n`;
  fs.writeFileSync(path.join(folder, 'README.md'), readme);
  fs.writeFileSync(path.join(folder, NOTICES), notices);
  return folder;
}

/**
 * Writes a package's folder.
 * @param {string} staged
 * @param {Record<string, any>} manifest
 * @param {Record<string, string>} files where each is taken from, by its name in the package
 */
function stage(staged, manifest, files) {
  const folder = path.join(staged, path.basename(manifest.name));
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const [name, from] of Object.entries(files)) fs.cpSync(from, path.join(folder, name), { recursive: true });
  return folder;
}
