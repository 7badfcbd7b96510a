// What has to hold of a release, and its publication on npm: the platform packages first, so that the main package never
// names one that is not there.

import fs from 'node:fs';
import path from 'node:path';
import { Failure, log, npm, run } from './console.mjs';

const MAIN = 'inplace-exchange';
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare'];

/** Whether a package, or its tarball, is that of a validator, on which nothing depends. @param {string} name */
export const isValidator = (name) => /\bvalidator-/.test(name);

/** @typedef {{ file: string, manifest: any }} Tarball an npm package, and its package.json */

/**
 * @param {string} root of the project @param {string} [tag] undefined where no tag was pushed
 * @returns {{ version: string, problems: string[] }}
 */
export function versionProblems(root, tag) {
  const read = (/** @type {string} */ file) => fs.readFileSync(path.join(root, file), 'utf8');
  const { version, repository } = JSON.parse(read('package.json'));
  const problems = [];
  if (!repository)
    problems.push('package.json has no repository, without which npm refuses provenance. See docs/releasing.md.');
  const cargo = /^\[workspace\.package\]\n(?:.+\n)*?version = "(.+)"/m.exec(read('Cargo.toml'))?.[1];
  if (cargo !== version) problems.push(`package.json has version ${version}, Cargo.toml ${cargo}.`);
  const lock = JSON.parse(read('package-lock.json')).version;
  if (lock !== version) problems.push(`package.json has version ${version}, package-lock.json ${lock}.`);
  if (tag !== undefined && tag !== `v${version}`) problems.push(`the tag is ${tag}, and the version is ${version}.`);
  const headings = read('CHANGELOG.md').match(/^## .*/gm) ?? [];
  const heading = new RegExp(`^## ${version.replaceAll('.', '\\.')}, \\d{4}-\\d{2}-\\d{2}$`);
  if (!heading.test(headings[0] ?? ''))
    problems.push(`CHANGELOG.md begins with '${headings[0]}', and not with '## ${version}, YEAR-MONTH-DAY'.`);
  return { version, problems };
}

/** @param {string} folder @returns {Promise<Tarball[]>} those in the folder, the main package last */
export async function readTarballs(folder) {
  const files = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.endsWith('.tgz')) : [];
  const tarballs = await Promise.all(
    files.map(async (name) => {
      // tar with a relative name, as one with a drive letter is a machine's name to some.
      const { status, output } = await run('tar', ['-xzOf', name, 'package/package.json'], { cwd: folder });
      if (status !== 0) throw new Failure(`${name} is no npm package: ${output.trim()}`);
      return { file: path.join(folder, name), manifest: JSON.parse(output) };
    }),
  );
  return tarballs.sort((a, b) => rank(a) - rank(b) || a.file.localeCompare(b.file));
}

/** @param {Tarball} tarball */
const rank = ({ manifest }) => (manifest.name === MAIN ? 1 : 0);

/**
 * @param {string} root of the project @param {Tarball[]} tarballs @param {string} version
 * @param {string} [repository] 'owner/name' on GitHub: npm refuses the provenance of a package that names another one
 * @returns {string[]}
 */
export function tarballProblems(root, tarballs, version, repository) {
  const main = tarballs.find(({ manifest }) => manifest.name === MAIN)?.manifest;
  if (!main) return [`there is no tarball of ${MAIN}. Type: npm run pack`];
  const names = tarballs.map(({ manifest }) => manifest.name);
  const platforms = names.filter((name) => name !== MAIN && !isValidator(name));
  const { targets } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')).napi;
  const problems = [];
  if (platforms.length !== targets.length)
    problems.push(`there are ${platforms.length} platform packages, and ${targets.length} targets in package.json.`);
  const validated = targets.filter((/** @type {string} */ target) => target.endsWith('linux-gnu')).length;
  const validators = names.filter(isValidator).length;
  if (validators !== validated)
    problems.push(`there are ${validators} packages with a validator, and ${validated} targets that have one.`);
  for (const [name, wanted] of Object.entries(main.optionalDependencies ?? {})) {
    if (!platforms.includes(name)) problems.push(`${MAIN} depends on ${name}, which is missing.`);
    if (wanted !== version) problems.push(`${MAIN} depends on ${name} ${wanted}, and not exactly on ${version}.`);
  }
  for (const name of platforms)
    if (!main.optionalDependencies?.[name]) problems.push(`${MAIN} does not depend on ${name}.`);
  for (const { manifest } of tarballs) problems.push(...manifestProblems(manifest, version, repository));
  return problems;
}

/** @param {any} manifest @param {string} version @param {string} [repository] @returns {string[]} */
function manifestProblems(
  { name, private: isPrivate, scripts = {}, repository: own, ...manifest },
  version,
  repository,
) {
  const problems = [];
  if (manifest.version !== version) problems.push(`${name} has version ${manifest.version}, and not ${version}.`);
  if (isPrivate) problems.push(`${name} is private.`);
  for (const script of INSTALL_SCRIPTS)
    if (scripts[script]) problems.push(`${name} has the script '${script}', which npm does not run.`);
  const url = String(own?.url ?? own ?? '');
  if (repository && !url.includes(`github.com/${repository}`))
    problems.push(`${name} has the repository '${url}', and not github.com/${repository}.`);
  return problems;
}

/**
 * Publishes what is not published yet: after a failure in the middle it is run again.
 * @param {Tarball[]} tarballs @param {{ dryRun: boolean }} options
 */
export async function publish(tarballs, { dryRun }) {
  for (const { file, manifest } of tarballs) {
    const spec = `${manifest.name}@${manifest.version}`;
    if (!dryRun && (await isPublished(spec))) {
      log(`${spec} is published already.`);
      continue;
    }
    const tag = manifest.version.includes('-') ? 'next' : 'latest';
    const args = ['publish', file, '--access', 'public', '--provenance', '--tag', tag];
    const { status, output } = await npm([...args, ...(dryRun ? ['--dry-run'] : [])], { cwd: path.dirname(file) });
    if (status !== 0) throw new Failure(`npm did not publish ${spec}:\n${output.trim()}`);
    log(`${spec} (${tag})${dryRun ? ' would be published' : ' is published'}.`);
  }
}

/** @param {string} spec */
async function isPublished(spec) {
  const { status, output } = await npm(['view', spec, 'version', '--loglevel=error']);
  return status === 0 && output.trim() !== '';
}
