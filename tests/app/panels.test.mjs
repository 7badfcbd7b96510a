// The three panels of the window, with real clicks and keys: what each shows, what it says when something fails, and how
// it looks in both themes, small and large.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { openWindow, temporaryProfile } from '../../scripts/window.mjs';
import { drive, LIMIT_MS } from '../support/drive.mjs';
import {
  choose,
  go,
  inWindow,
  press,
  pressed,
  shownError,
  textOf,
  violations,
  windowForAll,
} from '../support/window.mjs';

const require = createRequire(import.meta.url);
const { each, fixtureLibrary, temporaryFolder, until } = require('../support/fixtures.js');

/** @typedef {import('playwright-core').Page} Page */

const MiB = 1024 * 1024;
/** Longer than a frame takes, on a busy machine too. */
const FRAME_MS = 500;
const GREETING = 'Hello from Rust! native-lib x.y.z wrote these bytes in place, into memory that V8 owns.'.length;

describe('the Exchange panel', () => {
  const window = windowForAll();
  let presses = 0;
  const nextPress = () => {
    presses += 1;
    return pressed(window.page, presses);
  };

  const SIZES = [64, 1024, 4096, 65536, MiB, 8 * MiB, 32 * MiB, 100 * MiB];

  it('offers from 64 bytes to 100 MiB', async () => {
    const values = await window.page
      .locator('#size option')
      .evaluateAll((options) => options.map((option) => Number(/** @type {HTMLOptionElement} */ (option).value)));
    assert.deepEqual(values, SIZES);
  });

  for (const [ask, thread] of [
    ['a message', 'main'],
    ['every byte', 'main'],
    ['every byte', 'worker'],
  ]) {
    for (const size of SIZES) {
      it(`${size} bytes, asked for ${ask}, on ${thread === 'main' ? 'the main' : 'a worker'} thread: says what was written and that nothing moved`, async () => {
        const { page } = window;
        await page.getByLabel('Memory to lend').selectOption(String(size));
        await choose(page, ask);
        await page.getByLabel('On a worker thread').setChecked(thread === 'worker');
        await nextPress();
        const grown = Math.max(size, GREETING);
        const number = (/** @type {number} */ count) => count.toLocaleString('en');
        const written = ask === 'a message' ? GREETING : grown;
        assert.equal(await textOf(page, 'written'), `${number(written)} B`);
        assert.equal(await textOf(page, 'lent'), `${number(grown)} B`);
        assert.match(await textOf(page, 'time'), /^[\d.,]+ (µs|ms)$/);
        assert.equal(await textOf(page, 'copied'), '0 B');
        assert.match(await textOf(page, 'addresses'), /^(0x[0-9a-f]{6,}) before\n\1 after$/);
        assert.match(await textOf(page, 'text'), /^Hello from Rust! native-lib/);
        assert.match(
          String(await page.locator('#announcement').textContent()),
          new RegExp(`^Press ${presses}: ${number(written)} B written, 0 B copied, round trip `),
        );
      });
    }
  }

  it('says when the buffer was too small, and what it has grown from', async () => {
    const { page } = window;
    await choose(page, 'a message');
    await page.getByLabel('Memory to lend').selectOption('64');
    for (let time = 0; time < 2; time += 1) {
      await nextPress();
      assert.equal(await textOf(page, 'grown'), '64 B was too small for it');
      assert.equal(await textOf(page, 'lent'), `${GREETING} B`);
    }
    await page.getByLabel('Memory to lend').selectOption('1024');
    await nextPress();
    assert.equal(await textOf(page, 'grown'), 'the page’s own memory');
  });

  it('shows the first 64 KiB of a long text, and says so', async () => {
    const { page } = window;
    await choose(page, 'every byte');
    await page.getByLabel('Memory to lend').selectOption(String(MiB));
    await nextPress();
    const text = await textOf(page, 'text');
    assert.ok(text.endsWith('byte 0x0000fff0\n … (65,536 B of 1,048,576 B)'), text.slice(-80));
  });

  describe('in hexadecimal', () => {
    const rows = () => window.page.locator('#hex .row').evaluateAll((rows) => rows.map((row) => row.textContent ?? ''));
    /** What is fully in sight, of each row its first byte. */
    const offsets = async () => (await rows()).map((row) => Number.parseInt(row.slice(0, 8), 16));
    const first = async () => (await offsets())[0];

    before(async () => {
      const { page } = window;
      await choose(page, 'every byte');
      await page.getByLabel('Memory to lend').selectOption(String(100 * MiB));
      await page.getByText('Hex', { exact: true }).click();
      await nextPress();
    });

    it('shows offsets, bytes and characters, and only the rows in sight', async () => {
      const texts = await rows();
      assert.equal(texts[0], '0000000048 65 6c 6c 6f 20 66 72  6f 6d 20 52 75 73 74 21 Hello from Rust!');
      assert.equal(texts[6], '0000006062 79 74 65 20 30 78 30  30 30 30 30 30 36 30 0a byte 0x00000060·');
      const height = await window.page.locator('#hex').evaluate(({ clientHeight }) => clientHeight);
      assert.ok(texts.length <= height / 20 + 2, `${texts.length} rows in ${height} px`);
    });

    it('is scrolled by keyboard, to the very last byte', async () => {
      const { page } = window;
      await page.locator('#hex').focus();
      await page.keyboard.press('End');
      const last = (await rows()).at(-1);
      assert.equal(last, '063ffff062 79 74 65 20 30 78 30  36 33 66 66 66 66 30 0a byte 0x063ffff0·');
      const lowest = await first();
      await page.keyboard.press('ArrowUp');
      assert.equal(await first(), lowest - 16);
      await page.keyboard.press('Home');
      assert.equal(await first(), 0);
      await page.keyboard.press('ArrowDown');
      assert.equal(await first(), 16);
      const seen = (await offsets()).length;
      await page.keyboard.press('PageDown');
      const turned = (await first()) / 16 - 1;
      assert.ok(turned >= seen - 3 && turned < seen, `${turned} rows of ${seen}`);
      const top = await first();
      await page.keyboard.press('Space');
      assert.equal(((await first()) - top) / 16, turned, 'as far as PageDown');
      await page.keyboard.press('Shift+Space');
      assert.equal(await first(), top);
      await page.keyboard.press('Home');
    });

    it('is scrolled by the wheel a few rows at a time, wherever that is', async () => {
      const { page } = window;
      await page.locator('#hex').hover();
      for (const start of ['Home', 'middle']) {
        if (start === 'Home') await page.keyboard.press('Home');
        else await page.locator('#hex').evaluate((element) => element.scrollTo(0, element.scrollHeight / 2));
        await page.waitForTimeout(100);
        const before = await first();
        for (let turn = 1; turn <= 3; turn += 1) {
          await page.mouse.wheel(0, 100);
          await page.waitForTimeout(50);
          assert.equal((await first()) - before, turn * 5 * 16, `${start}: 100 px are five rows`);
        }
      }
    });

    it('is scrolled by its bar in proportion', async () => {
      const { page } = window;
      for (const share of [0.25, 0.5, 1]) {
        await page.locator('#hex').evaluate((element, share) => {
          element.scrollTop = share * (element.scrollHeight - element.clientHeight);
        }, share);
        const expected = share * 100 * MiB;
        await until(async () => Math.abs((await first()) - expected) < 0.002 * 100 * MiB);
      }
      assert.equal((await offsets()).at(-1), 100 * MiB - 16);
    });

    it('every row that is shown is that of its offset', async () => {
      const { page } = window;
      for (const share of [0.123, 0.456, 0.789]) {
        await page
          .locator('#hex')
          .evaluate((element, share) => element.scrollTo(0, share * element.scrollHeight), share);
        await page.waitForTimeout(50);
        for (const row of await rows()) assert.ok(row.endsWith(`byte 0x${row.slice(0, 8)}·`), row);
      }
    });

    it('keeps its place with the next exchange', async () => {
      const before = await first();
      await nextPress();
      assert.equal(await first(), before);
      await window.page.getByLabel('Memory to lend').selectOption('4096');
      await nextPress();
      assert.equal((await offsets()).at(-1), 4096 - 16, 'as far as there is one');
    });

    it('is chosen by keyboard', async () => {
      const { page } = window;
      await page.getByRole('radio', { name: 'Hex' }).focus();
      await page.keyboard.press('ArrowLeft');
      assert.equal(await page.locator('#text').isVisible(), true);
      await page.keyboard.press('ArrowRight');
      assert.equal(await page.locator('#hex').isVisible(), true);
      await choose(page, 'Text');
    });
  });
});

