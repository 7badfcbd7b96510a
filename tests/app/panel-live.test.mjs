// The Live panel, with real clicks and keys: its picture, its requests, and its errors.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { openWindow, temporaryProfile } from '../../scripts/lib/window.mjs';
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

/** Longer than a frame takes, even on a busy machine. */
const FRAME_MS = 500;

describe('the Live panel', () => {
  const window = windowForAll();
  beforeEach(() => go(window.page, 'Live'));

  const screenshot = async () => (await window.page.locator('#canvas').screenshot()).toString('base64');
  const playing = () => window.page.locator('#rate', { hasText: /^[1-9]/ }).waitFor();

  it('plays when it is shown, with nothing copied', async () => {
    await playing();
    assert.equal(await textOf(window.page, 'frame-copied'), '0 B');
    assert.match(await textOf(window.page, 'throughput'), /^[\d.,]+ MB\/s$/);
    assert.match(await textOf(window.page, 'lag'), /^[\d.,]+ (µs|ms)$/);
    assert.equal(await window.page.locator('#plot canvas').count(), 1);
    const one = await screenshot();
    await until(async () => (await screenshot()) !== one);
  });

  it('stops moving when it is paused', async () => {
    const { page } = window;
    await page.getByRole('button', { name: 'Pause' }).click();
    assert.equal(await textOf(page, 'live-state'), 'Paused');
    let one = '';
    await until(async () => {
      const before = await screenshot();
      await page.waitForTimeout(FRAME_MS);
      one = await screenshot();
      return one === before; // the pictures in flight have been drawn
    });
    await page.waitForTimeout(FRAME_MS);
    assert.equal(await screenshot(), one);
    await page.getByRole('button', { name: 'Play' }).click();
    await until(async () => (await screenshot()) !== one);
  });

  it('plays by contextBridge, with copies', async () => {
    const { page } = window;
    await choose(page, 'by contextBridge');
    await page.locator('#frame-copied', { hasText: '8,294,400 B' }).waitFor();
    await page.waitForTimeout(600);
    await playing();
    assert.equal(await page.locator('#live-error').isVisible(), false);
    assert.match(
      await textOf(page, 'previous'),
      /^In place, (own process, )?1920 × 1080: [\d.]+ per second, [\d.,]+ (µs|ms)\.$/,
    );
    await choose(page, 'in place');
    await page.locator('#frame-copied', { hasText: /^0 B$/ }).waitFor();
    assert.match(await textOf(page, 'previous'), /^By contextBridge, (own process, )?1920 × 1080: [\d.]+ per second/);
  });

  it('does not play automatically if the user prefers reduced motion', async () => {
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

describe('the Live panel, when its settings change rapidly', () => {
  for (const transport of ['in place', 'by contextBridge']) {
    it(`ends up with one stream, without leaks: ${transport}`, async () => {
      const { app, page } = await openWindow({ theme: 'dark' });
      const problems = /** @type {string[]} */ ([]);
      page.on('console', (message) => problems.push(message.text()));
      page.on('pageerror', (error) => problems.push(error.message));
      try {
        await page.locator('#exchange:focus').waitFor();
        await go(page, 'Live');
        await choose(page, transport);
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
        const [other] = ['in place', 'by contextBridge'].filter((name) => name !== transport);
        await choose(page, other);
        await choose(page, transport);
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

  /** The last request. @returns {Record<string, number> & { magic: string } | undefined} */
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
  const requested = (condition) =>
    until(() => {
      const last = request();
      return last !== undefined && condition(last);
    });
  const near = (/** @type {number} */ a, /** @type {number} */ b) => Math.abs(a - b) < 0.01;
  const calls = () => request()?.calls ?? 0;

  /** Waits until pictures are requested, or no longer are. @param {boolean} playing */
  const untilPlaying = (playing) =>
    until(async () => {
      const before = calls();
      await window.page.waitForTimeout(FRAME_MS);
      return calls() > before === playing;
    });

  before(() => go(window.page, 'Live'));

  it('have the size of each resolution up to 4K', async () => {
    const { page } = window;
    const names = await page.locator('#resolution option').allInnerTexts();
    assert.deepEqual(names, ['640 × 360', '1280 × 720', '1920 × 1080', '2560 × 1440', '3840 × 2160 (4K)']);
    for (const name of names) {
      await page.getByLabel('Resolution').selectOption(name);
      const [width, height] = name.split(' × ').map((side) => Number.parseInt(side, 10));
      await requested((last) => last.width === width && last.height === height && last.magic === 'INK1');
      await page.waitForTimeout(300);
      await page.locator('#rate', { hasText: /^[1-9]/ }).waitFor();
    }
    await page.getByLabel('Resolution').selectOption('640 × 360');
  });

  it('have the time since the last one', async () => {
    await window.page.waitForTimeout(300);
    const { seconds } = /** @type {Record<string, number>} */ (request());
    assert.ok(seconds > 0.001 && seconds <= 0.0501, String(seconds));
  });

  it('have the pointer, and ink while it is pressed', async () => {
    const { page } = window;
    const canvas = page.locator('#canvas');
    const to = async (/** @type {number} */ x, /** @type {number} */ y) => {
      const box = await canvas.boundingBox(); // anew, as the layout may change while the panel settles
      if (box) await page.mouse.move(box.x + x * box.width, box.y + y * box.height);
    };
    let isThere = false;
    const arriving = requested(({ x, y, ink }) => near(x, 0.25) && near(y, 0.75) && ink === 0).then(
      () => (isThere = true),
    );
    while (!isThere) {
      await to(0.5, 0.5);
      await to(0.25, 0.75);
      await page.waitForTimeout(100);
    }
    await arriving;
    await page.mouse.down();
    await requested(({ ink }) => ink === 1);
    let moved = false;
    const watching = requested(({ movedX, movedY }) => movedX > 0.01 && near(movedY, 0)).then(() => (moved = true));
    for (let x = 0.25; x < 0.75 || !moved; x = x < 0.75 ? x + 0.02 : 0.25) await to(x, 0.75);
    await watching;
    await page.mouse.up();
    await requested(({ ink }) => ink === 0);
    await requested(({ movedX, movedY }) => movedX === 0 && movedY === 0);
  });

  it('have the zoom: by wheel at the pointer, by slider and by keyboard', async () => {
    const { page } = window;
    const box = /** @type {{ x: number, y: number, width: number, height: number }} */ (
      await page.locator('#canvas').boundingBox()
    );
    await page.mouse.move(box.x + 0.75 * box.width, box.y + 0.25 * box.height);
    await page.mouse.wheel(0, -400);
    await requested(({ zoom, centreX, centreY }) => near(zoom, 2) && near(centreX, 0.625) && near(centreY, 0.375));
    assert.equal(Number(await page.getByLabel('Zoom').inputValue()).toFixed(1), '2.0');
    await page.getByLabel('Zoom').fill('4');
    await requested(({ zoom, centreX }) => near(zoom, 4) && near(centreX, 0.625));
    await page.locator('#canvas').focus();
    await page.keyboard.press('+');
    await requested(({ zoom }) => near(zoom, 5));
    await page.keyboard.press('ArrowRight');
    await requested(({ centreX }) => near(centreX, 0.645));
    await page.keyboard.press('ArrowUp');
    await requested(({ centreY }) => near(centreY, 0.355));
    for (let press = 0; press < 60; press += 1) await page.keyboard.press('ArrowLeft');
    await requested(({ centreX, zoom }) => near(centreX, 0.5 / zoom)); // the edge of the water
    await page.keyboard.press('-');
    await requested(({ zoom }) => near(zoom, 4));
    await page.keyboard.press('0');
    await requested(({ zoom, centreX, centreY }) => zoom === 1 && near(centreX, 0.5) && near(centreY, 0.5));
  });

  it('have ink by keyboard', async () => {
    await window.page.locator('#canvas').focus();
    let seen = false;
    const watching = requested(({ ink, x, y }) => ink === 1 && near(x, 0.5) && near(y, 0.5)).then(() => (seen = true));
    while (!seen) await window.page.keyboard.press('Space'); // its ink lasts a third of a second
    await watching;
    await requested(({ ink }) => ink === 0);
  });

  it('have the sliders, and the jets', async () => {
    const { page } = window;
    await page.getByLabel('Swirl').fill('0.9');
    await page.getByLabel('Persistence').fill('0.3');
    await page.getByLabel('Ink colour').fill('0.7');
    await page.getByLabel('Jets').uncheck();
    await requested(
      ({ swirl, persistence, hue, flags }) =>
        near(swirl, 0.9) && near(persistence, 0.3) && near(hue, 0.7) && flags === 0,
    );
    await page.getByLabel('Jets').check();
    await requested(({ flags }) => flags === 2);
  });

  it('have the same by contextBridge', async () => {
    const { page } = window;
    await choose(page, 'by contextBridge');
    await page.getByLabel('Zoom').fill('3');
    await requested(({ zoom, width }) => near(zoom, 3) && width === 640);
    await choose(page, 'in place');
  });

  it('stop while it is paused, and continue', async () => {
    const { page } = window;
    await page.getByRole('button', { name: 'Pause' }).click();
    await untilPlaying(false);
    await page.getByRole('button', { name: 'Play' }).click();
    await untilPlaying(true);
  });

  it('stop on another panel, and continue', async () => {
    await go(window.page, 'Exchange');
    await untilPlaying(false);
    await go(window.page, 'Live');
    await untilPlaying(true);
  });

  for (const transport of ['in place', 'by contextBridge']) {
    it(`show a library’s error over the picture, and continue when the user presses Play: ${transport}`, async () => {
      const { page } = window;
      await choose(page, transport);
      await untilPlaying(true);
      fs.renameSync(file, `${file}.away`);
      const { code, message } = await shownError(page, 'live-error');
      assert.equal(code, 'ERR_LIBRARY_FAILED');
      assert.match(message, /-1/);
      assert.equal(await page.getByRole('button', { name: 'Play' }).isVisible(), true);
      await go(page, 'Exchange');
      await press(page);
      await page.locator('#text:visible').waitFor();
      await go(page, 'Live');
      assert.equal((await shownError(page, 'live-error')).code, 'ERR_LIBRARY_FAILED', 'it is still shown');
      fs.renameSync(`${file}.away`, file);
      await page.getByRole('button', { name: 'Play' }).click();
      await untilPlaying(true);
      assert.equal(await page.locator('#live-error').isVisible(), false);
    });
  }
});

describe('the Live panel, with other libraries', () => {
  each(
    /** @type {[string, string, string, RegExp][]} */ ([
      ['does not exist', '/no-such-folder/live.so', 'ERR_LIBRARY_NOT_FOUND', /Build it, or correct the path/],
      ['lacks the function', fixtureLibrary('nothing'), 'ERR_LIBRARY_SYMBOL', /exchange_inplace/],
      ['refuses to be opened', fixtureLibrary('life-refused'), 'ERR_LIBRARY_FAILED', /-7/],
      ['fails', fixtureLibrary('negative-message'), 'ERR_LIBRARY_FAILED', /the lens cap is on/],
      ['needs more memory', fixtureLibrary('too-small'), 'ERR_BUFFER_TOO_SMALL', /2,?024/],
      ['computes no picture', fixtureLibrary('zero'), 'ERR_NO_PICTURE', /answered with 0 B.* has 8,294,400 B/],
    ]),
    ([problem, library, code, words]) => {
      it(
        `one that ${problem}: ${code}, and the other panel works`,
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

describe('the Live panel, with a slow library', () => {
  it(
    'shows that it is being opened, and can be paused',
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
    'shows that it waits, and can be paused',
    inWindow({ INPLACE_EXCHANGE_LIVE_LIBRARY: fixtureLibrary('wait-second') }, async (page) => {
      await go(page, 'Live');
      await page.locator('#live-state', { hasText: 'Waiting for the library …' }).waitFor();
      assert.equal(await textOf(page, 'rate'), '–');
      await page.getByRole('button', { name: 'Pause' }).click();
      assert.equal(await textOf(page, 'live-state'), 'Paused');
      await page.getByRole('button', { name: 'Play' }).click();
      assert.equal(
        (await shownError(page, 'live-error')).code,
        'ERR_LIBRARY_FAILED',
        'the answer of this fixture from then on',
      );
    }),
  );
});

describe('the Live panel, when its library crashes', () => {
  it('is restarted with a notice, and does not play before the user presses Play', async () => {
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

  it('while it is opened: does not reopen it before the user presses Play, also in the next run', async () => {
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
    assert.match(exchange.pages[1], /press 1/, 'the other library is not quarantined');
  }).timeout(3 * LIMIT_MS);
});
