// npx inplace-exchange doctor: on packaged apps that work, and on ones that were broken in the ways that people break
// them. The apps are packed as packaging tools do it, and not started; packaged.test.mjs starts one.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import asar from '@electron/asar';
import { FuseV1Options, FuseVersion, flipFuses } from '@electron/fuses';
import { libraryName } from '../../scripts/lib/native-build.mjs';

const require = createRequire(import.meta.url);
const { fixtureLibrary, temporaryFolder } = require('../support/fixtures.js');

const root = path.join(import.meta.dirname, '..', '..');
const command = path.join(root, 'lib', 'doctor', 'cli.mjs');
const ADDON = fs.readdirSync(root).find((name) => name.endsWith('.node')) ?? '';
const DEFAULT_LIBRARY = libraryName('native_lib');
const PACKAGE = 'node_modules/inplace-exchange';
const ELF_MACHINE = 18;
const ARM64 = 0xb7;

/** @typedef {import('../../lib/doctor/report.mjs').Report & { format: number, ok: boolean }} Report */

/** @param {string[]} args */
function doctor(...args) {
  return spawnSync(process.execPath, [command, 'doctor', ...args], { encoding: 'utf8' });
}

/** @param {string} [target] @returns {Report} */
function report(target) {
  const { status, stdout, stderr } = doctor(...(target ? [target] : []), '--json');
  const parsed = JSON.parse(stdout || 'null');
  assert.ok(parsed, stderr);
  assert.equal(status, parsed.ok ? 0 : 1);
  return parsed;
}

/** The lines of a report that are problems. @param {Report} report */
const problems = ({ findings }) =>
  findings.filter(({ status }) => status === 'problem').map(({ id, message }) => ({ id, message }));

describe('doctor, installed', () => {
  it('tries the addon and the default library', () => {
    const { target, versions, files, ...rest } = report();
    assert.deepEqual(problems({ target, versions, files, ...rest }), []);
    assert.equal(target.kind, 'installed');
    assert.equal(versions.node, process.versions.node);
    assert.deepEqual(
      files.map(({ role, platform, archs, abi }) => ({ role, platform, archs, abi })),
      [
        { role: 'addon', platform: process.platform, archs: [process.arch], abi: null },
        { role: 'default-library', platform: process.platform, archs: [process.arch], abi: 1 },
      ],
    );
  });

  it('speaks in plain words, and says how it is used', () => {
    const { status, stdout } = doctor();
    assert.equal(status, 0);
    assert.match(stdout, /^ok {7}the default library has written \d+ bytes in place$/m);
    assert.match(stdout, /\n\nno problem found\n$/);
    assert.match(doctor('--help').stdout, /^npx inplace-exchange doctor \[TARGET\] \[--json\]/);
  });

  it('refuses what it cannot examine, with the reason, also for programs', () => {
    const folder = temporaryFolder();
    fs.writeFileSync(path.join(folder, 'plain.app'), '');
    fs.symlinkSync('nowhere', path.join(folder, 'link.app'));
    for (const [args, reason] of /** @type {[string[], RegExp][]} */ ([
      [['/no-such-folder'], /^there is no \S*no-such-folder$/],
      [['a', 'b'], /^type: npx inplace-exchange doctor, new or validate$/],
      [['--unknown'], /^Unknown option '--unknown'/],
      [[''], /^the name of the target is empty$/],
      [[root], /is neither a packaged app nor a library\. Name the folder /],
      [[folder], /is neither a packaged app nor a library\. Name the folder /],
      [[process.execPath], /is neither a packaged app nor a library\. Name the folder /],
      [[os.devNull], /is neither a packaged app nor a library\. Name the folder /],
    ])) {
      if (args[0] === os.devNull && process.platform === 'win32') continue; // it is no path there
      const { status, stdout, stderr } = doctor(...args, '--json');
      assert.equal(status, 2, stderr);
      const { format, ok, error } = JSON.parse(stdout);
      assert.deepEqual({ format, ok }, { format: 1, ok: false });
      assert.match(error, reason);
      assert.ok(stderr.startsWith(`inplace-exchange: ${error}\n`), stderr);
      assert.equal(doctor(...args).stdout, '');
    }
  });
});

