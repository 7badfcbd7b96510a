// The packaged app: resources/app.asar, with the native files beside it.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import asar from '@electron/asar';
import { run } from '../../scripts/lib/console.mjs';
import { drive } from '../support/drive.mjs';

const root = path.join(import.meta.dirname, '..', '..');
const folder = path.join(root, 'target', 'packaged');
const FILES = ['package.json', 'main.js', 'main', 'index.js', 'native.js', 'lib', 'index.html', 'renderer'].concat(
  'node_modules/uplot/dist',
);

/** Packs the app into a copy of Electron that has the app's name. */
async function pack() {
  fs.rmSync(folder, { recursive: true, force: true });
  const electron = path.join(folder, 'electron');
  fs.cpSync(process.env.ELECTRON_OVERRIDE_DIST_PATH ?? '', electron, { recursive: true });
  const executable = path.join(electron, 'inplace-exchange');
  fs.renameSync(path.join(electron, 'electron'), executable);
  const app = path.join(folder, 'app');
  const native = fs.readdirSync(root).filter((name) => /\.(node|so)$/.test(name));
  for (const name of [...FILES, ...native]) {
    fs.cpSync(path.join(root, name), path.join(app, name), { recursive: true });
  }
  // The entry point is the driver of the tests, which then starts main.js.
  const driver = path.join('tests', 'fixtures', 'drive.js');
  for (const name of [driver, path.join('tests', 'fixtures', 'app-driver.js')])
    fs.cpSync(path.join(root, name), path.join(app, name));
  const description = path.join(app, 'package.json');
  fs.writeFileSync(description, JSON.stringify({ ...JSON.parse(fs.readFileSync(description, 'utf8')), main: driver }));
  const resources = path.join(electron, 'resources');
  await asar.createPackageWithOptions(app, path.join(resources, 'app.asar'), { unpack: '*.{node,so}' });
  return { executable, resources, native };
}

/**
 * Exchanges data in the packaged app's own runtime, with the addon in its archive.
 * @param {string} executable @param {NodeJS.ProcessEnv} [environment] @param {{ resources?: string, flags?: string[] }} [options]
 * @returns {Promise<any>}
 */
async function exchangeIn(executable, environment = {}, { resources, flags = [] } = {}) {
  const script = `
    const buffer = Buffer.alloc(256);
    const { exchangeDataInPlace } = require(${resources ? JSON.stringify(resources) : 'process.resourcesPath'} + '/app.asar/index.js');
    let result;
    try {
      result = { text: buffer.toString('utf8', 0, exchangeDataInPlace(buffer)) };
    } catch ({ code, path }) {
      result = { code, path };
    }
    console.log(JSON.stringify(result));`;
  const { status, output } = await run(executable, [...flags, '-e', script], {
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1', ...environment },
    limitMs: 20_000,
  });
  assert.equal(status, 0, output);
  return JSON.parse(output);
}

// The layout of a packaged app differs between systems; this is the layout on Linux.
if (process.platform === 'linux') {
  describe('the packaged app', () => {
    /** @type {Awaited<ReturnType<typeof pack>>} */
    let packed;
    before(async () => {
      packed = await pack();
    });
    after(() => fs.rmSync(folder, { recursive: true, force: true }));

    it('has the addon and the libraries beside the archive', () => {
      assert.deepEqual(fs.readdirSync(path.join(packed.resources, 'app.asar.unpacked')).sort(), packed.native.sort());
    });

    it('finds its default library there, and ignores INPLACE_EXCHANGE_LIBRARY', async () => {
      const result = await exchangeIn(packed.executable, { INPLACE_EXCHANGE_LIBRARY: '/no-such-folder/library.so' });
      assert.match(result.text, /^Hello from Rust!/);
    });

    it('ignores the variables of the generated loader', async () => {
      const result = await exchangeIn(packed.executable, {
        NAPI_RS_NATIVE_LIBRARY_PATH: '/no-such-folder/addon.node',
        NAPI_RS_FORCE_WASI: 'error',
        NAPI_RS_WASI_FLAVOR: 'wasm32-wasi',
      });
      assert.match(result.text, /^Hello from Rust!/);
    });

    it('ignores these variables if its folder is reached by a link', async () => {
      const link = path.join(folder, 'link');
      fs.symlinkSync(path.dirname(packed.resources), link);
      const result = await exchangeIn(
        packed.executable,
        {
          INPLACE_EXCHANGE_LIBRARY: '/no-such-folder/library.so',
          NAPI_RS_NATIVE_LIBRARY_PATH: '/no-such-folder/addon.node',
        },
        { resources: path.join(link, 'resources'), flags: ['--preserve-symlinks'] },
      );
      assert.match(result.text, /^Hello from Rust!/);
    });

    it('opens its window, exchanges and plays, and ignores INPLACE_EXCHANGE_LIVE_LIBRARY', async () => {
      const { exchange, live } = await drive('exchange, and play', {
        executable: packed.executable,
        environment: {
          INPLACE_EXCHANGE_LIBRARY: '/no-such-folder/library.so',
          INPLACE_EXCHANGE_LIVE_LIBRARY: '/no-such-folder/library.so',
        },
      });
      assert.match(exchange, /Hello from Rust!/);
      assert.match(live, /Frames per second\s+[1-9]/);
    });

    it('names the path that was tried if the library was not unpacked', async () => {
      const library = 'libnative_lib.so';
      const unpacked = path.join(packed.resources, 'app.asar.unpacked', library);
      fs.renameSync(unpacked, `${unpacked}.away`);
      const result = await exchangeIn(packed.executable);
      fs.renameSync(`${unpacked}.away`, unpacked);
      assert.deepEqual(result, { code: 'ERR_LIBRARY_NOT_FOUND', path: unpacked });
    });
  });
}
