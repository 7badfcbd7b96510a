// The Streams panel, with real clicks: sound and picture that go on while the page's main thread is held.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { go, inWindow, shownError, textOf, windowForAll } from '../support/window.mjs';

const require = createRequire(import.meta.url);
const { fixtureLibrary, until } = require('../support/fixtures.js');

describe('the Streams panel', () => {
  const window = windowForAll();
  beforeEach(() => go(window.page, 'Streams'));

  const button = (/** @type {string | RegExp} */ name) => window.page.getByRole('button', { name });
  const number = async (/** @type {string} */ id) => Number((await textOf(window.page, id)).replace(/[^\d]/g, ''));
  const picture = async () => (await window.page.locator('#streams-canvas').screenshot()).toString('base64');

  it('makes no sound before Play is pressed', async () => {
    await window.page.locator('#streams-state', { hasText: 'Press Play: it makes a sound.' }).waitFor();
    assert.equal(await textOf(window.page, 'blocks'), '–');
    assert.equal(await button(/Hold/).isDisabled(), true);
  });

  it('plays, and the picture moves', async () => {
    await button('Play').click();
    await until(async () => (await number('blocks')) > 375);
    assert.match(await textOf(window.page, 'latency'), /^\d+ ms$/);
    const one = await picture();
    await until(async () => (await picture()) !== one);
  });

  it('goes on while the main thread is held, which would have lost two seconds of sound', async () => {
    const [played, empty, lost] = [await number('blocks'), await number('underruns'), await number('lost')];
    await button(/Hold/).click();
    await window.page.locator('#held', { hasText: 'It was held' }).waitFor();
    await until(async () => (await number('lost')) - lost > 600);
    // A machine that is busy otherwise may have some: half of the 750 of two seconds, nearly all of which would be missing.
    assert.ok((await number('underruns')) - empty < 375, await textOf(window.page, 'underruns'));
    assert.ok((await number('blocks')) - played > 600 - 375);
  });

  it('plays what the sliders say, and stops when it is paused or left', async () => {
    const { page } = window;
    await page.getByLabel('Pitch').focus();
    await page.keyboard.press('End');
    assert.equal(await page.getByLabel('Pitch').inputValue(), '880');
    await page.waitForTimeout(100);
    assert.equal(await page.locator('#streams-error').isVisible(), false);
    await button('Pause').click();
    const paused = await number('blocks');
    await page.waitForTimeout(600);
    assert.equal(await number('blocks'), paused);
    await button('Play').click();
    await until(async () => (await number('blocks')) > 100);
    await go(page, 'Exchange');
    await go(page, 'Streams');
    assert.equal(await button('Play').isVisible(), true);
  });

  it('survives a person who clicks often', async () => {
    const { page } = window;
    for (let click = 0; click < 9; click++) await page.locator('#streams-play').click();
    await until(async () => (await number('blocks')) > 100);
    assert.equal(await page.locator('#streams-error').isVisible(), false);
    await button('Pause').click();
  });

  it(
    'shows the error of a library that makes no pictures',
    inWindow({ INPLACE_EXCHANGE_LIVE_LIBRARY: fixtureLibrary('negative-message') }, async (page) => {
      await go(page, 'Streams');
      await page.getByRole('button', { name: 'Play' }).click();
      const { code } = await shownError(page, 'streams-error');
      assert.equal(code, 'ERR_LIBRARY_FAILED');
      assert.equal(await page.getByRole('button', { name: 'Play' }).isEnabled(), true);
    }),
  );
});
