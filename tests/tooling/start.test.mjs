// npm start and its options, run as a user runs them.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { run } from '../../scripts/lib/console.mjs';
import { installedElectron, REGISTRY_BUILDS, supportRemark } from '../../scripts/lib/electron.mjs';

const require = createRequire(import.meta.url);

const start = path.join(import.meta.dirname, '..', '..', 'scripts', 'start.mjs');
const INSTALL = 'node_modules/electron/install.js';
const UNFIXED = /^inplace-exchange: Electron [\d.]+ gets no security fixes any more: .* not to ship/m;
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

describe('npm start', () => {
  /** @type {string} */
  let folder;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'inplace-exchange-'));
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  /** @param {string[]} args @param {NodeJS.ProcessEnv} [environment] */
  const startWith = (args, environment = {}) =>
    run(process.execPath, [start, ...args], { env: { ...process.env, INIT_CWD: folder, ...environment } });

  for (const theme of ['light', 'dark']) {
    it(`--screenshot --theme ${theme} saves a picture and prints the text last`, async () => {
      const { status, output } = await startWith(['--screenshot', 'window.png', '--theme', theme]);
      assert.equal(status, 0, output);
      assert.equal(UNFIXED.test(output), supportRemark(installedElectron() ?? assert.fail()) !== undefined, output);
      assert.match(output.trimEnd().split('\n').pop() ?? '', /^Hello from Rust! native-lib /);
      const picture = fs.readFileSync(path.join(folder, 'window.png'));
      assert.ok(picture.subarray(0, PNG.length).equals(PNG));
      assert.ok(picture.readUInt32BE(16) >= 960, 'the width of the window, or more on a dense display');
    });
  }

  it('--screenshot --panel live plays the picture, and prints the figures', async () => {
    const { status, output } = await startWith(['--screenshot', 'live.png', '--panel', 'live', '--theme', 'dark']);
    assert.equal(status, 0, output);
    assert.match(output, /Frames per second\s+\d+/);
    assert.match(output, /Copied per frame\s+0 B/);
    // A picture of ink compresses worse than an empty page.
    assert.ok(fs.statSync(path.join(folder, 'live.png')).size > 150_000);
  });

  it('--screenshot --panel about prints the properties of the runtime', async () => {
    const { status, output } = await startWith(['--screenshot', 'about.png', '--panel', 'about']);
    assert.equal(status, 0, output);
    assert.match(output, /Memory cage\s+on/);
    assert.ok(fs.existsSync(path.join(folder, 'about.png')));
  });

  it('--screenshot fails with the reason if the exchange fails, and still saves the picture', async () => {
    const missing = path.join(folder, 'missing-library');
    const { status, output } = await startWith(['--screenshot', 'window.png'], { INPLACE_EXCHANGE_LIBRARY: missing });
    assert.equal(status, 1);
    assert.match(output, /the exchange failed: ERR_LIBRARY_NOT_FOUND/);
    assert.ok(output.includes(missing));
    assert.ok(fs.existsSync(path.join(folder, 'window.png')));
  });

  it('--screenshot fails with the reason if the picture cannot be saved', async () => {
    fs.writeFileSync(path.join(folder, 'file'), '');
    const { status, output } = await startWith(['--screenshot', 'file/window.png']);
    assert.equal(status, 1);
    assert.match(output, /ENOTDIR|EEXIST|ENOENT/);
  });

  it('warns about every Electron of the npm registry, and names the command that installs a newer one', () => {
    for (const version of Object.keys(REGISTRY_BUILDS)) {
      const remark = supportRemark({ version, source: 'npm registry' }) ?? '';
      assert.ok(remark.startsWith(`Electron ${version} gets no security fixes any more`), remark);
      assert.ok(remark.includes(`type: node ${INSTALL}.`), remark);
    }
    assert.ok(fs.existsSync(path.join(import.meta.dirname, '..', '..', INSTALL)));
  });

  if (process.platform !== 'win32') {
    it('warns once about the Electron that it opens, and not at all about a supported one', async () => {
      const newest = Number.parseInt(require('electron/package.json').version, 10);
      // A program that exits at once replaces Electron: the warning depends on the file version only.
      fs.writeFileSync(path.join(folder, 'electron'), '#!/bin/sh\n', { mode: 0o755 });
      for (const [major, fixed] of /** @type {[number, boolean][]} */ ([
        [newest, true],
        [newest - 2, true],
        [newest - 3, false],
        [newest + 1, true],
      ])) {
        fs.writeFileSync(path.join(folder, 'version'), `v${major}.1.0`);
        const { status, output } = await startWith([], { ELECTRON_OVERRIDE_DIST_PATH: folder });
        assert.equal(status, 0, output);
        assert.equal(output.match(new RegExp(UNFIXED, 'gm'))?.length ?? 0, fixed ? 0 : 1, output);
        if (!fixed) assert.match(output, /Unset ELECTRON_OVERRIDE_DIST_PATH, or point it at a newer one\.$/m);
      }
    });
  }

  it('refuses unknown options, and prints the usage', async () => {
    for (const args of [
      ['--picture'],
      ['--screenshot'],
      ['--screenshot', 'x.png', '--theme', 'blue'],
      ['--screenshot', 'x.png', '--panel', 'blue'],
      ['--screenshot', 'x.gif'],
      ['x.png'],
      ['--theme', 'dark'],
      ['--panel', 'live'],
    ]) {
      const { status, output } = await startWith(args);
      assert.equal(status, 1, args.join(' '));
      assert.match(output, /npm start -- --screenshot FILE\.png/);
    }
    const { status, output } = await startWith(['--help']);
    assert.equal(status, 0);
    assert.match(output, /npm start -- --screenshot FILE\.png/);
  });
});