describe('the Exchange panel, of other libraries', () => {
  it(
    'shows bytes that are no text',
    inWindow({ INPLACE_EXCHANGE_LIBRARY: fixtureLibrary('address') }, async (page) => {
      await pressed(page, 1);
      await choose(page, 'Hex');
      await page.locator('#hex .row').first().waitFor();
      const rows = await page.locator('#hex .row').allTextContents();
      assert.match(rows[2], /^00000020(a5 ){8} (a5 ){8}·{16}$/);
      // The library has written where it saw the memory.
      const hex = rows[0].slice(8, 32).trim().split(' ').reverse().join('').replace(/^0+/, '');
      assert.equal(await textOf(page, 'addresses'), `0x${hex} before\n0x${hex} after`);
    }),
  );

  it(
    'counts zero bytes instead of showing them',
    inWindow({ INPLACE_EXCHANGE_LIBRARY: fixtureLibrary('uppercase-c') }, async (page) => {
      await pressed(page, 1);
      assert.equal(await textOf(page, 'text'), '⟨4,096 zero bytes⟩');
    }),
  );

  it(
    'says when there is nothing to show',
    inWindow({ INPLACE_EXCHANGE_LIBRARY: fixtureLibrary('zero') }, async (page) => {
      await pressed(page, 1);
      assert.equal(await textOf(page, 'hint'), 'The library wrote nothing.');
      assert.equal(await textOf(page, 'written'), '0 B');
    }),
  );

  it(
    'leaves the focus where it was',
    inWindow({}, async (page) => {
      await page.getByLabel('On a worker thread').focus();
      await page.keyboard.press('Enter');
      await page.locator('#call', { hasText: 'press 1' }).waitFor();
      assert.equal(await page.evaluate(() => document.activeElement?.id), 'worker-thread');
    }),
  );

  it(
    'says at once which variable names a library that is not there',
    inWindow({ INPLACE_EXCHANGE_LIBRARY: 'nowhere.so' }, async (page) => {
      const { code, message } = await shownError(page);
      assert.equal(code, 'ERR_LIBRARY_PATH');
      assert.match(message, /It is what INPLACE_EXCHANGE_LIBRARY names: an absolute path is expected there\.$/);
      await go(page, 'About this runtime');
      await page.getByText('not open: ERR_LIBRARY_PATH').waitFor();
    }),
  );

  it(
    'never tries more than twice',
    inWindow({ INPLACE_EXCHANGE_LIBRARY: fixtureLibrary('too-small') }, async (page) => {
      for (let time = 0; time < 2; time += 1) {
        await press(page);
        const { code, message } = await shownError(page);
        assert.equal(code, 'ERR_BUFFER_TOO_SMALL');
        assert.match(message, /needs 6096 bytes/, 'that is the second try, of this press');
        assert.equal(await textOf(page, 'call'), 'failed');
      }
    }),
  );

  it(
    'gives no library more than 256 MiB',
    inWindow({ INPLACE_EXCHANGE_LIBRARY: fixtureLibrary('too-large') }, async (page) => {
      await press(page);
      const { code, message } = await shownError(page);
      assert.equal(code, 'ERR_BUFFER_TOO_SMALL');
      assert.match(message, /314,?572,?800.* This window lends 268,435,456 B at most\.$/);
    }),
  );

  it(
    'shows a library’s own words, and goes on working',
    inWindow({ INPLACE_EXCHANGE_LIBRARY: fixtureLibrary('negative-message') }, async (page) => {
      await press(page);
      const { code, message } = await shownError(page);
      assert.equal(code, 'ERR_LIBRARY_FAILED');
      assert.match(message, /the lens cap is on/);
      assert.deepEqual(await violations(page), []);
      await go(page, 'About this runtime');
      assert.equal(await page.getByRole('heading', { name: 'About this runtime' }).isVisible(), true);
    }),
  );
});

