// The window of the app, with real clicks: exchanges, security settings, and crashes of the page's process.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openWindow, temporaryProfile } from '../../scripts/lib/window.mjs';
import { drive, LIMIT_MS } from '../support/drive.mjs';

const require = createRequire(import.meta.url);
const { cameraLog, fixtureLibrary } = require('../support/fixtures.js');

/** @typedef {Awaited<ReturnType<typeof openWindow>>} Window */

const PAGE = 'app://inplace-exchange/';

describe('the window', () => {
  /** @type {Window} */
  let window;
  before(async () => {
    window = await openWindow();
  });
  after(() => window?.app.close());

  /** The result, once it is shown. */
  const text = () => window.page.locator('#text:visible').innerText();

  it('exchanges data on a click', async () => {
    const { page } = window;
    await page.getByRole('button', { name: 'Exchange Data' }).click();
    assert.match(await text(), /^Hello from Rust! native-lib \d+\.\d+\.\d+ wrote these bytes in place/);
    assert.equal(await page.locator('#written').innerText(), `${(await text()).length} B`);
    assert.equal(await page.locator('#lent').innerText(), '1,048,576 B');
    assert.match(await page.locator('#time').innerText(), /^[\d.,]+ (ns|µs|ms)$/);
    assert.equal(await page.locator('#error').isVisible(), false);
  });

  it('exchanges data by keyboard, with the initial focus', async () => {
    const { page } = window;
    await page.reload();
    assert.equal(await page.locator('#text').isVisible(), false);
    await page.locator('#exchange:focus').waitFor();
    await page.keyboard.press('Enter');
    assert.match(await text(), /^Hello from Rust!/);
    await page.keyboard.press('Space');
    const call = page.locator('#call');
    await call.filter({ hasText: 'press 2' }).waitFor();
    // One that is slow, as on a busy machine, is not repeated.
    for (let press = 3; (await call.innerText()) !== `press ${press - 1}: median of 21 exchanges`; press += 1) {
      assert.ok(press < 10, await call.innerText());
      await page.keyboard.press('Space');
      await call.filter({ hasText: `press ${press}` }).waitFor();
    }
  });

  it('exchanges data on another thread', async () => {
    const { page } = window;
    await page.reload();
    await page.getByLabel('On a worker thread').check();
    for (const call of ['press 1', 'press 2']) {
      await page.getByRole('button', { name: 'Exchange Data' }).click();
      await page.locator('#call', { hasText: call }).waitFor();
      assert.match(await text(), /^Hello from Rust!/);
    }
    await page.getByLabel('On a worker thread').uncheck();
    await page.getByRole('button', { name: 'Exchange Data' }).click();
    await page.locator('#call', { hasText: 'press 3' }).waitFor(); // with the memory that was returned
  });

  it('keeps its layout when the result arrives', async () => {
    const { page } = window;
    await page.reload();
    await page.locator('#exchange:focus').waitFor();
    const boxes = async () => {
      const parts = await page
        .locator('#panel-exchange :is(.head, form, label, button, dd, .result, .bar, .shown)')
        .all();
      return Promise.all(parts.map((part) => part.boundingBox()));
    };
    const before = await boxes();
    assert.ok(before.length > 15);
    await page.getByRole('button', { name: 'Exchange Data' }).click();
    await text();
    assert.deepEqual(await boxes(), before);
  });

  it('has no Node.js and no native code in the page', async () => {
    const globals = await window.page.evaluate(() =>
      ['require', 'process', 'module', 'Buffer', 'global', 'electron'].filter((name) => name in globalThis),
    );
    assert.deepEqual(globals, []);
    const bridges = await window.page.evaluate(() => {
      const { inplaceExchange, host } = /** @type {any} */ (globalThis);
      return [inplaceExchange, host].map(Object.keys);
    });
    assert.deepEqual(bridges, [
      ['connect', 'listen', 'shared', 'map', 'lastError'],
      ['start', 'opening', 'opened', 'copy', 'library', 'picture', 'runtime'],
    ]);
  });

  it('has secure web preferences', async () => {
    const settings = await window.app.evaluate(({ BrowserWindow }) =>
      /** @type {any} */ (BrowserWindow.getAllWindows()[0].webContents).getLastWebPreferences(),
    );
    assert.equal(settings.contextIsolation, true);
    assert.equal(settings.nodeIntegration, false);
    assert.equal(settings.webSecurity, true);
    assert.equal(settings.webviewTag, false);
  });

  it('is cross-origin isolated', async () => {
    assert.equal(await window.page.evaluate(() => crossOriginIsolated), true);
  });

  it('serves its page with a Content-Security-Policy, which is enforced', async () => {
    const { page } = window;
    const response = await page.reload();
    const policy = response?.headers()['content-security-policy'] ?? '';
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'"])
      assert.ok(policy.includes(part), part);
    const outcome = await page.evaluate(() => {
      const violation = new Promise((resolve) =>
        document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective), {
          once: true,
        }),
      );
      document.body.append(Object.assign(document.createElement('img'), { src: 'https://example.invalid/x.png' }));
      return violation;
    });
    assert.equal(outcome, 'img-src');
    await page.reload();
  });

  it('serves only the listed files', async () => {
    const status = (/** @type {string} */ url) =>
      window.app.evaluate(async ({ net }, url) => (await net.fetch(url)).status, url);
    assert.equal(await status(PAGE), 200);
    assert.equal(await status(`${PAGE}renderer/page.mjs`), 200);
    for (const url of [
      `${PAGE}main.js`,
      `${PAGE}package.json`,
      `${PAGE}renderer/preload.js`,
      `${PAGE}renderer/../main.js`,
      `${PAGE}renderer/%2e%2e/main.js`,
      `${PAGE}..%2f..%2fetc/passwd`,
      'app://elsewhere/',
    ]) {
      assert.equal(await status(url), 404, url);
    }
  });

  it('stays on its page and in its process when a navigation is prevented', async () => {
    const { app, page } = window;
    const processId = () =>
      app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].webContents.getOSProcessId());
    const before = await processId();
    for (const url of [
      'https://example.invalid/',
      'app://inplace-exchange/renderer/page.mjs',
      'file:///etc/hostname',
    ]) {
      await page.evaluate((url) => {
        location.href = url;
      }, url);
      await page.waitForTimeout(200);
      assert.equal(page.url(), PAGE);
    }
    await delay(5500); // longer than a page may take to unload
    assert.equal(await processId(), before, 'a page that stays is not taken for one that is blocked');
    assert.equal(await page.locator('h1:visible').count(), 1);
  });

  it('opens no other window', async () => {
    const { app, page } = window;
    assert.equal(await page.evaluate((url) => globalThis.open(url) === null, PAGE), true);
    assert.equal(await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length), 1);
  });

  it('gets no permission', async () => {
    const denied = await window.page.evaluate(
      () => new Promise((resolve) => navigator.geolocation.getCurrentPosition(resolve, ({ code }) => resolve(code))),
    );
    assert.equal(denied, 1, 'GeolocationPositionError.PERMISSION_DENIED');
    assert.equal(await window.page.evaluate(() => Notification.requestPermission()), 'denied');
  });
});

