// npm run release: a release whose parts do not agree is refused, and a whole one is published in order.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { npm, run } from '../../scripts/lib/console.mjs';
import { pack, publishedPlatforms } from '../../scripts/lib/packages.mjs';
import { publish, readTarballs, tarballProblems, versionProblems } from '../../scripts/lib/release.mjs';

const root = path.join(import.meta.dirname, '..', '..');
const PLATFORMS = ['@scope/linux-x64', '@scope/win32-x64'];
const TARGETS = ['x86_64-unknown-linux-gnu', 'x86_64-pc-windows-msvc'];
const VALIDATOR = '@scope/validator-linux-x64';
const REPOSITORY = { type: 'git', url: 'git+https://github.com/owner/name.git' };

describe('a release', () => {
  // No registry answers there: a dry run needs none.
  const NOWHERE = { npm_config_registry: 'http://127.0.0.1:9', npm_config_fetch_retries: '0' };
  before(() => Object.assign(process.env, NOWHERE));
  after(() => {
    for (const name of Object.keys(NOWHERE)) delete process.env[name];
  });

  /** @type {string} */
  let folder;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'inplace-exchange-'));
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  /** A project with what a release is judged by. @param {Record<string, string>} [changed] */
  function project(changed = {}) {
    const files = {
      'package.json': JSON.stringify({ version: '1.2.3', repository: REPOSITORY, napi: { targets: TARGETS } }),
      'package-lock.json': JSON.stringify({ version: '1.2.3' }),
      'Cargo.toml': '[workspace]\n\n[workspace.package]\nedition = "2024"\nversion = "1.2.3"\n',
      'CHANGELOG.md': '# Changelog\n\n## 1.2.3, 2026-12-01\n\n- All of it.\n\n## 1.2.2, 2026-11-01\n',
      ...changed,
    };
    for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text);
    return folder;
  }

  /** @param {Record<string, object>} [changed] of manifests */
  const manifests = (changed = {}) =>
    [
      ...[...PLATFORMS, VALIDATOR].map((name) => ({ name })),
      { name: 'inplace-exchange', optionalDependencies: Object.fromEntries(PLATFORMS.map((name) => [name, '1.2.3'])) },
    ].map((manifest) => ({
      version: '1.2.3',
      repository: REPOSITORY,
      ...manifest,
      ...changed[manifest.name],
    }));
  /** @param {Record<string, object>} [changed] */
  const problemsOf = (changed) =>
    tarballProblems(
      project(),
      manifests(changed).map((manifest) => ({ file: '', manifest })),
      '1.2.3',
      'owner/name',
    );

  it('has one version, in its files, in its tag and at the top of its changelog', () => {
    assert.deepEqual(versionProblems(project(), 'v1.2.3'), { version: '1.2.3', problems: [] });
    assert.deepEqual(versionProblems(project(), undefined).problems, []);
    for (const [changed, tag, problem] of /** @type {[Record<string, string>, string, RegExp][]} */ ([
      [{}, 'v1.2.4', /^the tag is v1\.2\.4, and the version is 1\.2\.3/],
      [{}, '1.2.3', /^the tag is 1\.2\.3/],
      [{ 'package-lock.json': '{"version":"1.2.2"}' }, 'v1.2.3', /package-lock\.json 1\.2\.2/],
      [{ 'Cargo.toml': '[workspace.package]\nversion = "1.2.2"\n' }, 'v1.2.3', /Cargo\.toml 1\.2\.2/],
      [{ 'CHANGELOG.md': '## Unreleased\n\n## 1.2.3, 2026-12-01\n' }, 'v1.2.3', /begins with '## Unreleased'/],
      [{ 'CHANGELOG.md': '## 1.2.3\n' }, 'v1.2.3', /begins with '## 1\.2\.3', and not/],
      [{ 'package.json': '{"version":"1.2.3"}' }, 'v1.2.3', /^package\.json has no repository, .*docs\/releasing\.md/],
    ])) {
      const { problems } = versionProblems(project(changed), tag);
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0], problem);
    }
  });

  it('has a package for each target, on which the main package depends exactly', () => {
    assert.deepEqual(problemsOf(), []);
    const [first] = PLATFORMS;
    for (const [changed, problem] of /** @type {[Record<string, object>, RegExp][]} */ ([
      [{ [first]: { version: '1.2.2' } }, /linux-x64 has version 1\.2\.2/],
      [{ [first]: { scripts: { postinstall: 'node x' } } }, /has the script 'postinstall'/],
      [{ [first]: { private: true } }, /is private/],
      [{ [first]: { repository: undefined } }, /has the repository '', and not github\.com\/owner\/name/],
      [{ 'inplace-exchange': { optionalDependencies: { [first]: '1.2.3' } } }, /does not depend on @scope\/win32-x64/],
      [
        { 'inplace-exchange': { optionalDependencies: { [first]: '^1.2.3', '@scope/win32-x64': '1.2.3' } } },
        /depends on @scope\/linux-x64 \^1\.2\.3, and not exactly/,
      ],
    ]))
      assert.match(problemsOf(changed).join('\n'), problem);
    const incomplete = manifests()
      .slice(1)
      .map((manifest) => ({ file: '', manifest }));
    assert.match(
      tarballProblems(project(), incomplete, '1.2.3').join('\n'),
      /1 platform packages, and 2 targets.*missing/s,
    );
    const unvalidated = manifests().filter(({ name }) => name !== VALIDATOR);
    assert.deepEqual(
      tarballProblems(
        project(),
        unvalidated.map((manifest) => ({ file: '', manifest })),
        '1.2.3',
      ),
      ['there are 0 packages with a validator, and 1 targets that have one.'],
    );
    assert.match(tarballProblems(project(), [], '1.2.3')[0], /no tarball of inplace-exchange\. Type: npm run pack/);
  });

  it('has a main package that is the same on every machine that builds', async () => {
    const folders = { dist: path.join(folder, 'release-dist'), staged: path.join(folder, 'release-staged') };
    const [tarball] = await pack([], { folders, platforms: publishedPlatforms() });
    const [{ manifest }] = await readTarballs(folders.dist);
    assert.equal(path.dirname(tarball), folders.dist);
    const { version, napi } = JSON.parse(fs.readFileSync('package.json', 'utf8'));
    assert.equal(napi.targets.length, 6);
    assert.deepEqual(
      manifest.optionalDependencies,
      Object.fromEntries(
        ['linux-x64-gnu', 'linux-arm64-gnu', 'darwin-x64', 'darwin-arm64', 'win32-x64-msvc', 'win32-arm64-msvc'].map(
          (platform) => [`@inplace-exchange/addon-${platform}`, version],
        ),
      ),
    );
  });

  it('is published with the platform packages first', async () => {
    const dist = path.join(project(), 'dist');
    fs.mkdirSync(dist);
    for (const manifest of manifests()) {
      const source = fs.mkdtempSync(path.join(folder, 'package-'));
      fs.writeFileSync(path.join(source, 'package.json'), JSON.stringify(manifest));
      const { status, output } = await npm(['pack', source, '--pack-destination', dist, '--loglevel=error']);
      assert.equal(status, 0, output);
    }
    const tarballs = await readTarballs(dist);
    assert.deepEqual(
      tarballs.map(({ manifest }) => manifest.name),
      [PLATFORMS[0], VALIDATOR, PLATFORMS[1], 'inplace-exchange'],
    );
    assert.deepEqual(tarballProblems(folder, tarballs, '1.2.3', 'owner/name'), []);
    await publish(tarballs, { dryRun: true });
    const missing = [{ ...tarballs[0], file: path.join(dist, 'missing.tgz') }];
    await assert.rejects(publish(missing, { dryRun: true }), /npm did not publish @scope\/linux-x64@1\.2\.3/);
  });

  it('of a checkout without a tag and without tarballs is refused', async () => {
    const script = path.join(root, 'scripts', 'release.mjs');
    const env = { ...process.env, GITHUB_REF_NAME: 'main' };
    const { status, output } = await run(process.execPath, [script, '--publish', folder], { env });
    assert.equal(status, 1);
    assert.match(output, /this is no release:\n(?: {2}.+\n)*? {2}the tag is main, and the version is/);
    assert.match(output, /there is no tarball of inplace-exchange/);
    const usage = await run(process.execPath, [script], { env });
    assert.equal(usage.status, 1);
    assert.match(usage.output, /one of --check and --publish is needed/);
  });
});
