// The window that is hidden, and the panel about this runtime.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { drive } from '../support/drive.mjs';
import { go, windowForAll } from '../support/window.mjs';

const require = createRequire(import.meta.url);

describe('the window that is hidden', () => {
  it('asks for no pictures, and asks again when it is seen: in place, and by contextBridge', async () => {
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'inplace-exchange-request-')), 'request');
    fs.writeFileSync(file, '');
    const environment = { EXCHANGE_REQUEST: file };
    const seen = await drive('hide the window while it plays', { live: 'request', environment });
    assert.deepEqual(seen, [true, true, true, true, true, true]);
    fs.rmSync(path.dirname(file), { recursive: true });
  });
});

describe('the panel about this runtime', () => {
  const window = windowForAll();
  before(() => go(window.page, 'About this runtime'));

  /** @param {string} what */
  const here = async (what) => {
    const row = window.page
      .getByRole('row')
      .filter({ has: window.page.getByRole('rowheader', { name: what, exact: true }) });
    return row.getByRole('cell').first().innerText();
  };

  it('tells what it runs on', async () => {
    const versions = await window.app.evaluate(() => process.versions);
    assert.equal(await here('Electron'), versions.electron);
    assert.equal(await here('Chromium'), versions.chrome);
    assert.equal(await here('V8'), versions.v8);
    assert.equal(await here('Node.js'), versions.node);
    assert.equal(await here('Node-API'), versions.napi);
    assert.equal(await here('Inplace Exchange'), require('../../package.json').version);
    assert.match(await here('Default library'), /^native-lib [\d.]+, ABI 1\s+\/.*native_lib/);
    assert.match(await here('Live library'), /^not open yet\s+\/.*live_lib/);
    assert.equal(await here('Memory cage'), 'on');
    assert.equal(await here('Context isolation'), 'on');
    assert.equal(await here('Node in the page'), 'no');
    assert.equal(await here('Cross-origin isolation'), 'on');
    assert.equal(await here('Sandbox of the preload'), 'off');
    for (const row of await window.page.locator('#facts tr').all())
      assert.match(await row.locator('td').last().innerText(), /\.$/, 'each has a meaning');
  });

  it('tells of the live library when it is open', async () => {
    await go(window.page, 'Live');
    await window.page.locator('#rate', { hasText: /^[1-9]/ }).waitFor();
    await go(window.page, 'About this runtime');
    assert.match(await here('Live library'), /^live-lib [\d.]+, ABI 1\s+\/.*live_lib/);
  });

  it('copies it all', async () => {
    const { app, page } = window;
    await page.getByRole('button', { name: 'Copy for a bug report' }).click();
    await page.locator('#copy-outcome', { hasText: 'Copied.' }).waitFor();
    const copied = await app.evaluate(({ clipboard }) => clipboard.readText());
    const rows = await page.locator('#facts tr').count();
    assert.equal(copied.trimEnd().split('\n').length, rows);
    assert.match(copied, /^Memory cage: on$/m);
    assert.match(copied, new RegExp(`^Electron: ${await here('Electron')}$`, 'm'));
  });

  it('says when it could not, and what to do', async () => {
    const { app, page } = window;
    await app.evaluate(({ ipcMain }) => ipcMain.removeHandler('copy'));
    await page.getByRole('button', { name: 'Copy for a bug report' }).click();
    await page.locator('#copy-outcome', { hasText: 'Not copied: select the table and copy it.' }).waitFor();
  });
});