describe('the console of the window, which is opened, used and reloaded', () => {
  it('has no error and no security warning', async () => {
    const { app, page } = await openWindow({ environment: { ELECTRON_ENABLE_SECURITY_WARNINGS: 'true' } });
    try {
      // In the main process, which gets the messages of every world: Electron logs its warnings in the preload's.
      await app.evaluate(({ BrowserWindow }) => {
        /** @type {string[]} */
        const log = [];
        Object.assign(globalThis, { log });
        BrowserWindow.getAllWindows()[0].webContents.on('console-message', (event, _level, message) => {
          log.push(message ?? /** @type {any} */ (event).message);
        });
      });
      await page.reload();
      await page.getByRole('button', { name: 'Exchange Data' }).click();
      await page.locator('#text').waitFor();
      await page.evaluate(() => console.log('end of test'));
      await page.waitForTimeout(300);
      const log = await app.evaluate(() => /** @type {any} */ (globalThis).log);
      assert.deepEqual(log, ['end of test']);
    } finally {
      await app.close();
    }
  });
});

describe('the window without its library', () => {
  it('shows which file is missing, as an error, and keeps working', async () => {
    const missing = process.platform === 'win32' ? 'C:\\no-such-folder\\library.dll' : '/no-such-folder/library.so';
    const { app, page } = await openWindow({ environment: { INPLACE_EXCHANGE_LIBRARY: missing } });
    try {
      for (let press = 0; press < 2; press += 1) {
        await page.getByRole('button', { name: 'Exchange Data' }).click();
        const alert = page.getByRole('alert');
        assert.equal(await alert.locator('#error-code').innerText(), 'ERR_LIBRARY_NOT_FOUND');
        const message = await alert.locator('#error-message').innerText();
        assert.ok(message.includes(missing), message);
        assert.match(message, /Build it, or correct the path/);
        assert.equal(await page.locator('#text').isVisible(), false);
      }
    } finally {
      await app.close();
    }
  });
});