describe('the Live panel', () => {
  const window = windowForAll();
  beforeEach(() => go(window.page, 'Live'));

  const picture = async () => (await window.page.locator('#canvas').screenshot()).toString('base64');
  const playing = () => window.page.locator('#rate', { hasText: /^[1-9]/ }).waitFor();

  it('plays when it is gone to, with nothing copied', async () => {
    await playing();
    assert.equal(await textOf(window.page, 'frame-copied'), '0 B');
    assert.match(await textOf(window.page, 'throughput'), /^[\d.,]+ MB\/s$/);
    assert.match(await textOf(window.page, 'lag'), /^[\d.,]+ (µs|ms)$/);
    assert.equal(await window.page.locator('#plot canvas').count(), 1);
    const one = await picture();
    await until(async () => (await picture()) !== one);
  });

  it('stops moving when it is paused', async () => {
    const { page } = window;
    await page.getByRole('button', { name: 'Pause' }).click();
    assert.equal(await textOf(page, 'live-state'), 'Paused');
    let one = '';
    await until(async () => {
      const before = await picture();
      await page.waitForTimeout(FRAME_MS);
      one = await picture();
      return one === before; // what was under way has been drawn
    });
    await page.waitForTimeout(FRAME_MS);
    assert.equal(await picture(), one);
    await page.getByRole('button', { name: 'Play' }).click();
    await until(async () => (await picture()) !== one);
  });

  it('shows the same by contextBridge, as copies', async () => {
    const { page } = window;
    await choose(page, 'by contextBridge');
    await page.locator('#frame-copied', { hasText: '8,294,400 B' }).waitFor();
    await page.waitForTimeout(600);
    await playing();
    assert.equal(await page.locator('#live-error').isVisible(), false);
    assert.match(await textOf(page, 'other'), /^In place, 1920 × 1080: [\d.]+ per second, [\d.,]+ (µs|ms)\.$/);
    await choose(page, 'in place');
    await page.locator('#frame-copied', { hasText: /^0 B$/ }).waitFor();
    assert.match(await textOf(page, 'other'), /^By contextBridge, 1920 × 1080: [\d.]+ per second/);
  });

  it('does not play unasked for those who want less motion', async () => {
    const { page } = window;
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await page.reload();
    await go(page, 'Live');
    await page.locator('#live-state', { hasText: 'Paused' }).waitFor();
    await page.waitForTimeout(500);
    assert.equal(await textOf(page, 'rate'), '–');
    await page.getByRole('button', { name: 'Play' }).click();
    await playing();
    await page.emulateMedia({ reducedMotion: null });
  });
});

