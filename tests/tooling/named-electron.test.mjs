// The Electron that `npm test -- --electron` names.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { run } from '../../scripts/lib/console.mjs';
import { executableName, installedElectron } from '../../scripts/lib/electron.mjs';
import { namedElectron } from '../../scripts/lib/named-electron.mjs';

const root = path.join(import.meta.dirname, '..', '..');

describe('--electron', () => {
  const installed = installedElectron() ?? assert.fail();
  const { folder: real, executable, version } = { ...installed, folder: fs.realpathSync(installed.folder) };
  /** @type {string} */
  let folder;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'inplace-exchange-'));
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  /** @param {string} name */
  const linked = (name) => {
    fs.symlinkSync(real, path.join(folder, name), 'junction');
    return path.join(folder, name);
  };
  /** @param {{ script?: string, version?: string, packaged?: boolean }} [options] */
  const madeUp = ({ script = '', version = '99.0.0', packaged = false } = {}) => {
    const file = path.join(folder, executableName());
    const resources =
      process.platform === 'darwin' ? path.join(file, '../../Resources') : path.join(folder, 'resources');
    for (const needed of [path.dirname(file), resources]) fs.mkdirSync(needed, { recursive: true });
    fs.writeFileSync(file, script, { mode: 0o755 });
    fs.writeFileSync(path.join(folder, 'version'), version);
    fs.writeFileSync(path.join(resources, packaged ? 'app.asar' : 'default_app.asar'), '');
    return folder;
  };

  it('takes the folder of an Electron, its executable, or a link to either', async () => {
    const link = linked('link');
    for (const given of [installed.folder, executable, link, path.join(link, executableName())]) {
      const electron = await namedElectron(given);
      assert.deepEqual({ ...electron, folder: fs.realpathSync(electron.folder) }, { ...electron, folder: real }, given);
      assert.equal(electron.version, version);
    }
  });

  it('takes the npm package, which has its Electron in the folder dist', async () => {
    linked('dist');
    assert.equal(fs.realpathSync((await namedElectron(folder)).folder), real);
  });

  it('takes a path relative to the folder in which npm was started', async () => {
    const before = process.env.INIT_CWD;
    process.env.INIT_CWD = path.dirname(installed.folder);
    try {
      assert.equal((await namedElectron(path.basename(installed.folder))).version, version);
    } finally {
      if (before === undefined) delete process.env.INIT_CWD;
      else process.env.INIT_CWD = before;
    }
  });

  it('refuses a path at which there is nothing, and a folder without an Electron', async () => {
    await assert.rejects(namedElectron('no/such/folder'), {
      message: /^--electron no\/such\/folder: there is no such file/,
    });
    await assert.rejects(namedElectron(folder), {
      message: /^there is no Electron at .*Give the folder that holds .* version/,
    });
  });

  it('refuses a version that the registry does not hold, and says what to give', async () => {
    for (const name of ['99.0.0', 'v44', '44.0'])
      await assert.rejects(namedElectron(name), {
        message: /^the npm registry holds Electron [\d.]+ and [\d.]+, not .* --electron PATH$/,
      });
  });

  it('refuses the Electron of a packaged app', async () => {
    await assert.rejects(namedElectron(madeUp({ packaged: true })), {
      message: /is that of a packaged app: .*default_app\.asar/,
    });
  });

  if (process.platform !== 'win32') {
    it('refuses one that does not run, with what the system says of it', async () => {
      const script = '#!/bin/sh\necho "error while loading shared libraries: libnss3.so"\nexit 127\n';
      await assert.rejects(namedElectron(madeUp({ script })), {
        message: /does not run here: error while loading .*libnss3/,
      });
      await assert.rejects(namedElectron(madeUp({ script: 'for another machine' })), {
        message: /does not run here: ./,
      });
    });

    it('believes the Electron, and not its file version', async () => {
      const script = '#!/bin/sh\necho 98.7.6\n';
      assert.equal((await namedElectron(madeUp({ script, version: '1.2.3' }))).version, '98.7.6');
    });
  }

  it('runs the steps in that Electron', async () => {
    const args = ['scripts/test.mjs', 'test files', '--electron', linked('mine')];
    const { status, output } = await run(process.execPath, args, { cwd: root });
    assert.equal(status, 0, output);
    assert.ok(output.includes(`Electron ${version} (--electron)`), output);
    assert.match(output, /^1 passed, 0 failed$/m);
  });

  it('fails before any step if there is no such Electron', async () => {
    const { status, output } = await run(process.execPath, ['scripts/test.mjs', '--electron', folder], { cwd: root });
    assert.equal(status, 1);
    assert.match(output.trim(), /^inplace-exchange: there is no Electron at [^\n]*$/);
  });
});

describe("require('electron')", () => {
  it('gives the executable of a folder that ELECTRON_OVERRIDE_DIST_PATH names', async () => {
    const script = "process.stdout.write(require('electron'))";
    const { folder } = installedElectron() ?? assert.fail();
    const { output } = await run(process.execPath, ['-e', script], {
      cwd: root,
      env: { ...process.env, ELECTRON_OVERRIDE_DIST_PATH: folder },
    });
    assert.equal(output, path.join(folder, executableName()));
  });
});
