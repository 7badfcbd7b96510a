// A page that is reloaded or closed with calls in flight leaves nothing running or switched on. With context isolation.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { _electron } from 'playwright-core';
import { electronFlags } from '../../scripts/lib/electron.mjs';
import { killOnExit } from '../../scripts/lib/process-tree.mjs';

const { FOR_EVER, cameraLog } = createRequire(import.meta.url)('../support/fixtures.js');

const APP = path.join(import.meta.dirname, '..', 'fixtures', 'app');
const RUNNING_AND_TEN_QUEUED = 11;
const MAX_THREADS = 4;

/** The app with one window, and the log of its camera fixtures. */
async function open() {
  const log = cameraLog();
  const app = await _electron.launch({
    args: [...electronFlags(), APP],
    env: /** @type {Record<string, string>} */ ({ ...process.env }),
  });
  killOnExit(app.process());
  return { app, log, page: await app.firstWindow() };
}

/** @typedef {Awaited<ReturnType<typeof open>>} Opened */

/** @param {import('playwright-core').Page} page @param {[name: string, calls: number, milliseconds: number]} args */
const start = (page, ...args) => page.evaluate((args) => /** @type {any} */ (globalThis).cameras.start(...args), args);

/** @param {import('playwright-core').Page} page */
const outcomes = (page) => page.evaluate(() => /** @type {any} */ (globalThis).cameras.outcomes());

/** @param {Opened} opened */
const crashes = ({ app }) => app.evaluate(() => /** @type {any} */ (globalThis).gone);

/** @param {Opened} opened */
const close = ({ app }) => app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].close());

/** Fails if a camera is still on, or a call still runs. @param {Opened['log']} log */
function assertOff(log) {
  assert.ok(log.count('on') > 0);
  assert.equal(log.count('off'), log.count('on'));
  assert.equal(log.count('end'), log.count('begin'));
  assert.equal(log.lines().at(-1), 'off', 'it was switched off after the last call had ended');
}

for (const [library, running] of /** @type {[string, number][]} */ ([
  ['camera', 1],
  ['camera-concurrent', MAX_THREADS],
])) {
  describe(`a page with calls of ${library} in flight`, () => {
    /** @type {Opened} */
    let opened;
    beforeEach(async () => {
      opened = await open();
      await start(opened.page, library, RUNNING_AND_TEN_QUEUED, FOR_EVER);
      await opened.log.until('begin', running);
    });
    afterEach(() => opened.app.close());

    it('is reloaded: the running calls are cancelled, the queued ones are not made', async () => {
      const { log, page } = opened;
      await page.reload();
      assertOff(log);
      assert.equal(log.count('begin'), running);
      await start(page, library, 1, 0);
      await log.until('end', running + 1);
      assert.deepEqual(await crashes(opened), []);
    });

    it('is reloaded ten times', async () => {
      const { log, page } = opened;
      for (let time = 0; time < 10; time += 1) {
        const before = log.count('begin');
        await page.reload();
        assertOff(log);
        await start(page, library, RUNNING_AND_TEN_QUEUED, FOR_EVER);
        await log.until('begin', before + running);
      }
      assert.deepEqual(await crashes(opened), []);
    });

    it('is closed', async () => {
      await close(opened);
      await opened.log.until('off');
      assertOff(opened.log);
      assert.equal(opened.log.count('begin'), running);
    });

    it('is closed by quitting the app', async () => {
      await opened.app.close();
      assertOff(opened.log);
    });
  });
}

describe('a page with calls in flight of a library that cannot be cancelled', () => {
  it('is reloaded once the running call has returned; the queued ones are not made', async () => {
    const opened = await open();
    try {
      await start(opened.page, 'camera-deaf', RUNNING_AND_TEN_QUEUED, 2000); // time for the reload to begin
      await opened.log.until('begin');
      await opened.page.reload();
      assertOff(opened.log);
      assert.equal(opened.log.count('begin'), 1);
      assert.deepEqual(await crashes(opened), []);
    } finally {
      await opened.app.close();
    }
  });
});

describe('a page whose calls have ended', () => {
  /** @type {Opened} */
  let opened;
  beforeEach(async () => {
    opened = await open();
    await start(opened.page, 'camera', 2, 1);
    await opened.log.until('end', 2);
    assert.equal(opened.log.count('off'), 0);
  });
  afterEach(() => opened.app.close());

  it('is reloaded: the camera is switched off, and on again when the next page uses it', async () => {
    const { log, page } = opened;
    await page.reload();
    assertOff(log);
    await start(page, 'camera', 1, 1);
    await log.until('end', 3);
    assert.deepEqual([log.count('on'), log.count('off')], [2, 1]);
  });

  it('is closed: the camera is switched off', async () => {
    await close(opened);
    await opened.log.until('off');
    assertOff(opened.log);
  });

  it('ignores a pagehide event that a script has dispatched', async () => {
    const { log, page } = opened;
    await page.evaluate(() => globalThis.dispatchEvent(new Event('pagehide')));
    await start(page, 'camera', 1, 1);
    await log.until('end', 3);
    assert.deepEqual([log.count('on'), log.count('off')], [1, 0]);
  });
});

describe('two windows on one library', () => {
  it('do not disturb each other', async () => {
    const opened = await open();
    const { app, log, page } = opened;
    try {
      const opening = app.waitForEvent('window');
      await app.evaluate(() => /** @type {any} */ (globalThis).openWindow());
      const other = await opening;
      await start(page, 'camera', 1, FOR_EVER);
      await start(other, 'camera', 1, 3000); // longer than the reload takes
      await start(other, 'camera', 1, 1);
      await log.until('begin', 2); // each window has a process of its own, which has the library
      await page.reload();
      await log.until('off');
      assert.deepEqual(await outcomes(other), [], 'the calls of the other window go on');
      await log.until('end', 3);
      await other.waitForFunction(() => /** @type {any} */ (globalThis).cameras.outcomes().length === 2);
      assert.deepEqual(await outcomes(other), ['64', '64']);
      await app.close();
      assertOff(log);
    } finally {
      await app.close();
    }
  });
});