describe('the Live panel, when it is changed again and again', () => {
  for (const way of ['in place', 'by contextBridge']) {
    it(`has one stream in the end, and nothing is lost or left: ${way}`, async () => {
      const { app, page } = await openWindow({ theme: 'dark' });
      const problems = /** @type {string[]} */ ([]);
      page.on('console', (message) => problems.push(message.text()));
      page.on('pageerror', (error) => problems.push(error.message));
      try {
        await page.locator('#exchange:focus').waitFor();
        await go(page, 'Live');
        await choose(page, way);
        const resident = () =>
          app.evaluate(({ app, BrowserWindow }) => {
            const id = BrowserWindow.getAllWindows()[0].webContents.getOSProcessId();
            return app.getAppMetrics().find(({ pid }) => pid === id)?.memory.workingSetSize ?? Number.NaN;
          });
        await page.getByLabel('Resolution').selectOption('3840 × 2160 (4K)');
        await page.locator('#rate', { hasText: /^[1-9]/ }).waitFor();
        await page.waitForTimeout(1000);
        const before = await resident();
        await page.evaluate(async () => {
          const resolution = /** @type {HTMLSelectElement} */ (document.getElementById('resolution'));
          for (let time = 0; time < 60; time += 1) {
            resolution.selectedIndex = time % 2 === 0 ? 1 : 4;
            resolution.dispatchEvent(new Event('change'));
            if (time % 3 === 0) document.getElementById('play')?.click();
            if (time % 3 === 1) document.getElementById('play')?.click();
            await new Promise((resolve) => setTimeout(resolve, 10));
          }
        });
        const [other] = ['in place', 'by contextBridge'].filter((name) => name !== way);
        await choose(page, other);
        await choose(page, way);
        await page.locator('#rate', { hasText: /^[1-9]/ }).waitFor({ timeout: 5000 });
        await page.waitForTimeout(1000);
        const grown = ((await resident()) - before) / 1024;
        assert.ok(grown < 400, `${grown} MiB`);
        assert.deepEqual(problems, []);
      } finally {
        await app.close();
      }
    });
  }
});