describe('the window with a slow library', () => {
  it('can cancel an exchange, shows that, and exchanges again', async () => {
    const log = cameraLog();
    const { app, page } = await openWindow({
      environment: { INPLACE_EXCHANGE_LIBRARY: fixtureLibrary('camera-waits') },
    });
    try {
      await page.getByLabel('On a worker thread').check();
      await page.getByRole('button', { name: 'Exchange Data' }).click();
      await log.until('begin', 2);
      await page.locator('#call', { hasText: 'the library is working' }).waitFor();
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.locator('#hint:visible', { hasText: 'Cancelled. The memory is the page’s again.' }).waitFor();
      assert.equal(await page.locator('#error').isVisible(), false, 'a cancelled exchange is not an error');
      await page.getByRole('button', { name: 'Exchange Data' }).click();
      await log.until('begin', 3);
      await page.getByRole('button', { name: 'Cancel' }).click();
      await log.until('end', 3);
    } finally {
      await app.close();
    }
    assert.equal(log.lines().at(-1), 'off');
  });
});

describe('the window with a library that crashes', () => {
  it('restarts the page in another process, shows why, and stops after three crashes in a minute', async () => {
    const { pages, backAfterMs, stoppedAt, crashedUntilThen, crashed } = await drive('press until it stops', {
      library: 'crash-second',
    });
    const [first, ...after] = pages;
    const again = after.pop();
    const stopped = after.pop();
    assert.doesNotMatch(first, /started again/);
    assert.equal(after.length, 2);
    for (const page of after) {
      assert.match(page, /started again/);
      assert.match(page, /The process of this page crashed, most likely in a native library/);
      assert.doesNotMatch(page, /The library was being opened/);
    }
    assert.equal(stoppedAt, `${PAGE}stopped`);
    assert.match(stopped, /Stopped: the page’s process ended three times in a minute/);
    assert.equal(crashedUntilThen, 3);
    assert.match(again, /Exchange Data/);
    assert.equal(crashed, 3, 'the library is not opened automatically');
    console.log(`      the page was back after ${backAfterMs.join(', ')} ms`);
  });

  it('while it is opened: does not reopen it automatically, in this run and in the next ones', async () => {
    const profile = temporaryProfile();
    const NOT_OPENED = /not opened again until you press Exchange Data/;

    const first = await drive('look at it', { library: 'crash-open', profile, crashes: true });
    assert.equal(first.crashed, 1);
    assert.match(first.page, /crashed.*The library was being opened/);
    assert.match(first.page, NOT_OPENED);

    const next = await drive('look at it', { library: 'crash-open', profile });
    assert.equal(next.crashed, 0);
    assert.match(next.page, /This app ended while the native library was being opened/);
    assert.match(next.page, NOT_OPENED);

    const asked = await drive('press once, and look', { library: 'crash-open', profile, crashes: true });
    assert.equal(asked.crashed, 1);
    assert.match(asked.pages[1], /The library was being opened/);

    const other = await drive('look at it', { library: 'uppercase-c', profile });
    assert.doesNotMatch(other.page, NOT_OPENED, 'another library is not quarantined');

    const still = await drive('look at it', { library: 'crash-open', profile });
    assert.equal(still.crashed, 0, 'this one still is');
  }).timeout(5 * LIMIT_MS);

  for (const [place, environment] of /** @type {[string, Record<string, string>][]} */ ([
    ['the page’s process', {}],
    ['a process of its own', { INPLACE_EXCHANGE_PROCESS: '' }],
  ]))
    it(`while it is opened: reopens it automatically after the user has opened it, in ${place}`, async () => {
      const profile = temporaryProfile();
      const nap = { NAP_SECONDS: '20' }; // which the end cuts short
      await drive('be ended while it opens', { library: 'nap-open', profile, environment: nap });
      const asked = await drive('press once, and look', { library: 'nap-open', profile, environment });
      assert.match(asked.pages[0], /This app ended while/);
      assert.match(asked.pages[1], /press 1/);
      const next = await drive('look at it', { library: 'nap-open', profile });
      assert.doesNotMatch(next.page, /This app ended while/);
    }).timeout(3 * LIMIT_MS);

  it('by ending its process without an error: restarts the page', async () => {
    const { pages, crashed } = await drive('press once, and look', { library: 'end-second', crashes: true });
    assert.equal(crashed, 1);
    assert.match(pages[1], /The process of this page ended itself, most likely in a native library/);
  });

  it('does not blame the library if the process was killed from outside', async () => {
    const { page, crashed } = await drive('be ended from outside');
    assert.equal(crashed, 1);
    assert.match(page, /The process of this page was ended from outside\./);
    assert.doesNotMatch(page, /most likely/);
  });

  it('restarts the page when the process ends during the first load, at any time', async () => {
    const ends = [40, 70, 100, 130].map(async (endAfterMs) => {
      const { page } = await drive('be ended during the first load', { endAfterMs });
      assert.match(page, /press 1/, `${endAfterMs} ms: exchanges work`);
    });
    await Promise.all(ends);
  });

  it('closes when the stopped page crashes as well', async () => {
    const { stoppedAt, crashed } = await drive('crash the page that says it has stopped');
    assert.equal(stoppedAt, `${PAGE}stopped`);
    assert.equal(crashed, 4);
  });
});