// The layout of a packaged app differs between systems, and the fixtures are for one; this is the layout on Linux.
if (process.platform === 'linux') {
  describe('doctor, a library', () => {
    const folder = temporaryFolder();

    for (const [fixture, expected] of /** @type {const} */ ([
      ['zero', undefined],
      ['nothing', /^nothing\.so exports neither exchange_inplace nor exchange_perform$/],
      ['abi-99', /^abi-99\.so is for version 99 of the C ABI, and this addon knows version 1$/],
      ['needs-nothing', undefined],
    ])) {
      it(`${fixture}: ${expected ? 'a problem' : 'in order'}`, () => {
        const found = problems(report(fixtureLibrary(fixture)));
        if (!expected) assert.deepEqual(found, []);
        else assert.match(found[0].message, expected);
      });
    }

    it('for another processor, or what is no library in spite of its name', () => {
      const library = path.join(folder, 'other.so');
      const bytes = fs.readFileSync(fixtureLibrary('zero'));
      bytes.writeUInt16LE(ARM64, ELF_MACHINE);
      fs.writeFileSync(library, bytes);
      const [{ message, next }] = report(library).findings;
      assert.match(message, /^other\.so is for arm64, and this machine is for x64$/);
      assert.equal(next, 'Build it for Linux x64.');
      fs.writeFileSync(library, 'INPUT ( -lother )');
      assert.equal(problems(report(library))[0].message, 'other.so is not a native file, or it is damaged');
    });

    it('ends quietly when nobody reads what it says', () => {
      const line = `"${process.execPath}" "${command}" doctor --json | (exec <&-; sleep 1)`;
      assert.equal(spawnSync('sh', ['-c', line], { encoding: 'utf8' }).stderr, '');
    });

    it('that was declared without extern "C"', () => {
      const source = path.join(folder, 'mangled.cc');
      fs.writeFileSync(source, 'long exchange_inplace(unsigned char *, unsigned long) { return 0; }\n');
      const library = path.join(folder, 'mangled.so');
      const { stderr } = spawnSync('c++', ['-shared', '-fPIC', '-o', library, source], { encoding: 'utf8' });
      const [problem] = report(library).findings;
      assert.equal(
        problem?.message,
        'mangled.so exports neither exchange_inplace nor exchange_perform, but _Z16exchange_inplacePhm',
        stderr,
      );
      assert.match(problem.next ?? '', /extern "C"/);
    });

    it('without the library that it needs, or with one where the loader does not look', () => {
      const alone = path.join(folder, 'needs-nothing.so');
      fs.copyFileSync(fixtureLibrary('needs-nothing'), alone);
      assert.equal(problems(report(alone))[0].message, 'needs-nothing.so needs nothing.so, which is not beside it');

      const library = path.join(folder, 'no-origin.so');
      const nothing = path.join(folder, 'nothing.so');
      fs.copyFileSync(fixtureLibrary('nothing'), nothing);
      const source = path.join(root, 'tests', 'fixtures', 'libraries', 'answer.c');
      const flags = ['-shared', '-fPIC', '-I', path.join(root, 'include'), '-DANSWER=0', '-DDEPENDENCY=1'];
      spawnSync('cc', [...flags, '-o', library, source, nothing]);
      const [{ message }] = problems(report(library));
      assert.equal(message, 'no-origin.so needs nothing.so, which is beside it, where the loader does not look');
    });
  });

  describe('doctor, a packaged app', function () {
    this.timeout(60_000);
    const parent = temporaryFolder();
    const folder = path.join(parent, 'a folder');
    const resources = path.join(folder, 'resources');
    const unpacked = path.join(resources, 'app.asar.unpacked');
    const app = path.join(folder, 'app');
    const inUnpacked = (/** @type {string[]} */ ...parts) => path.join(unpacked, ...parts);

    /** @param {{ unpack?: string }} [options] */
    async function pack({ unpack = '**/*.{node,so}' } = {}) {
      fs.rmSync(resources, { recursive: true, force: true });
      fs.mkdirSync(resources, { recursive: true });
      await asar.createPackageWithOptions(app, path.join(resources, 'app.asar'), { unpack });
    }

    /** @param {Partial<Record<keyof typeof FuseV1Options, boolean>>} fuses */
    async function setFuses(fuses) {
      const config = Object.fromEntries(
        Object.entries(fuses).map(([name, on]) => [
          FuseV1Options[/** @type {keyof typeof FuseV1Options} */ (name)],
          on,
        ]),
      );
      await flipFuses(path.join(folder, 'my-app'), { version: FuseVersion.V1, ...config });
    }

    const HARDENED = {
      RunAsNode: false,
      EnableNodeOptionsEnvironmentVariable: false,
      EnableNodeCliInspectArguments: false,
      EnableEmbeddedAsarIntegrityValidation: true,
      OnlyLoadAppFromAsar: true,
      LoadBrowserProcessSpecificV8Snapshot: false,
    };

    before(async () => {
      const electron = path.join(process.env.ELECTRON_OVERRIDE_DIST_PATH ?? '', 'electron');
      fs.mkdirSync(folder);
      fs.copyFileSync(electron, path.join(folder, 'my-app'));
      await setFuses(HARDENED);
      for (const name of ['package.json', 'index.js', 'native.js', 'lib', ADDON, DEFAULT_LIBRARY])
        fs.cpSync(path.join(root, name), path.join(app, PACKAGE, name), { recursive: true });
      fs.mkdirSync(path.join(app, 'native'));
      fs.writeFileSync(path.join(app, 'package.json'), '{"name": "my-app"}');
      for (const name of ['needs-nothing', 'nothing'])
        fs.copyFileSync(fixtureLibrary(name), path.join(app, 'native', `${name}.so`));
    });
    beforeEach(() => pack());

    it('in order: each part, for programs', () => {
      const { format, ok, target, versions, fuses, files, findings } = report(folder);
      assert.deepEqual({ format, ok }, { format: 1, ok: true });
      assert.deepEqual(target, { kind: 'packaged', path: path.join(folder, 'my-app') });
      assert.match(versions.electron ?? '', /^\d+\.\d+\.\d+/);
      assert.match(versions.node ?? '', /^\d+\.\d+\.\d+$/);
      assert.equal(versions.package, require('../../package.json').version);
      assert.deepEqual({ ...fuses, ...HARDENED }, fuses);
      assert.deepEqual(
        files.map(({ file, role, place }) => ({ file, role, place })),
        [
          { file: `app.asar.unpacked/${PACKAGE}/${ADDON}`, role: 'addon', place: 'unpacked' },
          { file: `app.asar.unpacked/${PACKAGE}/${DEFAULT_LIBRARY}`, role: 'default-library', place: 'unpacked' },
          { file: 'app.asar.unpacked/native/needs-nothing.so', role: 'library', place: 'unpacked' },
        ],
      );
      assert.deepEqual([...new Set(findings.map(({ status }) => status))], ['ok']);
    });

    it('is found by its executable, its resources and its archive', () => {
      for (const target of ['my-app', 'resources', 'resources/app.asar'])
        assert.equal(report(path.join(folder, target)).target.path, path.join(folder, 'my-app'), target);
      const library = path.join(resources, 'beside.so');
      fs.copyFileSync(fixtureLibrary('zero'), library);
      assert.deepEqual(report(library).target, { kind: 'library', path: library });
    });

    it('is named, where a folder with it is examined', () => {
      const { status, stderr } = doctor(parent);
      assert.equal(status, 2);
      assert.ok(stderr.endsWith(`There is one in it: ${folder}\n`), stderr);
    });

    it('without its executable, with a link beside it that leads nowhere', () => {
      const [executable, away] = ['my-app', 'away'].map((name) => path.join(name === 'away' ? parent : folder, name));
      fs.renameSync(executable, away);
      fs.copyFileSync(process.execPath, path.join(folder, 'chrome_crashpad_handler'));
      fs.symlinkSync('nowhere', path.join(folder, 'link'));
      const found = problems(report(folder));
      for (const name of ['chrome_crashpad_handler', 'link']) fs.rmSync(path.join(folder, name));
      fs.renameSync(away, executable);
      assert.deepEqual(found, [{ id: 'electron', message: `there is no executable of Electron beside ${resources}` }]);
    });

    it('without the default library', () => {
      fs.rmSync(inUnpacked(PACKAGE, DEFAULT_LIBRARY));
      assert.deepEqual(problems(report(folder)), [
        { id: 'default-library', message: `${DEFAULT_LIBRARY} is listed in app.asar as unpacked, and is not there` },
      ]);
    });

    it('without the addon: the package of the system was not installed', () => {
      const [kept, away] = [path.join(app, PACKAGE, ADDON), path.join(folder, ADDON)];
      fs.renameSync(kept, away);
      return pack()
        .then(() => report(folder))
        .then((found) => {
          assert.deepEqual(problems(found), [
            { id: 'addon', message: 'the addon (inplace-exchange.*.node) is not in the app' },
          ]);
        })
        .finally(() => fs.renameSync(away, kept));
    });

    it('for another processor', () => {
      for (const [id, file] of /** @type {const} */ ([
        ['addon', inUnpacked(PACKAGE, ADDON)],
        ['default-library', inUnpacked(PACKAGE, DEFAULT_LIBRARY)],
        ['library', inUnpacked('native', 'needs-nothing.so')],
      ])) {
        const bytes = fs.readFileSync(file);
        const whole = Buffer.from(bytes);
        bytes.writeUInt16LE(ARM64, ELF_MACHINE);
        fs.writeFileSync(file, bytes);
        const name = path.basename(file);
        assert.deepEqual(problems(report(folder)), [{ id, message: `${name} is for arm64, and the app is for x64` }]);
        fs.writeFileSync(file, whole);
      }
    });

    it('with its native files still in the archive', async () => {
      await pack({ unpack: '*.none' });
      const found = problems(report(folder));
      assert.deepEqual(
        found.map(({ id }) => id),
        ['addon', 'default-library', 'library'],
      );
      for (const { message } of found)
        assert.match(message, /is inside app\.asar, from which the system cannot load it$/);
      assert.match(doctor(folder).stdout, /asarUnpack: \['native\/needs-nothing\.so'\]/);
    });

    it('with the addon alone unpacked, as a tool does that looks for *.node', async () => {
      await pack({ unpack: '**/*.node' });
      assert.deepEqual(
        problems(report(folder)).map(({ id }) => id),
        ['default-library', 'library'],
      );
    });

    it('with a file that is cut off, or damaged', () => {
      const file = inUnpacked(PACKAGE, DEFAULT_LIBRARY);
      const { size } = fs.statSync(file);
      fs.truncateSync(file, size - 1000);
      assert.deepEqual(problems(report(folder)), [
        { id: 'default-library', message: `${DEFAULT_LIBRARY} is cut off: it has ${size - 1000} of ${size} bytes` },
      ]);
      fs.truncateSync(file, 10);
      assert.deepEqual(problems(report(folder)), [
        { id: 'default-library', message: `${DEFAULT_LIBRARY} is not a native file, or it is damaged` },
      ]);
      fs.rmSync(file);
      fs.mkdirSync(file);
      assert.match(problems(report(folder))[0].message, /is listed in app\.asar as unpacked, and is not there$/);
      fs.rmdirSync(file);
      fs.truncateSync(inUnpacked('native', 'nothing.so'), 5000);
      assert.match(problems(report(folder))[1].message, /^nothing\.so is cut off/);
    });

    it('with a default library that lacks its function', () => {
      fs.copyFileSync(fixtureLibrary('nothing'), inUnpacked(PACKAGE, DEFAULT_LIBRARY));
      assert.deepEqual(problems(report(folder)), [
        { id: 'default-library', message: `${DEFAULT_LIBRARY} exports neither exchange_inplace nor exchange_perform` },
      ]);
    });

    it('with an archive that is cut off, or forged', () => {
      const archive = path.join(resources, 'app.asar');
      const damaged = [{ id: 'archive', message: 'app.asar is damaged or cut off' }];
      const { size } = fs.statSync(archive);
      for (const length of [size - 1, size >> 1, 100, 0]) {
        fs.truncateSync(archive, length);
        assert.deepEqual(problems(report(folder)), damaged, `${length} of ${size} bytes`);
        assert.doesNotMatch(doctor(folder).stdout, /bundled/);
      }
      for (const header of [
        'null',
        '{"files":null}',
        '{"files":{"package.json":null}}',
        '{"files":{"package.json":{"size":-1,"offset":"0"}}}',
        '{"files":{"package.json":{"size":1e30,"offset":"0"}}}',
        '{"files":{"x.node":{"size":8,"offset":"x"}}}',
        '{"files":{"..":{"files":{"x.node":{"size":8,"unpacked":true}}}}}',
      ]) {
        const json = Buffer.from(header);
        const sizes = Buffer.from(Uint32Array.of(4, 8 + json.length, 4 + json.length, json.length).buffer);
        fs.writeFileSync(archive, Buffer.concat([sizes, json]));
        assert.deepEqual(problems(report(folder)), damaged, header);
      }
    });

    it('without an archive, and with a package.json that is damaged', () => {
      fs.rmSync(path.join(resources, 'app.asar'));
      fs.cpSync(app, path.join(resources, 'app'), { recursive: true });
      fs.writeFileSync(path.join(resources, 'app', PACKAGE, 'package.json'), '{');
      assert.match(doctor(folder).stdout, /^note {5}the package inplace-exchange is not in the app/m);
      const found = problems(report(folder));
      assert.deepEqual(
        found.map(({ id }) => id),
        ['fuses'],
      ); // OnlyLoadAppFromAsar
      assert.match(found[0].message, /^OnlyLoadAppFromAsar is on, and the app is not in app\.asar/);
    });

    it('with fuses that are not hardened, or that keep it from starting', async () => {
      await setFuses({ RunAsNode: true });
      const notes = report(folder).findings.filter(({ status }) => status === 'note');
      assert.deepEqual(
        notes.map(({ id, message }) => ({ id, message: message.split(':')[0] })),
        [{ id: 'fuses', message: 'RunAsNode is on' }],
      );
      await setFuses({ RunAsNode: false, LoadBrowserProcessSpecificV8Snapshot: true });
      assert.match(
        problems(report(folder))[0].message,
        /^LoadBrowserProcessSpecificV8Snapshot is on, and there is no /,
      );
      await setFuses(HARDENED);
    });
  });
}