describe('the Live panel’s requests', () => {
  const file = path.join(temporaryFolder(), 'request');
  fs.writeFileSync(file, '');
  const window = windowForAll({ INPLACE_EXCHANGE_LIVE_LIBRARY: fixtureLibrary('request'), EXCHANGE_REQUEST: file });

  /** The last one. @returns {Record<string, number> & { magic: string } | undefined} */
  function request() {
    const bytes = fs.readFileSync(file);
    if (bytes.length < 68) return undefined;
    const numbers = Array.from({ length: 12 }, (_, index) => bytes.readFloatLE(16 + 4 * index));
    const [seconds, x, y, movedX, movedY, ink, centreX, centreY, zoom, swirl, persistence, hue] = numbers;
    const [width, height, flags, calls] = [4, 8, 12, 64].map((at) => bytes.readUInt32LE(at));
    const floats = { seconds, x, y, movedX, movedY, ink, centreX, centreY, zoom, swirl, persistence, hue };
    return /** @type {any} */ ({ magic: bytes.toString('latin1', 0, 4), width, height, flags, calls, ...floats });
  }
  /** @param {(last: Record<string, number> & { magic: string }) => boolean} condition */
  const asked = (condition) =>
    until(() => {
      const last = request();
      return last !== undefined && condition(last);
    });
  const near = (/** @type {number} */ a, /** @type {number} */ b) => Math.abs(a - b) < 0.01;
  const calls = () => request()?.calls ?? 0;

  /** Until pictures are asked for, or no longer are. @param {boolean} playing */
  const comesTo = (playing) =>
    until(async () => {
      const before = calls();
      await window.page.waitForTimeout(FRAME_MS);
      return calls() > before === playing;
    });

  before(() => go(window.page, 'Live'));

  it('name the size, of each resolution up to 4K', async () => {
    const { page } = window;
    const names = await page.locator('#resolution option').allInnerTexts();
    assert.deepEqual(names, ['640 × 360', '1280 × 720', '1920 × 1080', '2560 × 1440', '3840 × 2160 (4K)']);
    for (const name of names) {
      await page.getByLabel('Resolution').selectOption(name);
      const [width, height] = name.split(' × ').map((side) => Number.parseInt(side, 10));
      await asked((last) => last.width === width && last.height === height && last.magic === 'INK1');
      await page.waitForTimeout(300);
      await page.locator('#rate', { hasText: /^[1-9]/ }).waitFor();
    }
    await page.getByLabel('Resolution').selectOption('640 × 360');
  });

  it('say how much time has passed', async () => {
    await window.page.waitForTimeout(300);
    const { seconds } = /** @type {Record<string, number>} */ (request());
    assert.ok(seconds > 0.001 && seconds <= 0.0501, String(seconds));
  });

  it('carry the pointer, and ink while it is pressed', async () => {
    const { page } = window;
    const box = /** @type {{ x: number, y: number, width: number, height: number }} */ (
      await page.locator('#canvas').boundingBox()
    );
    const to = (/** @type {number} */ x, /** @type {number} */ y) =>
      page.mouse.move(box.x + x * box.width, box.y + y * box.height);
    await to(0.25, 0.75);
    await asked(({ x, y, ink }) => near(x, 0.25) && near(y, 0.75) && ink === 0);
    await page.mouse.down();
    await asked(({ ink }) => ink === 1);
    let moved = false;
    const watching = asked(({ movedX, movedY }) => movedX > 0.01 && near(movedY, 0)).then(() => (moved = true));
    for (let x = 0.25; x < 0.75 || !moved; x = x < 0.75 ? x + 0.02 : 0.25) await to(x, 0.75);
    await watching;
    await page.mouse.up();
    await asked(({ ink }) => ink === 0);
    await asked(({ movedX, movedY }) => movedX === 0 && movedY === 0);
  });

  it('carry the zoom: by wheel about the pointer, by slider and by keyboard', async () => {
    const { page } = window;
    const box = /** @type {{ x: number, y: number, width: number, height: number }} */ (
      await page.locator('#canvas').boundingBox()
    );
    await page.mouse.move(box.x + 0.75 * box.width, box.y + 0.25 * box.height);
    await page.mouse.wheel(0, -400);
    await asked(({ zoom, centreX, centreY }) => near(zoom, 2) && near(centreX, 0.625) && near(centreY, 0.375));
    assert.equal(Number(await page.getByLabel('Zoom').inputValue()).toFixed(1), '2.0');
    await page.getByLabel('Zoom').fill('4');
    await asked(({ zoom, centreX }) => near(zoom, 4) && near(centreX, 0.625));
    await page.locator('#canvas').focus();
    await page.keyboard.press('+');
    await asked(({ zoom }) => near(zoom, 5));
    await page.keyboard.press('ArrowRight');
    await asked(({ centreX }) => near(centreX, 0.645));
    await page.keyboard.press('ArrowUp');
    await asked(({ centreY }) => near(centreY, 0.355));
    for (let press = 0; press < 60; press += 1) await page.keyboard.press('ArrowLeft');
    await asked(({ centreX, zoom }) => near(centreX, 0.5 / zoom)); // the edge of the water
    await page.keyboard.press('-');
    await asked(({ zoom }) => near(zoom, 4));
    await page.keyboard.press('0');
    await asked(({ zoom, centreX, centreY }) => zoom === 1 && near(centreX, 0.5) && near(centreY, 0.5));
  });

  it('carry ink by keyboard', async () => {
    await window.page.locator('#canvas').focus();
    await window.page.keyboard.press('Space');
    await asked(({ ink, x, y }) => ink === 1 && near(x, 0.5) && near(y, 0.5));
    await asked(({ ink }) => ink === 0);
  });

  it('carry the sliders, and whether jets stir', async () => {
    const { page } = window;
    await page.getByLabel('Swirl').fill('0.9');
    await page.getByLabel('Persistence').fill('0.3');
    await page.getByLabel('Ink colour').fill('0.7');
    await page.getByLabel('Jets').uncheck();
    await asked(
      ({ swirl, persistence, hue, flags }) =>
        near(swirl, 0.9) && near(persistence, 0.3) && near(hue, 0.7) && flags === 0,
    );
    await page.getByLabel('Jets').check();
    await asked(({ flags }) => flags === 2);
  });

  it('carry the same by contextBridge', async () => {
    const { page } = window;
    await choose(page, 'by contextBridge');
    await page.getByLabel('Zoom').fill('3');
    await asked(({ zoom, width }) => near(zoom, 3) && width === 640);
    await choose(page, 'in place');
  });

  it('end while it is paused, and go on', async () => {
    const { page } = window;
    await page.getByRole('button', { name: 'Pause' }).click();
    await comesTo(false);
    await page.getByRole('button', { name: 'Play' }).click();
    await comesTo(true);
  });

  it('end on another panel, and go on', async () => {
    await go(window.page, 'Exchange');
    await comesTo(false);
    await go(window.page, 'Live');
    await comesTo(true);
  });

  for (const way of ['in place', 'by contextBridge']) {
    it(`show a library’s failure where the picture is, and are made again when that is asked for: ${way}`, async () => {
      const { page } = window;
      await choose(page, way);
      await comesTo(true);
      fs.renameSync(file, `${file}.away`);
      const { code, message } = await shownError(page, 'live-error');
      assert.equal(code, 'ERR_LIBRARY_FAILED');
      assert.match(message, /-1/);
      assert.equal(await page.getByRole('button', { name: 'Play' }).isVisible(), true);
      await go(page, 'Exchange');
      await press(page);
      await page.locator('#text:visible').waitFor();
      await go(page, 'Live');
      assert.equal((await shownError(page, 'live-error')).code, 'ERR_LIBRARY_FAILED', 'it is still there');
      fs.renameSync(`${file}.away`, file);
      await page.getByRole('button', { name: 'Play' }).click();
      await comesTo(true);
      assert.equal(await page.locator('#live-error').isVisible(), false);
    });
  }
});

