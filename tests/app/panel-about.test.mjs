// The hidden window, and the panel about this runtime.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { drive } from '../support/drive.mjs';
import { go, windowForAll } from '../support/window.mjs';

const require = createRequire(import.meta.url);

describe('the hidden window', () => {
  it('requests no pictures until it is shown again: in place, and by contextBridge', async () => {
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

  /** @param {string} item */
  const valueOfItem = async (item) => {
    const row = window.page
      .getByRole('row')
      .filter({ has: window.page.getByRole('rowheader', { name: item, exact: true }) });
    return row.getByRole('cell').first().innerText();
  };

  it('shows what the window runs on', async () => {
    const versions = await window.app.evaluate(() => process.versions);
    assert.equal(await valueOfItem('Electron'), versions.electron);
    assert.equal(await valueOfItem('Chromium'), versions.chrome);
    assert.equal(await valueOfItem('V8'), versions.v8);
    assert.equal(await valueOfItem('Node.js'), versions.node);
    assert.equal(await valueOfItem('Node-API'), versions.napi);
    assert.equal(await valueOfItem('Inplace Exchange'), require('../../package.json').version);
    assert.match(await valueOfItem('Default library'), /^native-lib [\d.]+, ABI 1\s+\/.*native_lib/);
    assert.match(await valueOfItem('Live library'), /^not open yet\s+\/.*live_lib/);
    assert.equal(await valueOfItem('Memory cage'), 'on');
    assert.equal(await valueOfItem('Context isolation'), 'on');
    assert.equal(await valueOfItem('Node in the page'), 'no');
    assert.equal(await valueOfItem('Cross-origin isolation'), 'on');
    assert.equal(await valueOfItem('Sandbox of the preload'), 'off');
    for (const row of await window.page.locator('#facts tr').all())
      assert.match(await row.locator('td').last().innerText(), /\.$/, 'each fact has a meaning');
  });

  it('shows the live library once it is open', async () => {
    await go(window.page, 'Live');
    await window.page.locator('#rate', { hasText: /^[1-9]/ }).waitFor();
    await go(window.page, 'About this runtime');
    assert.match(await valueOfItem('Live library'), /^live-lib [\d.]+, ABI 1\s+\/.*live_lib/);
  });

  it('copies all facts', async () => {
    const { app, page } = window;
    await page.getByRole('button', { name: 'Copy for a bug report' }).click();
    await page.locator('#copy-outcome', { hasText: 'Copied.' }).waitFor();
    const copied = await app.evaluate(({ clipboard }) => clipboard.readText());
    const rows = await page.locator('#facts tr').count();
    assert.equal(copied.trimEnd().split('\n').length, rows);
    assert.match(copied, /^Memory cage: on$/m);
    assert.match(copied, new RegExp(`^Electron: ${await valueOfItem('Electron')}$`, 'm'));
  });

  it('waits for the clipboard, which answers with a promise from Electron 44 on', async () => {
    const { app, page } = window;
    await app.evaluate(({ clipboard }) => {
      const { writeText } = clipboard;
      clipboard.writeText = () => {
        clipboard.writeText = writeText; // once
        return Promise.reject(new Error('the clipboard is held by another program'));
      };
    });
    await page.getByRole('button', { name: 'Copy for a bug report' }).click();
    await page.locator('#copy-outcome', { hasText: 'Not copied: select the table and copy it.' }).waitFor();
    await page.getByRole('button', { name: 'Copy for a bug report' }).click();
    await page.locator('#copy-outcome', { hasText: 'Copied.' }).filter({ hasNotText: 'Not' }).waitFor();
  });

  it('shows when copying failed, and what to do', async () => {
    const { app, page } = window;
    await app.evaluate(({ ipcMain }) => ipcMain.removeHandler('copy'));
    await page.getByRole('button', { name: 'Copy for a bug report' }).click();
    await page.locator('#copy-outcome', { hasText: 'Not copied: select the table and copy it.' }).waitFor();
  });
});
