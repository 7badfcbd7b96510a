// The packages, as a stranger installs them: packed, and installed by npm into an empty app outside this checkout,
// with no compiler on the PATH, no script run and nothing fetched.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import asar from '@electron/asar';
import { npm, run } from '../../scripts/lib/console.mjs';
import { electronFlags } from '../../scripts/lib/electron.mjs';
import { isNewer, neededGlibc } from '../../scripts/lib/elf.mjs';
import { libraryName, programName, rust, validatorName } from '../../scripts/lib/native-build.mjs';
import { isValidator } from '../../scripts/lib/release.mjs';
import { temporaryProfile } from '../../scripts/lib/window.mjs';

const root = path.join(import.meta.dirname, '..', '..');
const require = createRequire(import.meta.url);
const { fixtureLibrary, temporaryFolder } = require('../support/fixtures.js');

const PACK_LIMIT_MS = 4 * 60_000; // the first time, a whole release build and the download of its linker
const LIMIT_MS = 20_000;
/** The main one has the crate for libraries in Rust, and what `new` makes a folder of. */
const MAX_BYTES = { main: 125_000, platform: 1_000_000, validator: 600_000 };
/** Libraries are validated on Linux only, so far. */
const VALIDATES = process.platform === 'linux';

/** All tarballs that were packed. */
const tarballs = () => fs.readdirSync(path.join(root, 'dist')).map((name) => path.join(root, 'dist', name));
/** Without the network. @param {string} folder of a cache */
const npmFlags = (folder) => [
  ...['--offline', '--cache', path.join(folder, 'cache')],
  ...['--ignore-scripts', '--no-audit', '--no-fund'],
];

/** All files below a folder, with forward slashes. @param {string} folder */
const filesIn = (folder) =>
  fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'))
    .sort();

/**
 * An environment without Rust, and without what npm tells the scripts that it runs.
 * @param {string} bin an empty folder
 */
function withoutRust(bin) {
  const rust = ['cargo', 'rustc'];
  const has = (/** @type {string} */ folder) => rust.some((name) => fs.existsSync(path.join(folder, name)));
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => !has(folder));
  fs.symlinkSync(process.execPath, path.join(bin, 'node'));
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_|^INPLACE_EXCHANGE_|^NODE_PATH$/i.test(name));
  return { ...Object.fromEntries(inherited), PATH: [bin, ...folders].join(path.delimiter) };
}

/** What is linked into the addon and the default library, as the graph of the workspace has it. */
async function linkedCrates() {
  const args = ['metadata', '--format-version=1', '--locked', `--filter-platform=${(await rust()).triple}`];
  const { stdout } = spawnSync('cargo', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 });
  const { packages, resolve } = JSON.parse(stdout);
  const byId = new Map(packages.map((/** @type {any} */ each) => [each.id, each]));
  const nodes = new Map(resolve.nodes.map((/** @type {any} */ node) => [node.id, node]));
  /** @type {Set<string>} */
  const linked = new Set();
  const follow = (/** @type {string} */ id) => {
    const isMacro = byId.get(id).targets.some((/** @type {any} */ { kind }) => kind.includes('proc-macro'));
    if (isMacro || linked.has(id)) return;
    linked.add(id);
    for (const { pkg, dep_kinds: kinds } of nodes.get(id).deps)
      if (kinds.some((/** @type {any} */ { kind }) => kind === null)) follow(pkg);
  };
  for (const { id, name } of packages)
    if (['inplace-exchange', 'native-lib', 'library-process'].includes(name)) follow(id);
  const crates = [...linked].map((id) => byId.get(id)).filter(({ source }) => source !== null);
  return crates.map(({ name, version }) => `${name} ${version}`).sort();
}