describe('the Live panel, of other libraries', () => {
  each(
    /** @type {[string, string, string, RegExp][]} */ ([
      ['is missing', '/no-such-folder/live.so', 'ERR_LIBRARY_NOT_FOUND', /Build it, or correct the path/],
      ['is none', fixtureLibrary('nothing'), 'ERR_LIBRARY_SYMBOL', /exchange_inplace/],
      ['refuses to be opened', fixtureLibrary('life-refused'), 'ERR_LIBRARY_FAILED', /-7/],
      ['fails', fixtureLibrary('negative-message'), 'ERR_LIBRARY_FAILED', /the lens cap is on/],
      ['asks for more', fixtureLibrary('too-small'), 'ERR_BUFFER_TOO_SMALL', /2,?024/],
      ['paints nothing', fixtureLibrary('zero'), 'ERR_NO_PICTURE', /answered with 0 B.* has 8,294,400 B/],
    ]),
    ([what, library, code, words]) => {
      it(
        `one that ${what}: ${code}, and the rest works`,
        inWindow({ INPLACE_EXCHANGE_LIVE_LIBRARY: library }, async (page) => {
          await go(page, 'Live');
          const error = await shownError(page, 'live-error');
          assert.equal(error.code, code);
          assert.match(error.message, words);
          await page.getByRole('button', { name: 'Play' }).click(); // and again
          await shownError(page, 'live-error');
          assert.deepEqual(await violations(page), []);
          await go(page, 'Exchange');
          await pressed(page, 1);
        }),
      );
    },
  );
});