describe('the window with a library that is slow to open', () => {
  it('shows that, and can cancel it', async () => {
    const { app, page } = await openWindow({ environment: { INPLACE_EXCHANGE_LIBRARY: fixtureLibrary('wait-first') } });
    try {
      await page.locator('#call', { hasText: 'the library is being opened' }).waitFor();
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.locator('#hint:visible', { hasText: 'Cancelled. The memory is the page’s again.' }).waitFor();
      assert.equal(await page.locator('#error').isVisible(), false, 'a cancelled opening is not an error');
      await page.getByRole('button', { name: 'Exchange Data' }).waitFor();
    } finally {
      await app.close();
    }
  });

  it('does not quarantine it when the window is closed meanwhile', async () => {
    const profile = temporaryProfile();
    await drive('close it while the library opens', { library: 'nap-open', profile });
    const next = await drive('look at it', { library: 'nap-open', profile });
    assert.doesNotMatch(next.page, /This app ended while/);
  }).timeout(2 * LIMIT_MS);
});

describe('the window, while both libraries are being opened', () => {
  it('quarantines each of them, with a notice in its own panel', async () => {
    const { live, exchange } = await drive('go to the moving picture at once', {
      library: 'wait-first',
      live: 'crash-open',
    });
    assert.match(live, /not opened again until you press Play/);
    assert.match(exchange, /not opened again until you press Exchange Data/);
  });

  it('does not quarantine one when the page is reloaded', async () => {
    const { markers, page } = await drive('reload while the moving picture’s library opens', { live: 'nap-open' });
    assert.deepEqual(markers, []);
    assert.match(page, /Exchange Data/);
  });
});

