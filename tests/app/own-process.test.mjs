// The window, with its libraries in processes of their own: real processes, which really crash.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { go, inWindow, pressed, shownError, textOf, violations, windowForAll } from '../support/window.mjs';

const require = createRequire(import.meta.url);
const { temporaryFolder, until } = require('../support/fixtures.js');
const { libraryPrograms } = require('../support/library-programs.js');

const onLinux = process.platform === 'linux' ? describe : describe.skip;
const ROOT = path.join(import.meta.dirname, '..', '..');

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {'default' | 'live'} Name */

/** @param {Page} page @param {Name} name @param {'here' | 'own'} place */
const radio = (page, name, place) => page.locator(`input[name=${name}-process][value=${place}]`);

/** @param {Page} page @param {Name} name */
const chooseOwn = (page, name) => radio(page, name, 'own').locator('..').click();

/** The process that a panel names. @param {Page} page @param {Name} name */
async function pidOf(page, name) {
  const note = page.locator(`#${name}-process-note`, { hasText: /^Process \d+, memory \w+/ });
  return Number(/\d+/.exec(await note.innerText())?.[0]);
}

/** Whether the process runs the program of libraries. @param {number} pid */
function runs(pid) {
  try {
    return fs.readlinkSync(`/proc/${pid}/exe`).endsWith('inplace-exchange-library');
  } catch {
    return false;
  }
}

/** The processes of libraries that the page has started. @param {Page} page */
async function programs(page) {
  const starter = await pagePid(page);
  return libraryPrograms().flatMap(({ pid, parent }) => (parent === starter && runs(pid) ? [pid] : []));
}

/** @param {Page} page @returns {Promise<number>} */
const pagePid = (page) => page.evaluate(() => /** @type {any} */ (globalThis).host.runtime.pid);

/** Marks the document: a reload would remove it. @param {Page} page */
const mark = (page) => page.evaluate(() => Object.assign(globalThis, { marked: true }));

/** @param {Page} page */
const isMarked = (page) => page.evaluate(() => 'marked' in globalThis);

onLinux('the window, as it starts', () => {
  it(
    'has each library in a process of its own, none of them before it is used, and none in the page’s',
    inWindow({}, async (page) => {
      assert.equal(await radio(page, 'default', 'own').isChecked(), true);
      assert.deepEqual(await programs(page), [await pidOf(page, 'default')]);
      await pressed(page, 1);
      assert.equal(await textOf(page, 'copied'), '0 B');
      assert.equal(await textOf(page, 'writer'), `by the library, in process ${await pidOf(page, 'default')}`);
      await go(page, 'About this runtime');
      await page.getByText(/^a process of its own, not started yet$/).waitFor();
      await go(page, 'Live');
      assert.equal(await radio(page, 'live', 'own').isChecked(), true);
      await page.locator('#frame-copied', { hasText: /^0 B$/ }).waitFor();
      const both = [await pidOf(page, 'default'), await pidOf(page, 'live')];
      assert.deepEqual((await programs(page)).sort(), both.sort());
      assert.doesNotMatch(fs.readFileSync(`/proc/${await pagePid(page)}/maps`, 'utf8'), /lib(native|live)_lib/);
    }),
  );

  for (const [panel, name] of /** @type {const} */ ([
    ['Exchange', 'default'],
    ['Live', 'live'],
  ]))
    it(
      `survives a click on Crash it, before anything was chosen: ${panel}`,
      inWindow({}, async (page, { app }) => {
        await mark(page);
        const pids = [await pagePid(page)];
        await go(page, panel);
        const first = await pidOf(page, name);
        await page.locator(`#${name}-crash`).click();
        if (panel === 'Exchange') {
          assert.equal((await shownError(page)).code, 'ERR_LIBRARY_CRASHED');
          assert.equal(await textOf(page, 'grown'), '1,048,576 B came back');
          await pressed(page, 1);
          assert.match(await textOf(page, 'text'), /^Hello from Rust!/);
        } else {
          await page.locator('#live-process-note', { hasText: /, 1 crash$/ }).waitFor();
          await page.locator('#rate', { hasText: /^[1-9]/ }).waitFor();
        }
        assert.equal(runs(first), false);
        assert.equal(await isMarked(page), true, 'the same document');
        pids.push(await app.evaluate((e) => e.BrowserWindow.getAllWindows()[0].webContents.getOSProcessId()));
        assert.equal(pids[0], pids[1]);
      }),
    );

  it(
    'has them in the page’s process with INPLACE_EXCHANGE_PROCESS=here, does not crash them, and says why',
    inWindow({ INPLACE_EXCHANGE_PROCESS: 'here' }, async (page) => {
      const button = page.locator('#default-crash');
      assert.equal(await button.isDisabled(), true);
      const described = String(await button.getAttribute('aria-describedby'));
      assert.equal(await textOf(page, described), 'A crash would end this page, too.');
      await pressed(page, 1);
      assert.equal(await textOf(page, 'copied'), '0 B');
      assert.deepEqual(await programs(page), [], 'no process is started before it is chosen');
      await go(page, 'Live');
      assert.equal(await radio(page, 'live', 'here').isChecked(), true);
      assert.equal(await page.locator('#live-crash').isDisabled(), true);
    }),
  );
});

