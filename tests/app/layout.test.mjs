// Layout and accessibility of the window: both themes, from the minimum size to a large one, by keyboard, and with
// axe-core.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { choose, go, press, pressed, textOf, violations, windowForAll } from '../support/window.mjs';

const require = createRequire(import.meta.url);
const { until } = require('../support/fixtures.js');

describe('the layout of the window', () => {
  const window = windowForAll();

  const SIZES = [
    [900, 640],
    [1920, 1080],
    [640, 480], // the minimum, at which the panel scrolls
  ];

  for (const theme of /** @type {const} */ (['light', 'dark'])) {
    for (const [width, height] of SIZES) {
      for (const panel of ['Exchange', 'Live', 'Streams', 'About this runtime']) {
        it(`${panel}, ${theme}, ${width} by ${height}: everything is visible, and axe-core finds no violation`, async () => {
          const { app, page } = window;
          await page.emulateMedia({ colorScheme: theme });
          await app.evaluate(
            ({ BrowserWindow }, [width, height]) => BrowserWindow.getAllWindows()[0].setContentSize(width, height),
            [width, height],
          );
          await until(async () => (await page.evaluate(() => innerWidth)) === width);
          await go(page, panel);
          if (panel === 'Exchange') {
            await press(page);
            await page.locator('#text:visible').waitFor();
          }
          const overflow = await page.evaluate(() => {
            const { scrollWidth, scrollHeight } = document.documentElement;
            return [scrollWidth - innerWidth, scrollHeight - innerHeight];
          });
          assert.deepEqual(overflow, [0, 0], 'the page itself does not scroll');
          // A table may be longer than the window. Controls and results must be visible.
          if (height < 640) {
            const edges = await page.evaluate(() => {
              const panel = document.querySelector('.panel:not([hidden]):has(.screen)') ?? document;
              const box = (/** @type {string} */ part) => panel.querySelector(part)?.getBoundingClientRect();
              return [box('.screen')?.bottom, box('.plot')?.top, box('.plot')?.bottom, box('.side')?.top];
            });
            assert.deepEqual(
              edges,
              edges.toSorted((a, b) => Number(a) - Number(b)),
              'picture, plot and controls of Live are one below another',
            );
            assert.deepEqual(await violations(page), []);
            return;
          }
          const parts = page.locator(
            '.panel:visible :is(button, select, input, canvas, .result, .plot, .figures):visible',
          );
          for (const part of await parts.all()) {
            const box = await part.boundingBox();
            assert.ok(box && box.x >= 0 && box.y >= 0, await part.evaluate((element) => element.outerHTML));
            assert.ok(
              box.x + box.width <= width && box.y + box.height <= height,
              await part.evaluate((element) => element.outerHTML),
            );
          }
          assert.deepEqual(await violations(page), []);
        });
      }
    }
  }

  it('has no axe-core violation in the hexadecimal view', async () => {
    const { page } = window;
    for (const theme of /** @type {const} */ (['light', 'dark'])) {
      await page.emulateMedia({ colorScheme: theme });
      await go(page, 'Exchange');
      await press(page);
      await choose(page, 'Hex');
      assert.deepEqual(await violations(page), []);
      await choose(page, 'Text');
    }
  });

  it('can be used by keyboard alone', async () => {
    const { page } = window;
    await page.reload();
    await page.locator('#exchange:focus').waitFor();
    const focused = () => page.evaluate(() => document.activeElement?.id ?? '');
    const order = [];
    for (let step = 0; step < 5; step += 1) {
      await page.keyboard.press('Tab');
      order.push(await focused());
    }
    assert.deepEqual(order.slice(0, 1), ['size']);
    assert.ok(order.includes('worker-thread'));
    for (const element of await page.locator('nav a').all()) {
      await element.focus();
      const outline = await element.evaluate((link) => getComputedStyle(link).outlineStyle);
      assert.equal(outline, 'solid', 'focus is visible');
    }
    await page.getByRole('link', { name: 'Live' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Every frame is native.' }).waitFor();
    assert.equal(await page.getByRole('link', { name: 'Live' }).getAttribute('aria-current'), 'page');
    assert.equal(await page.title(), 'Live – Inplace Exchange');
    await page.getByRole('button', { name: 'Pause' }).focus();
    await page.keyboard.press('Enter');
    assert.equal(await textOf(page, 'live-state'), 'Paused');
  });

  it('shows the same panel after a reload, and exchanges work', async () => {
    const { page } = window;
    await go(page, 'Live');
    await page.reload();
    await page.locator('#rate', { hasText: /^[1-9]/ }).waitFor();
    await go(page, 'Exchange');
    await pressed(page, 1);
  });
});