describe('the packages', () => {
  const folder = temporaryFolder();
  const app = path.join(folder, 'app');
  const modules = path.join(app, 'node_modules');
  /** @type {NodeJS.ProcessEnv} */
  let env;
  /** @type {string} */
  let platform;

  /** The manifest of an installed package. @param {string} name */
  const manifest = (name) => JSON.parse(fs.readFileSync(path.join(modules, name, 'package.json'), 'utf8'));

  /** What a script in the app prints. @param {string} script @param {string[]} [flags] */
  async function inNode(script, flags = []) {
    const { status, output } = await run(process.execPath, [...flags, '-e', script], {
      cwd: app,
      env,
      limitMs: LIMIT_MS,
    });
    assert.equal(status, 0, output);
    return output.trim();
  }

  /** What the app prints. @param {string} app */
  async function inElectron(app) {
    const flags = [...electronFlags(), '--log-level=3', `--user-data-dir=${temporaryProfile()}`];
    const { output } = await run(require('electron'), [...flags, app], { env, limitMs: LIMIT_MS });
    return output;
  }

  before(async function () {
    this.timeout(PACK_LIMIT_MS);
    const packed = await run(process.execPath, ['scripts/pack.mjs'], { cwd: root, limitMs: PACK_LIMIT_MS });
    assert.equal(packed.status, 0, packed.output);
    const bin = path.join(folder, 'bin');
    fs.mkdirSync(bin);
    env = withoutRust(bin);
    fs.cpSync(path.join(import.meta.dirname, 'app'), app, { recursive: true });
    fs.writeFileSync(path.join(app, 'package.json'), '{ "name": "app", "private": true, "main": "main.js" }');
    const ofApps = tarballs().filter((file) => !isValidator(path.basename(file)));
    const { status, output } = await npm(['install', ...npmFlags(folder), ...ofApps], { cwd: app, env });
    assert.equal(status, 0, output);
    [platform] = Object.keys(manifest('inplace-exchange').optionalDependencies);
  });

  it('are small', () => {
    const kindOf = (/** @type {string} */ name) =>
      /^inplace-exchange-\d/.test(name) ? 'main' : isValidator(name) ? 'validator' : 'platform';
    const sizes = tarballs().map((file) => ({
      name: path.basename(file),
      bytes: fs.statSync(file).size,
      limit: MAX_BYTES[kindOf(path.basename(file))],
    }));
    const kinds = ['main', 'platform', ...(VALIDATES ? ['validator'] : [])];
    assert.deepEqual(sizes.map(({ name }) => kindOf(name)).sort(), kinds);
    assert.deepEqual(
      sizes.filter(({ bytes, limit }) => bytes > limit),
      [],
    );
  });

  it('are installed without Rust, and bring nothing else', async () => {
    assert.equal((await run('cargo', ['--version'], { env })).status, 127);
    assert.deepEqual(
      fs
        .readdirSync(modules)
        .filter((name) => !name.startsWith('.'))
        .sort(),
      ['@inplace-exchange', 'inplace-exchange'],
    );
    assert.deepEqual(fs.readdirSync(path.join(modules, '@inplace-exchange')), [path.basename(platform)]);
  });

  it('have the files of the package, and none of the app or of another system', () => {
    const texts = ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'package.json'];
    const [lib, include] = ['lib', 'include'].map((part) =>
      filesIn(path.join(root, part)).map((name) => `${part}/${name}`),
    );
    const source = filesIn(path.join(root, 'sdk', 'src')).map((name) => `sdk/src/${name}`);
    const sdk = ['sdk/Cargo.toml', 'sdk/README.md', ...source];
    assert.deepEqual(
      filesIn(path.join(modules, 'inplace-exchange')),
      [...texts, ...include, 'index.d.ts', 'index.js', 'native.js', ...lib, ...sdk].sort(),
    );
    const addon = `inplace-exchange.${platform.replace(/^.*\/addon-/, '')}.node`;
    assert.deepEqual(
      filesIn(path.join(modules, platform)),
      [...texts, 'THIRD-PARTY-NOTICES', addon, libraryName('native_lib'), programName()].sort(),
    );
  });

  it('have the licence of each crate that is linked into them', async () => {
    const notices = fs.readFileSync(path.join(modules, platform, 'THIRD-PARTY-NOTICES'), 'utf8');
    const [list, ...texts] = notices.split(/^-{80}\n\[\d+\]\n/m);
    const parts = [...list.matchAll(/^(.+) \((.+)\):((?: \[\d+\])+)$/gm)].map(([, name, licence, numbers]) => ({
      name,
      licence,
      own: [...numbers.matchAll(/\d+/g)].map(([number]) => texts[Number(number) - 1] ?? ''),
    }));
    const isCrate = (/** @type {string} */ name) => /^\S+ \d+\.\d+\.\d+\S*$/.test(name);
    // The graph has the features of the whole workspace in it, and so a few crates more.
    const linked = await linkedCrates();
    for (const { name } of parts.filter((part) => isCrate(part.name))) assert.ok(linked.includes(name), name);
    const standard = parts.find(({ name }) => /^The standard library of rustc \d/.test(name));
    assert.equal(standard?.licence, 'MIT OR Apache-2.0');

    for (const { name, licence, own } of parts)
      assert.ok(
        own.some((text) => text.length > 500) && own.every((text) => /licen[cs]|permission/i.test(text)),
        `${name} (${licence})`,
      );
    assert.equal(new Set(texts.map((text) => text.replace(/\s+/g, ' '))).size, texts.length);

    // The messages of panics have the paths of crates in them, also of those in the standard library.
    const native = fs.readFileSync(path.join(modules, platform, manifest(platform).main), 'latin1');
    const seen = [...native.matchAll(/([a-z0-9_-]+)-(\d+\.\d+\.\d+)[/\\]src[/\\]/g)];
    assert.ok(seen.some(([, name]) => name === 'napi'));
    const inStandard = standard?.name.split(/,? /) ?? [];
    for (const [, name, version] of seen)
      assert.ok(
        parts.some((part) => part.name === `${name} ${version}`) || inStandard.includes(name.replaceAll('-', '_')),
        name,
      );
  });

  it('have no scripts, and what npm needs to install the right one', () => {
    const of = (/** @type {any} */ { version, license, repository, homepage, bugs, engines }) =>
      JSON.stringify({ version, license, repository, homepage, bugs, engines });
    for (const name of ['inplace-exchange', platform]) {
      assert.equal(of(manifest(name)), of(require('../../package.json')));
      const { scripts, dependencies, devDependencies, napi } = manifest(name);
      assert.deepEqual([scripts, dependencies, devDependencies, napi], [undefined, undefined, undefined, undefined]);
    }
    const { version, main } = manifest('inplace-exchange');
    const native = manifest(platform);
    assert.equal(main, 'index.js');
    assert.deepEqual(manifest('inplace-exchange').optionalDependencies, { [platform]: native.version });
    assert.deepEqual([native.version, native.os, native.cpu], [version, [process.platform], [process.arch]]);
  });

  it('need no newer glibc than Electron', function () {
    if (!manifest(platform).libc?.includes('glibc') || manifest(platform).private) this.skip(); // a local build
    const electron = neededGlibc(require('electron'));
    for (const name of filesIn(path.join(modules, platform)).filter(
      (name) => /\.(node|so)$/.test(name) || name === programName(),
    )) {
      const needed = neededGlibc(path.join(modules, platform, name));
      assert.ok(!isNewer(needed, electron), `${name} needs glibc ${needed}, Electron ${electron}`);
    }
  });

  it('exchange in Node.js, with the default library and one by its path', async () => {
    const exchange =
      'const buffer = Buffer.alloc(256); console.log(buffer.toString("utf8", 0, exchangeDataInPlace(buffer)))';
    assert.match(
      await inNode(`const { exchangeDataInPlace } = require('inplace-exchange'); ${exchange}`),
      /^Hello from Rust!/,
    );
    const module = ['--input-type=module'];
    assert.match(await inNode(`import { exchangeDataInPlace } from 'inplace-exchange'; ${exchange}`, module), /^Hello/);
    const library = JSON.stringify(fixtureLibrary('zero'));
    const open = `require('inplace-exchange').openLibrary(${library}).exchangeDataInPlace(Buffer.alloc(8))`;
    assert.equal(await inNode(`console.log(${open})`), '0');
  });

  it('run a library in a process of its own', async () => {
    const script = `
      const { openLibrary } = require('inplace-exchange');
      const library = openLibrary(${JSON.stringify(path.join(modules, platform, libraryName('native_lib')))}, { process: 'own' });
      const buffer = Buffer.alloc(256);
      const text = buffer.toString('utf8', 0, library.exchangeDataInPlace(buffer));
      console.log(text, library.process.pid > 0 && library.process.pid !== process.pid);`;
    assert.match(await inNode(script), /^Hello from Rust! .* true$/);
  });

  it('validate a library once the package with the program for that is there', async function () {
    if (!VALIDATES) this.skip();
    const project = path.join(folder, 'library');
    fs.mkdirSync(project);
    fs.writeFileSync(path.join(project, 'package.json'), '{ "name": "library", "private": true }');
    const command = path.join(project, 'node_modules', '.bin', 'inplace-exchange');
    const validate = () =>
      run(command, ['validate', fixtureLibrary('zero'), '--quick', '--only', 'symbols|guards'], { cwd: project, env });
    const [validator] = tarballs().filter((file) => isValidator(path.basename(file)));
    const [main] = tarballs().filter((file) => /^inplace-exchange-\d/.test(path.basename(file)));
    const flags = [...npmFlags(folder), '--omit=optional'];
    const without = await npm(['install', ...flags, main], { cwd: project, env });
    assert.equal(without.status, 0, without.output);
    const { status, output } = await validate();
    assert.equal(status, 2, output);
    const [, name] = /type: npm install --save-dev (\S+)\n/.exec(output) ?? [];
    const installed = await npm(['install', '--save-dev', ...flags, validator], { cwd: project, env });
    assert.equal(installed.status, 0, installed.output);
    const found = filesIn(path.join(project, 'node_modules', name));
    const texts = ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'package.json', 'THIRD-PARTY-NOTICES'];
    const scripts = filesIn(path.join(root, 'validator', 'command')).map((each) => `command/${each}`);
    assert.deepEqual(found, [...texts, ...scripts, validatorName()].sort());
    const validated = await validate();
    assert.equal(validated.status, 0, validated.output);
    assert.match(validated.output, /^ok {7}guards /m);
  });

  it('are found by build scripts: the header, from which a library is built, and the version', async function () {
    if (process.platform === 'win32') this.skip(); // there is no cc
    const header = await inNode("console.log(require.resolve('inplace-exchange/include/exchange.h'))");
    const source = path.join(folder, 'library.c');
    fs.writeFileSync(source, '#include "exchange.h"\nint64_t exchange_inplace(uint8_t *d, size_t n) { return 1; }\n');
    const library = path.join(folder, libraryName('built'));
    const flags = ['-shared', '-fPIC', '-I', path.dirname(header), '-o', library];
    const { status, output } = await run('cc', [...flags, source], { env });
    assert.equal(status, 0, output);
    const open = `require('inplace-exchange').openLibrary(${JSON.stringify(library)}).exchangeDataInPlace(Buffer.alloc(8))`;
    assert.equal(await inNode(`console.log(${open})`), '1');
    const { version } = manifest('inplace-exchange');
    assert.equal(await inNode("console.log(require('inplace-exchange/package.json').version)"), version);
  });

  it('exchange in an isolated window of Electron', async () => {
    assert.match(await inElectron(app), /^exchanged: Hello from Rust!/m);
  });

  it('do what their README says', async function () {
    if (process.platform === 'win32') this.skip(); // its command is for Linux
    const readme = fs.readFileSync(path.join(modules, 'inplace-exchange', 'README.md'), 'utf8');
    const [preload, page, library] = [...readme.matchAll(/```(?:js|c)\n(.*?)```/gs)].map(([, source]) => source);
    const written = path.join(app, 'readme');
    fs.mkdirSync(path.join(written, 'native'), { recursive: true });
    for (const name of ['main.js', 'package.json']) fs.copyFileSync(path.join(app, name), path.join(written, name));
    fs.writeFileSync(path.join(written, 'preload.js'), preload.replace('app://my-app', 'file://'));
    const source = page.replace("'inplace-exchange/page'", "'../node_modules/inplace-exchange/lib/page.mjs'");
    const isGrey = '(await exchange(64, { library: "camera" })).every((byte) => byte === 0x80)';
    const again = `document.title = "again: " + ${isGrey};`;
    fs.writeFileSync(path.join(written, 'page.html'), `<script type="module">${source}${again}</script>`);
    fs.writeFileSync(path.join(written, 'native', 'camera.c'), library);
    const [, compile] = /** @type {RegExpMatchArray} */ (readme.match(/^`(cc .+)`$/m));
    const [cc, ...args] = compile.replaceAll('node_modules', modules).split(' ');
    const { status, output } = await run(cc, args, { cwd: written, env });
    assert.equal(status, 0, output);
    assert.match(await inElectron(written), /^again: true$/m);
  });

  it('exchange in an app in an archive, with the native files beside it', async () => {
    const archive = path.join(folder, 'packed', 'app.asar');
    await asar.createPackageWithOptions(app, archive, { unpack: '*.{node,so,dylib,dll}' });
    assert.match(await inElectron(archive), /^exchanged: Hello from Rust!/m);
  });

  it('have types that a strict app compiles against', async () => {
    fs.copyFileSync(path.join(import.meta.dirname, 'consumer.mts'), path.join(app, 'consumer.mts'));
    const options = '--strict --exactOptionalPropertyTypes --noEmit --module nodenext --target es2023 --lib es2023,dom';
    const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const args = [tsc, ...options.split(' '), '--types', '', 'consumer.mts'];
    const { status, output } = await run(process.execPath, args, { cwd: app });
    assert.equal(status, 0, output);
  });

  describe('when the addon is missing', () => {
    const moved = path.join(folder, 'moved');
    /** The error of a require. @param {string} [before] */
    const failure = async (before = '') =>
      JSON.parse(
        await inNode(
          `${before}; try { require('inplace-exchange') } catch ({ code, message }) { console.log(JSON.stringify({ code, message })) }`,
        ),
      );
    before(() => fs.renameSync(path.join(modules, platform), moved));
    after(() => fs.renameSync(moved, path.join(modules, platform)));

    it('name its package', async () => {
      const { code, message } = await failure();
      assert.equal(code, 'ERR_ADDON');
      assert.ok(message.startsWith(`${platform}, which has the addon`), message);
    });

    it('say which systems have one, and how to build it, on another system', async () => {
      const { code, message } = await failure("Object.defineProperty(process, 'arch', { value: 'riscv64' })");
      assert.equal(code, 'ERR_ADDON');
      assert.ok(
        message.startsWith(
          `inplace-exchange has no package for this system (${process.platform} riscv64), only ${platform}; `,
        ),
        message,
      );
      assert.match(message, /npm run pack/);
    });

    it("give the system's reason for a file that cannot be loaded", async () => {
      const broken = path.join(modules, platform);
      fs.cpSync(moved, broken, { recursive: true });
      fs.writeFileSync(path.join(broken, manifest(platform).main), 'not a library');
      const { code, message } = await failure();
      fs.rmSync(broken, { recursive: true });
      assert.equal(code, 'ERR_ADDON');
      assert.match(message, /^The addon of inplace-exchange cannot be loaded: .*(invalid|not a valid|file too short)/);
    });
  });
});