onLinux('the window, with a library in a process of its own', () => {
  const window = windowForAll();
  const isSameDocument = () => isMarked(window.page);
  before(() => mark(window.page));

  it('Exchange: is chosen by keyboard, and copies memory of less than 1 MiB', async () => {
    const { page } = window;
    await radio(page, 'default', 'own').focus();
    await page.keyboard.press('ArrowLeft');
    assert.equal(await textOf(page, 'default-process-note'), 'A crash would end this page, too.');
    await page.keyboard.press('ArrowRight');
    assert.equal(await radio(page, 'default', 'own').isChecked(), true);
    await page.getByLabel('Memory to lend').selectOption('4096');
    await pressed(page, 1);
    const pid = await pidOf(page, 'default');
    assert.equal(runs(pid), true);
    assert.equal(await textOf(page, 'writer'), `by the library, in process ${pid}`);
    assert.equal(await textOf(page, 'copied'), '8,192 B');
    assert.match(await textOf(page, 'text'), /^Hello from Rust!/);
    assert.deepEqual(await violations(page), []);
  });

  it('Exchange: crashes by keyboard, and the next exchange is right, in a new process', async () => {
    const { page } = window;
    const first = await pidOf(page, 'default');
    await page.locator('#default-crash').focus();
    await page.keyboard.press('Enter');
    const { code, message } = await shownError(page);
    assert.equal(code, 'ERR_LIBRARY_CRASHED');
    assert.match(
      message,
      /ended by SIGKILL\. The caller has its memory back\. .* This page goes on: press Exchange Data\.$/,
    );
    assert.equal(await textOf(page, 'grown'), '4,096 B came back');
    assert.equal(await textOf(page, 'default-process-note'), '1 crash. No process runs now.');
    assert.equal(runs(first), false);
    assert.deepEqual(await violations(page), []);
    await pressed(page, 2);
    const next = await pidOf(page, 'default');
    assert.notEqual(next, first);
    assert.equal(runs(next), true);
    assert.match(await textOf(page, 'text'), /^Hello from Rust!/);
    assert.equal(await isSameDocument(), true);
  });

  it('Exchange: says when it starts again after too many crashes, and works in the page’s process', async () => {
    const { page } = window;
    for (let crash = 2; crash <= 4; crash += 1) {
      await page.locator('#default-crash').click();
      await page.locator('#default-process-note', { hasText: `${crash} crashes.` }).waitFor();
    }
    await page.getByRole('button', { name: 'Exchange Data' }).click();
    await page.locator('#error-code', { hasText: 'ERR_LIBRARY_STOPPED' }).waitFor();
    assert.match(await textOf(page, 'error-message'), /in \d+ s at the earliest\. Press Exchange Data then\.$/);
    await radio(page, 'default', 'here').locator('..').click();
    await pressed(page, 3);
    assert.equal(await textOf(page, 'copied'), '0 B');
    assert.equal(await isSameDocument(), true);
    await chooseOwn(page, 'default');
  });

  it('Live: plays on after a crash, in a new process, and counts it', async () => {
    const { page } = window;
    await go(page, 'Live');
    const playing = () => page.locator('#rate', { hasText: /^[1-9]/ }).waitFor();
    await page.locator('#frame-copied', { hasText: /^0 B$/ }).waitFor();
    const first = await pidOf(page, 'live');
    await page.locator('#live-crash').click();
    await page
      .locator('#live-process-note', { hasText: /^Process \d+, memory mapped from 1 MiB on, 1 crash$/ })
      .waitFor();
    assert.notEqual(await pidOf(page, 'live'), first);
    assert.equal(runs(first), false);
    const picture = async () => (await page.locator('#canvas').screenshot()).toString('base64');
    const one = await picture();
    await until(async () => (await picture()) !== one);
    await playing();
    assert.equal(await page.locator('#live-error').isVisible(), false);
    assert.equal(await isSameDocument(), true);
  });

  it('Live: says when it starts again after too many crashes, and plays in the page’s process', async () => {
    const { page } = window;
    for (let crash = 2; crash <= 4; crash += 1) {
      await page.locator('#live-crash').click();
      await page.locator('#live-process-note', { hasText: `${crash} crashes` }).waitFor();
    }
    const { code, message } = await shownError(page, 'live-error');
    assert.equal(code, 'ERR_LIBRARY_STOPPED');
    assert.match(message, /in \d+ s at the earliest\. Press Play then\.$/);
    await radio(page, 'live', 'here').locator('..').click();
    await page.getByRole('button', { name: 'Play' }).click();
    await page.locator('#frame-copied', { hasText: /^0 B$/ }).waitFor();
    assert.equal(await page.locator('#live-error').isVisible(), false);
  });

  it('About: shows in which process each library runs', async () => {
    const { page } = window;
    await go(page, 'About this runtime');
    const value = async (/** @type {string} */ item) =>
      page.getByRole('row').filter({ hasText: item }).getByRole('cell').first().innerText();
    assert.equal(
      await value('Default library runs in'),
      'a process of its own, not running, memory mapped from 1 MiB on, 3 restarts in the last minute',
    );
    assert.equal(await value('Live library runs in'), `this page’s process, ${await pagePid(page)}`);
  });
});

