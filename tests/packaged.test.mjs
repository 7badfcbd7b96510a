// The app as a packager leaves it: in resources/app.asar, with what the system must load beside it.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import asar from '@electron/asar';
import { openWindow } from '../scripts/window.mjs';

const root = path.dirname(import.meta.dirname);
const folder = path.join(root, 'target', 'packaged');
const FILES = ['package.json', 'main.js', 'index.js', 'index.html', 'renderer'];

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
  const resources = path.join(electron, 'resources');
  await asar.createPackageWithOptions(app, path.join(resources, 'app.asar'), { unpack: '*.{node,so}' });
  return { executable, resources, native };
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

    it('exchanges data, and ignores INPLACE_EXCHANGE_LIBRARY', async () => {
      const { app, page } = await openWindow({
        packaged: packed.executable,
        environment: { INPLACE_EXCHANGE_LIBRARY: '/no-such-folder/library.so' },
      });
      try {
        assert.equal(await app.evaluate(({ app }) => app.isPackaged), true);
        await page.getByRole('button', { name: 'Exchange Data' }).click();
        const outcome = page.locator('#text:visible, #error:visible');
        assert.match(await outcome.innerText(), /^Hello from Rust!/);
      } finally {
        await app.close();
      }
    });

    it('says where it looked when the library was not unpacked', async () => {
      const [library] = packed.native.filter((name) => name.endsWith('.so'));
      const unpacked = path.join(packed.resources, 'app.asar.unpacked', library);
      fs.renameSync(unpacked, `${unpacked}.away`);
      const { app, page } = await openWindow({ packaged: packed.executable });
      try {
        await page.getByRole('button', { name: 'Exchange Data' }).click();
        const outcome = await page.locator('#text:visible, #error:visible').innerText();
        assert.ok(outcome.includes('ERR_LIBRARY_NOT_FOUND') && outcome.includes(unpacked), outcome);
      } finally {
        await app.close();
        fs.renameSync(`${unpacked}.away`, unpacked);
      }
    });
  });
}
