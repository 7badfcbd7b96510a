// connect() where nothing is exposed: each cause of ERR_NOT_EXPOSED, in a real window.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { connect as connectHere } from '../../lib/page.mjs';
import { appForAll, connect, link, loaded, openPage, outcome } from '../support/page-api.mjs';

const require = createRequire(import.meta.url);
const { assertDocumented, temporaryFolder } = require('../support/fixtures.js');

/** @typedef {import('../support/page-api.mjs').Opened} Opened */
/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('../fixtures/page-api/main.js').WindowOptions} WindowOptions */
/** @typedef {{ code: string, message: string, fields: { reason?: string } }} Outcome */

const LIB = path.join(import.meta.dirname, '..', '..', 'lib');

/** @param {Page} page @returns {Promise<Outcome>} */
const connectIn = (page) => page.evaluate(async () => outcome((await loaded).connect));

describe('connect() where nothing is exposed', () => {
  /** @type {Opened} */
  let opened;
  /** @type {string[]} */
  const lines = [];
  appForAll((app) => {
    opened = app;
    opened.app.context().on('console', (line) => lines.push(line.text()));
  });
  const folder = temporaryFolder();
  const silent = path.join(folder, 'silent.js');
  before(() => fs.writeFileSync(silent, ''));

  /** @param {string} url @param {WindowOptions} [options] @param {(page: Page) => Promise<Outcome>} [ask] */
  const inWindow =
    (url, options, ask = connectIn) =>
    async () => {
      const page = await openPage(opened, url, options);
      try {
        await page.waitForLoadState();
        return await ask(page);
      } finally {
        await page.close();
      }
    };

  /** In a window that the page opens. @param {string} url @param {string} features @param {WindowOptions} options */
  const inPopup = (url, features, options) =>
    inWindow('app://isolated/', options, async (page) => {
      const opening = opened.app.waitForEvent('window');
      await page.evaluate(([url, features]) => void open(url, '', features), [url, features]);
      const popup = await opening;
      try {
        await popup.waitForLoadState();
        return await connectIn(popup);
      } finally {
        await popup.close();
      }
    });

  /** @param {Page} page @returns {Promise<Outcome>} */
  const inWorker = (page) =>
    page.evaluate(async () => {
      const source = `
        import { connect } from '${location.origin}/lib/page.mjs';
        try { connect(); } catch ({ code, message, reason }) { postMessage({ code, message, fields: { reason } }); }`;
      const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
      const worker = new Worker(url, { type: 'module' });
      return new Promise((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
      });
    });

  /** @param {Page} page @returns {Promise<Outcome>} */
  const inFrame = async (page) => {
    await page.evaluate(async () => {
      const frame = Object.assign(document.createElement('iframe'), { src: '/' });
      await new Promise((resolve) => {
        frame.onload = resolve;
        document.body.append(frame);
      });
    });
    return page.frames()[1].evaluate(async () => outcome((await loaded).connect));
  };

  const here = async () => {
    try {
      throw new Error(`connected: ${connectHere()}`);
    } catch (error) {
      const { code, message, reason } = /** @type {any} */ (error);
      return { code, message, fields: { reason } };
    }
  };

  /** @type {[where: string, reason: string, message: RegExp, ask: () => Promise<Outcome>][]} */
  const CAUSES = [
    [
      'a Worker',
      'worker',
      /no window here.*Call portForWorker\(\) in the page/,
      inWindow('app://isolated/', {}, inWorker),
    ],
    ['Node.js', 'worker', /no window here.*Call portForWorker\(\) in the page/, here],
    ['a frame', 'frame', /in a frame.*Call connect\(\) in the page/, inWindow('app://isolated/', {}, inFrame)],
    [
      'a frame in which the preload runs',
      'frame',
      /in a frame.*Call connect\(\) in the page/,
      inWindow('app://isolated/', { frames: true }, inFrame),
    ],
    [
      'a window without context isolation',
      'isolation',
      /Remove `contextIsolation: false`/,
      inWindow('app://isolated/', { contextIsolation: false }),
    ],
    [
      'a document whose origin is not among `origins`',
      'origin',
      /'app:\/\/stranger', is not among .*: 'app:\/\/isolated', 'app:\/\/plain', 'file:\/\/'\. Add it/,
      inWindow('app://stranger/'),
    ],
    [
      'a document without an origin, such as a sandboxed one',
      'origin',
      /no origin.*: 'app:\/\/isolated'.*without the sandbox/,
      inWindow('app://isolated/sandboxed'),
    ],
    [
      'a window that a page opened, at an origin that is not among `origins`',
      'origin',
      /'app:\/\/stranger', is not among/,
      inPopup('app://stranger/', 'popup', {}),
    ],
    [
      'a window that a page opened without `noopener`, and that has no preload',
      'opener',
      /opened by a page.*setWindowOpenHandler.*'noopener'/,
      inPopup('app://isolated/', 'popup', { popups: null }),
    ],
    [
      'a window that a page opened with `noopener`, and that has no preload',
      'preload',
      /No preload of this window/,
      inPopup('app://isolated/', 'popup,noopener', { popups: null }),
    ],
    [
      'a window without a preload',
      'preload',
      /`webPreferences\.preload`/,
      inWindow('app://isolated/', { preload: null }),
    ],
    [
      'a window whose preload does not call `expose()`',
      'preload',
      /No preload of this window has called expose\(\)/,
      inWindow('app://isolated/', { preload: silent }),
    ],
    [
      'a window whose preload is sandboxed',
      'preload',
      /console.*'module not found'.*`sandbox: false`/,
      inWindow('app://isolated/', { sandbox: true }),
    ],
  ];

  for (const [where, reason, message, ask] of CAUSES)
    it(`in ${where}: ${reason}`, async () => {
      const error = await ask();
      assert.deepEqual([error.code, error.fields], ['ERR_NOT_EXPOSED', { reason }]);
      assert.match(error.message, message);
    });

  it('has the reason that docs/errors.md says', () =>
    assertDocumented(
      ['`connect()` in', '`reason`'],
      CAUSES.map(([where, reason]) => [where, `\`${reason}\``]),
    ));

  it('of a sandboxed preload, which the console explains', async () => {
    lines.length = 0;
    await inWindow('app://isolated/', { sandbox: true })();
    assert.ok(
      lines.some((line) => /module not found/.test(line)),
      lines.join('\n'),
    );
  });

  it('is also thrown by expose() in a preload without context isolation', async () => {
    lines.length = 0;
    await inWindow('app://isolated/', { contextIsolation: false })();
    assert.ok(
      lines.some((line) => /Context isolation is off.*expose\(\) needs it/.test(line)),
      lines.join('\n'),
    );
  });

  it('tells a document of another origin the list of origins, and gives it no function', async () => {
    const page = await openPage(opened, 'app://stranger/');
    const seen = await page.evaluate(() => {
      const { inplaceExchangeRefusal: refusal } = /** @type {any} */ (globalThis);
      return [JSON.stringify(refusal), 'inplaceExchange' in globalThis];
    });
    assert.deepEqual(seen, ['{"origins":["app://isolated","app://plain","file://"]}', false]);
    await page.close();
  });

  it('is ERR_ADDON of each exchange instead, if a sandboxed preload has the package in its bundle', async () => {
    const bundle = path.join(folder, 'bundle.js');
    fs.writeFileSync(bundle, bundled());
    const page = await openPage(opened, 'app://isolated/', { preload: bundle, sandbox: true });
    await connect(page);
    const error = await page.evaluate(() => outcome(() => link.exchange(new Uint8Array(64))));
    assert.deepEqual([error.code, error.memory], ['ERR_ADDON', 64]);
    assert.match(error.message, /sandboxed.*Set `sandbox: false`/);
    await page.close();
  });
});

/** A preload with the package in it, as a bundler makes one. */
function bundled() {
  const names = fs.readdirSync(LIB).filter((name) => name.endsWith('.js') && name !== 'addon.js');
  const modules = names.map((name) => {
    const source = fs.readFileSync(path.join(LIB, name), 'utf8');
    return `${JSON.stringify(`./${name}`)}: (require, module) => {\n${source}\n}`;
  });
  return `
    const modules = { ${modules.join(',\n')} };
    const loaded = {};
    const load = (name) => {
      if (!(name in modules)) return require(name);
      if (!(name in loaded)) {
        loaded[name] = { exports: {} };
        modules[name](load, loaded[name]);
      }
      return loaded[name].exports;
    };
    load('./preload.js').expose({ origins: ['app://isolated'] });`;
}