onLinux('a library in a process of its own, when the window closes', () => {
  it(
    'leaves no process',
    inWindow({}, async (page, { app }) => {
      const pid = await pidOf(page, 'default');
      assert.equal(runs(pid), true);
      await app.close();
      await until(() => !runs(pid));
    }),
  );
});

onLinux('a library in a process of its own, where its program is missing', () => {
  const addon = path.join(temporaryFolder(), 'inplace-exchange.node');
  fs.copyFileSync(
    process.env.NAPI_RS_NATIVE_LIBRARY_PATH ?? path.join(ROOT, `inplace-exchange.linux-${process.arch}-gnu.node`),
    addon,
  );

  it(
    'runs in the page’s, without an error, and cannot be chosen, with the reason',
    inWindow({ NAPI_RS_NATIVE_LIBRARY_PATH: addon }, async (page) => {
      await pressed(page, 1);
      assert.equal(await textOf(page, 'copied'), '0 B');
      await assertHere(page, 'default');
      await go(page, 'Live');
      await page.locator('#rate', { hasText: /^[1-9]/ }).waitFor();
      await assertHere(page, 'live');
    }),
  );

  it(
    'can no longer be chosen, with an error',
    inWindow({ NAPI_RS_NATIVE_LIBRARY_PATH: addon, INPLACE_EXCHANGE_PROCESS: 'here' }, async (page) => {
      await chooseOwn(page, 'default');
      await page.getByRole('button', { name: 'Exchange Data' }).click();
      assert.equal((await shownError(page)).code, 'ERR_PROCESS_UNAVAILABLE');
      await assertHere(page, 'default');
      await pressed(page, 1);
    }),
  );

  /** @param {Page} page @param {Name} name */
  async function assertHere(page, name) {
    assert.equal(await radio(page, name, 'own').isDisabled(), true);
    assert.equal(await radio(page, name, 'here').isChecked(), true);
    assert.match(await textOf(page, `${name}-process-note`), /^Not available: \S+.*\.$/);
  }
});