describe('the window, when marker files cannot be written', () => {
  it('works', async () => {
    const profile = temporaryProfile();
    const name = createHash('sha256').update('default').digest('hex').slice(0, 16);
    fs.mkdirSync(path.join(profile, `opening-${name}`)); // a folder in place of the marker file
    const { pages } = await drive('press once, and look', { profile });
    assert.match(pages[0], /This app ended while/);
    assert.match(pages[1], /press 1/);
  });
});

describe('the window with a library that takes its time', () => {
  it('is not cancelled by a double click', async () => {
    const environment = { INPLACE_EXCHANGE_LIBRARY: fixtureLibrary('nap-second'), NAP_SECONDS: '3' };
    const { app, page } = await openWindow({ environment });
    try {
      await page.getByLabel('On a worker thread').check();
      await page.getByRole('button', { name: 'Exchange Data' }).click();
      await page.getByRole('button', { name: 'Cancel' }).waitFor();
      await page.mouse.down({ clickCount: 2 });
      await page.mouse.up({ clickCount: 2 });
      await page.locator('#call', { hasText: 'press 1' }).waitFor();
    } finally {
      await app.close();
    }
  });
});

describe('the window with a library that cannot be cancelled', () => {
  it('shows what the user can do, and ignores a key that is held', async () => {
    const { app, page } = await openWindow({ environment: { INPLACE_EXCHANGE_LIBRARY: fixtureLibrary('blocks') } });
    try {
      await page.locator('#exchange:focus').waitFor();
      await page.getByLabel('On a worker thread').check();
      await page.locator('#exchange').focus();
      await page.keyboard.down('Enter');
      await page.getByRole('button', { name: 'Cancel' }).waitFor();
      for (let repeat = 0; repeat < 3; repeat += 1) await page.keyboard.down('Enter');
      await page.keyboard.up('Enter');
      assert.equal(await page.locator('#call').innerText(), 'the library is working');
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.locator('#call', { hasText: 'asked to stop; if the library does not, reload the window' }).waitFor();
    } finally {
      await app.close();
    }
  });
});

describe('the window with a library that never returns', () => {
  /** The scenarios mostly wait, so they run at the same time. @type {Map<string, ReturnType<typeof drive>>} */
  const reloads = new Map();
  before(() => {
    for (const thread of ['another', 'the main'])
      reloads.set(thread, drive(`reload while it blocks on ${thread} thread`, { library: 'blocks' }));
    return Promise.allSettled(reloads.values());
  });
  for (const thread of ['another', 'the main']) {
    it(`on ${thread} thread: a reload restarts the page in another process, and shows why`, async () => {
      const { took, otherProcess, page } = await reloads.get(thread);
      assert.ok(took > 4900 && took < 15_000, `${took} ms`);
      assert.equal(otherProcess, true);
      assert.match(page, /started again/);
      assert.match(page, /did not end within 5 seconds after it was asked to reload/);
    });

    it(`on ${thread} thread: the window can be closed`, async () => {
      const { app, page } = await openWindow({ environment: { INPLACE_EXCHANGE_LIBRARY: fixtureLibrary('blocks') } });
      if (thread === 'another') await page.getByLabel('On a worker thread').check();
      const pressed = page.getByRole('button', { name: 'Exchange Data' }).click();
      pressed.catch(() => {}); // on the main thread it never returns
      await delay(300);
      const closed = once(app.process(), 'close');
      const started = Date.now();
      await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].close());
      await closed;
      // Electron 27 waits for a page that is blocked, until the app kills it after 5 s.
      assert.ok(Date.now() - started < 15_000, `${Date.now() - started} ms`);
    });
  }
});
