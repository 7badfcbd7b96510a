// The app as a packager leaves it: in resources/app.asar, with what the system must load beside it.

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

/** Electron in a folder of its own, under the app's name, with the app in it. */
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
  // It begins with somebody at the window, who begins with main.js.
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
 * Exchanges data in the packaged app's own runtime, with the addon out of its archive.
 * @param {string} executable @param {NodeJS.ProcessEnv} [environment] @param {{ resources?: string, flags?: string[] }} [options]
 * @returns {Promise<any>}
 */
async function exchangeIn(executable, environment = {}, { resources, flags = [] } = {}) {
  const script = `
    const buffer = Buffer.alloc(256);
    const { exchangeDataInPlace } = require(${resources ? JSON.stringify(resources) : 'process.resourcesPath'} + '/app.asar/index.js');
    let answer;
    try {
      answer = { text: buffer.toString('utf8', 0, exchangeDataInPlace(buffer)) };
    } catch ({ code, path }) {
      answer = { code, path };
    }
    console.log(JSON.stringify(answer));`;
  const { status, output } = await run(executable, [...flags, '-e', script], {
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1', ...environment },
    limitMs: 20_000,
  });
  assert.equal(status, 0, output);
  return JSON.parse(output);
}

// How a packaged app is laid out differs by system; this is Linux.
if (process.platform === 'linux') {
  describe('the packaged app', () => {
    /** @type {Awaited<ReturnType<typeof pack>>} */
    let packed;
    before(async () => {
      packed = await pack();
    });
    after(() => fs.rmSync(folder, { recursive: true, force: true }));

    it('has the addon and the library beside the archive', () => {
      assert.deepEqual(fs.readdirSync(path.join(packed.resources, 'app.asar.unpacked')).sort(), packed.native.sort());
    });

    it('finds its library there, and ignores INPLACE_EXCHANGE_LIBRARY', async () => {
      const answer = await exchangeIn(packed.executable, { INPLACE_EXCHANGE_LIBRARY: '/no-such-folder/library.so' });
      assert.match(answer.text, /^Hello from Rust!/);
    });

    it('ignores the variables of the generated loader', async () => {
      const answer = await exchangeIn(packed.executable, {
        NAPI_RS_NATIVE_LIBRARY_PATH: '/no-such-folder/addon.node',
        NAPI_RS_FORCE_WASI: 'error',
        NAPI_RS_WASI_FLAVOR: 'wasm32-wasi',
      });
      assert.match(answer.text, /^Hello from Rust!/);
    });

    it('ignores all of them when it is reached by a link, too', async () => {
      const link = path.join(folder, 'link');
      fs.symlinkSync(path.dirname(packed.resources), link);
      const answer = await exchangeIn(
        packed.executable,
        {
          INPLACE_EXCHANGE_LIBRARY: '/no-such-folder/library.so',
          NAPI_RS_NATIVE_LIBRARY_PATH: '/no-such-folder/addon.node',
        },
        { resources: path.join(link, 'resources'), flags: ['--preserve-symlinks'] },
      );
      assert.match(answer.text, /^Hello from Rust!/);
    });

    it('opens its window, which exchanges and plays, and ignores INPLACE_EXCHANGE_LIVE_LIBRARY', async () => {
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

    it('says where it looked when the library was not unpacked', async () => {
      const library = 'libnative_lib.so';
      const unpacked = path.join(packed.resources, 'app.asar.unpacked', library);
      fs.renameSync(unpacked, `${unpacked}.away`);
      const answer = await exchangeIn(packed.executable);
      fs.renameSync(`${unpacked}.away`, unpacked);
      assert.deepEqual(answer, { code: 'ERR_LIBRARY_NOT_FOUND', path: unpacked });
    });
  });
}
