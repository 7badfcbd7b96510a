// The Exchange panel, with real clicks and keys: its results, and its errors.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
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
const { fixtureLibrary, until } = require('../support/fixtures.js');

/** @typedef {import('playwright-core').Page} Page */

const MiB = 1024 * 1024;
const GREETING = 'Hello from Rust! native-lib x.y.z wrote these bytes in place, into memory that V8 owns.'.length;

/** Whether a library's process has the memory at this address, too. @param {Page} page @param {string} address */
async function isMapped(page, address) {
  if (process.platform !== 'linux') return false;
  const pid = await page.evaluate(() => /** @type {any} */ (globalThis).host.runtime.pid);
  const ranges = fs.readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(/^([\da-f]+)-([\da-f]+) .*\/memfd:/gm);
  return [...ranges].some(
    ([, start, end]) => Number(`0x${start}`) <= Number(address) && Number(address) < Number(`0x${end}`),
  );
}

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

  for (const [ask, thread, place] of [
    ['a message', 'main', 'its own'],
    ['every byte', 'worker', 'its own'],
    ['a message', 'main', 'this page’s'],
    ['every byte', 'main', 'this page’s'],
    ['every byte', 'worker', 'this page’s'],
  ].filter(([, , place]) => place !== 'its own' || process.platform === 'linux')) {
    for (const size of SIZES) {
      it(`${size} bytes, asked for ${ask}, on ${thread === 'main' ? 'the main' : 'a worker'} thread, in ${place} process: shows what was written and copied, and that the memory has not moved`, async () => {
        const { page } = window;
        await page.locator('#panel-exchange').getByText(place, { exact: true }).click();
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
        const copied = place === 'its own' && grown < MiB ? `${number(2 * grown)} B` : '0 B';
        assert.equal(await textOf(page, 'copied'), copied);
        const addresses = await textOf(page, 'addresses');
        if (copied !== '0 B') assert.equal(addresses, 'to the library’s process,\nand back');
        else {
          assert.match(addresses, /^(0x[0-9a-f]{6,}) before\n\1 after$/);
          assert.equal(await isMapped(page, addresses.split(' ')[0]), place === 'its own');
        }
        assert.match(await textOf(page, 'text'), /^Hello from Rust! native-lib/);
        assert.match(
          String(await page.locator('#announcement').textContent()),
          new RegExp(`^Press ${presses}: ${number(written)} B written, ${copied} copied, round trip `),
        );
      });
    }
  }

  it('shows when the memory was too small, and its previous size', async () => {
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

  it('shows the first 64 KiB of a long text, and where it is cut', async () => {
    const { page } = window;
    await choose(page, 'every byte');
    await page.getByLabel('Memory to lend').selectOption(String(MiB));
    await nextPress();
    const text = await textOf(page, 'text');
    assert.ok(text.endsWith('byte 0x0000fff0\n … (65,536 B of 1,048,576 B)'), text.slice(-80));
  });

  describe('in hexadecimal', () => {
    const rows = () => window.page.locator('#hex .row').evaluateAll((rows) => rows.map((row) => row.textContent ?? ''));
    /** The offsets of the visible rows. */
    const offsets = async () => (await rows()).map((row) => Number.parseInt(row.slice(0, 8), 16));
    const first = async () => (await offsets())[0];

    before(async () => {
      const { page } = window;
      await choose(page, 'every byte');
      await page.getByLabel('Memory to lend').selectOption(String(100 * MiB));
      await page.getByText('Hex', { exact: true }).click();
      await nextPress();
    });

    it('shows offsets, bytes and characters, with elements for the visible rows only', async () => {
      const texts = await rows();
      assert.equal(texts[0], '0000000048 65 6c 6c 6f 20 66 72  6f 6d 20 52 75 73 74 21 Hello from Rust!');
      assert.equal(texts[6], '0000006062 79 74 65 20 30 78 30  30 30 30 30 30 36 30 0a byte 0x00000060·');
      const height = await window.page.locator('#hex').evaluate(({ clientHeight }) => clientHeight);
      assert.ok(texts.length <= height / 20 + 2, `${texts.length} rows in ${height} px`);
    });

    it('scrolls by keyboard, to the last byte', async () => {
      const { page } = window;
      await page.locator('#hex').focus();
      await page.keyboard.press('End');
      const last = (await rows()).at(-1);
      assert.equal(last, '063ffff062 79 74 65 20 30 78 30  36 33 66 66 66 66 30 0a byte 0x063ffff0·');
      const bottom = await first();
      await page.keyboard.press('ArrowUp');
      assert.equal(await first(), bottom - 16);
      await page.keyboard.press('Home');
      assert.equal(await first(), 0);
      await page.keyboard.press('ArrowDown');
      assert.equal(await first(), 16);
      const visible = (await offsets()).length;
      await page.keyboard.press('PageDown');
      const scrolled = (await first()) / 16 - 1;
      assert.ok(scrolled >= visible - 3 && scrolled < visible, `${scrolled} rows of ${visible}`);
      const top = await first();
      await page.keyboard.press('Space');
      const further = ((await first()) - top) / 16;
      assert.ok(Math.abs(further - scrolled) <= 1, `as far as PageDown, in whole rows: ${further} and ${scrolled}`);
      await page.keyboard.press('Shift+Space');
      assert.equal(await first(), top);
      await page.keyboard.press('Home');
    });

    it('scrolls by the wheel a few rows at a time, at any position', async () => {
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

    it('scrolls by its bar in proportion', async () => {
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

    it('shows in each row the bytes at its offset', async () => {
      const { page } = window;
      for (const share of [0.123, 0.456, 0.789]) {
        await page
          .locator('#hex')
          .evaluate((element, share) => element.scrollTo(0, share * element.scrollHeight), share);
        await page.waitForTimeout(50);
        for (const row of await rows()) assert.ok(row.endsWith(`byte 0x${row.slice(0, 8)}·`), row);
      }
    });

    it('keeps its position with the next exchange', async () => {
      const before = await first();
      await nextPress();
      assert.equal(await first(), before);
      await window.page.getByLabel('Memory to lend').selectOption('4096');
      await nextPress();
      assert.equal((await offsets()).at(-1), 4096 - 16, 'or the last position of shorter bytes');
    });

    it('can be chosen by keyboard', async () => {
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

describe('the Exchange panel, with other libraries', () => {
  it(
    'shows bytes that are not text',
    inWindow(
      { INPLACE_EXCHANGE_LIBRARY: fixtureLibrary('address'), INPLACE_EXCHANGE_PROCESS: 'here' },
      async (page) => {
        await page.getByLabel('Memory to lend').selectOption('4096');
        await pressed(page, 1);
        await choose(page, 'Hex');
        await page.locator('#hex .row').first().waitFor();
        const rows = await page.locator('#hex .row').allTextContents();
        assert.match(rows[2], /^00000020(a5 ){8} (a5 ){8}·{16}$/);
        // The library has written the address of the memory, as it sees it.
        const hex = rows[0].slice(8, 32).trim().split(' ').reverse().join('').replace(/^0+/, '');
        assert.equal(await textOf(page, 'addresses'), `0x${hex} before\n0x${hex} after`);
      },
    ),
  );

  it(
    'shows the number of zero bytes in place of them',
    inWindow({ INPLACE_EXCHANGE_LIBRARY: fixtureLibrary('uppercase-c') }, async (page) => {
      await page.getByLabel('Memory to lend').selectOption('4096');
      await pressed(page, 1);
      assert.equal(await textOf(page, 'text'), '⟨4,096 zero bytes⟩');
    }),
  );

  it(
    'shows that the library wrote nothing',
    inWindow({ INPLACE_EXCHANGE_LIBRARY: fixtureLibrary('zero') }, async (page) => {
      await pressed(page, 1);
      assert.equal(await textOf(page, 'hint'), 'The library wrote nothing.');
      assert.equal(await textOf(page, 'written'), '0 B');
    }),
  );

  it(
    'does not move the focus',
    inWindow({}, async (page) => {
      await page.getByLabel('On a worker thread').focus();
      await page.keyboard.press('Enter');
      await page.locator('#call', { hasText: 'press 1' }).waitFor();
      assert.equal(await page.evaluate(() => document.activeElement?.id), 'worker-thread');
    }),
  );

  it(
    'shows from the start which variable names a library that does not exist',
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
        assert.match(message, /needs 1050576 bytes/, 'the second try of this press');
        assert.equal(await textOf(page, 'call'), 'failed');
      }
    }),
  );

  it(
    'lends at most 256 MiB',
    inWindow({ INPLACE_EXCHANGE_LIBRARY: fixtureLibrary('too-large') }, async (page) => {
      await press(page);
      const { code, message } = await shownError(page);
      assert.equal(code, 'ERR_BUFFER_TOO_SMALL');
      assert.match(message, /314,?572,?800.* This window lends 268,435,456 B at most\.$/);
    }),
  );

  it(
    'shows the error message of a library, and keeps working',
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