describe('the Live panel, while its library takes its time', () => {
  it(
    'says that it is being opened, and can be paused',
    inWindow({ INPLACE_EXCHANGE_LIVE_LIBRARY: fixtureLibrary('wait-first') }, async (page) => {
      await go(page, 'Live');
      await page.locator('#live-state', { hasText: 'The library is being opened …' }).waitFor();
      await page.getByRole('button', { name: 'Pause' }).click();
      assert.equal(await textOf(page, 'live-state'), 'Paused');
      await go(page, 'Exchange');
      await pressed(page, 1);
    }),
  );

  it(
    'says that it is waited for, and stops it',
    inWindow({ INPLACE_EXCHANGE_LIVE_LIBRARY: fixtureLibrary('wait-second') }, async (page) => {
      await go(page, 'Live');
      await page.locator('#live-state', { hasText: 'Waiting for the library …' }).waitFor();
      assert.equal(await textOf(page, 'rate'), '–');
      await page.getByRole('button', { name: 'Pause' }).click();
      assert.equal(await textOf(page, 'live-state'), 'Paused');
      await page.getByRole('button', { name: 'Play' }).click();
      assert.equal((await shownError(page, 'live-error')).code, 'ERR_LIBRARY_FAILED', 'as it answers from then on');
    }),
  );
});

describe('the Live panel, when its library ends the process', () => {
  it('is there again with what happened, and does not play before that is asked for', async () => {
    const { pages, crashedUntilThen, crashed } = await drive('play until it crashes, exchange, and play again', {
      live: 'crash-second',
    });
    const [live, exchange, again] = pages;
    for (const page of [live, again]) {
      assert.match(page, /Every frame is native/);
      assert.match(page, /The page was started again/);
      assert.match(page, /The process of this page crashed, most likely in a native library/);
      assert.match(page, /^Play$/m);
    }
    assert.equal(crashedUntilThen, 1);
    assert.match(exchange, /Hello from Rust!/);
    assert.equal(crashed, 2);
  });

  it('while it is opened: is not opened again before somebody presses Play, also at the next start', async () => {
    const profile = temporaryProfile();
    const NOT_OPENED = /not opened again until you press Play/;
    const first = await drive('look at the moving picture', { live: 'crash-open', profile, crashes: true });
    assert.equal(first.crashed, 1);
    assert.match(first.page, /The library was being opened/);
    assert.match(first.page, NOT_OPENED);
    const next = await drive('look at the moving picture', { live: 'crash-open', profile });
    assert.equal(next.crashed, 0);
    assert.match(next.page, NOT_OPENED);
    const exchange = await drive('press once, and look', { live: 'crash-open', profile });
    assert.match(exchange.pages[1], /press 1/, 'the other library is not under suspicion');
  }).timeout(3 * LIMIT_MS);
});

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
