// connect() in isolated windows: which documents get a connection, and which get none.

import assert from 'node:assert/strict';
import {
  appForAll,
  connect,
  connectOutcome,
  heard,
  link,
  loaded,
  openPage,
  outcome,
  rawPort,
} from '../support/page-api.mjs';

/** @typedef {import('../support/page-api.mjs').Opened} Opened */

describe('connect', () => {
  /** @type {Opened} */
  let opened;
  /** @type {import('playwright-core').Page} */
  let page;
  appForAll((app) => {
    opened = app;
    page = app.page;
  });

  const CONNECTED = ['exchange', 'allocate', 'frames', 'recycle', 'stream', 'shared', 'portForWorker'];
  const exchangeOn = (/** @type {import('playwright-core').Page} */ of) =>
    of.evaluate(async () => (await link.exchange(new Uint8Array(64), { library: 'address' })).length);

  it('returns five functions, in each document', async () => {
    assert.deepEqual(await connectOutcome(page), CONNECTED);
    await page.reload();
    assert.deepEqual(await connectOutcome(page), CONNECTED);
  });

  it('returns the same object each time, and to a script that is loaded again', async () => {
    const same = await page.evaluate(async () => {
      const { connect } = await loaded;
      const first = connect();
      const source = `import { connect } from '${location.origin}/lib/page.mjs'; export const link = connect();`;
      const load = () => import(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
      const scripts = [await load(), await load()];
      Object.assign(globalThis, { link: scripts[1].link });
      return [scripts[0] !== scripts[1], connect() === first, ...scripts.map(({ link }) => link === first)];
    });
    assert.deepEqual(same, [true, true, true, true]);
    assert.equal(await exchangeOn(page), 64);
  });

  it('refuses another copy of the module, and says so; the first one keeps working', async () => {
    await connect(page);
    const { code, message } = await page.evaluate(async () => {
      const { connect } = await import(`${location.origin}/lib/page.mjs?another`);
      return outcome(connect);
    });
    assert.equal(code, 'ERR_ALREADY_CONNECTED');
    assert.match(message, /Another copy of inplace-exchange\/page .* Import one copy/);
    assert.equal(await exchangeOn(page), 64);
  });

  it('is not visible to listeners of the page', async () => {
    await connect(page);
    await page.evaluate(() => postMessage('something else'));
    await page.evaluate(() => link.exchange(new Uint8Array(64)).catch(() => {}));
    assert.deepEqual(await page.evaluate(() => heard), [
      { data: 'something else', ports: 0 },
      { data: 'something else', ports: 0 },
    ]);
  });

  it('must be called before a port is accepted', async () => {
    const outcome = await page.evaluate(async () => {
      const { port1, port2 } = new MessageChannel();
      postMessage('inplace-exchange:connect', '/', [port2]);
      const answered = new Promise((resolve) => {
        port1.onmessage = () => resolve('answered');
      });
      port1.postMessage([1, 'zero', new ArrayBuffer(8), 'main']);
      return Promise.race([answered, new Promise((resolve) => setTimeout(resolve, 300, 'ignored'))]);
    });
    assert.equal(outcome, 'ignored');
    assert.deepEqual(await connectOutcome(page), CONNECTED);
  });

  it('accepts one port', async () => {
    const answers = await page.evaluate(async () => {
      const first = rawPort();
      const second = rawPort();
      first.post([1, 'zero', new ArrayBuffer(8), 'main']);
      second.post([2, 'zero', new ArrayBuffer(8), 'main']);
      const [id] = await first.next();
      return [id, await Promise.race([second.next(), new Promise((resolve) => setTimeout(resolve, 300, 'ignored'))])];
    });
    assert.deepEqual(answers, [1, 'ignored']);
  });

  for (const origin of ['app://isolated', 'app://stranger']) {
    it(`refuses a frame of ${origin}, before and after the page has connected`, async () => {
      const addFrame = () =>
        page.evaluate(async (src) => {
          const frame = Object.assign(document.createElement('iframe'), { src });
          await new Promise((resolve) => {
            frame.onload = resolve;
            document.body.append(frame);
          });
        }, `${origin}/frame`);
      await addFrame();
      // From now on a port is accepted.
      await page.evaluate(() => /** @type {any} */ (globalThis).inplaceExchange.connect());
      await addFrame();
      await page.waitForTimeout(200);
      assert.equal(page.frames().length, 3);
      for (const frame of page.frames().slice(1)) {
        assert.deepEqual(await frame.evaluate(() => /** @type {any} */ (globalThis).answers), []);
        assert.equal(await frame.evaluate(() => 'inplaceExchange' in globalThis), false);
      }
      const answer = await page.evaluate(async () => {
        const { post, next } = rawPort();
        post([1, 'zero', new ArrayBuffer(8), 'main']);
        return (await next()).slice(2);
      });
      assert.deepEqual(answer, [0, undefined], 'the page itself is connected');
    });
  }

  it('refuses the port of a message that a script has dispatched', async () => {
    const outcome = await page.evaluate(async () => {
      /** @type {any} */ (globalThis).inplaceExchange.connect();
      const { port1, port2 } = new MessageChannel();
      const { origin } = globalThis;
      dispatchEvent(
        new MessageEvent('message', { data: 'inplace-exchange:connect', source: window, origin, ports: [port2] }),
      );
      const answered = new Promise((resolve) => {
        port1.onmessage = () => resolve('answered');
      });
      port1.postMessage([1, 'zero', new ArrayBuffer(8), 'main']);
      return Promise.race([answered, new Promise((resolve) => setTimeout(resolve, 200, 'ignored'))]);
    });
    assert.equal(outcome, 'ignored');
  });

  it('works after document.open(), before and after connecting', async () => {
    const reopen = () =>
      page.evaluate(() => {
        document.open();
        document.write('<p>reopened');
        document.close();
      });
    const use = () =>
      page.evaluate(async () => [
        (await link.exchange(new Uint8Array(64), { library: 'address' })).length,
        link.shared(64, { library: 'address' }).exchange(),
      ]);
    await page.evaluate(() => loaded); // before document.open() removes the script that loads it
    await reopen();
    await connect(page);
    assert.deepEqual(await use(), [64, 64]);
    await reopen();
    assert.deepEqual(await use(), [64, 64]);
  });

  it('is not available to a sandboxed document, which has an opaque origin', async () => {
    const other = await openPage(opened, 'app://isolated/sandboxed');
    assert.equal(await other.evaluate(() => location.origin), 'app://isolated');
    assert.equal(await other.evaluate(() => 'inplaceExchange' in globalThis), false);
    await other.close();
  });

  for (const features of ['popup', 'popup,noopener']) {
    it(`works in a window that the page opens (${features}), and still in the page`, async () => {
      await connect(page);
      const opening = opened.app.waitForEvent('window');
      await page.evaluate((features) => {
        open('app://isolated/', '', features);
      }, features);
      const other = await opening;
      await other.waitForLoadState();
      assert.deepEqual(await connectOutcome(other), CONNECTED);
      assert.equal(await exchangeOn(page), 64);
      await other.close();
      assert.equal(await exchangeOn(page), 64);
    });
  }

  it('works with a preload that is an ES module, which runs before the scripts of the page', async function () {
    const version = await opened.app.evaluate(() => process.versions.electron);
    if (Number.parseInt(version, 10) < 28) this.skip(); // Electron 28 is the first that loads such a preload
    const other = await openPage(opened, 'app://isolated/', { preload: '../esm-preload.mjs' });
    await connect(other);
    const seen = await other.evaluate(async () => [
      /** @type {any} */ (globalThis).exposedFirst,
      new TextDecoder().decode(await link.exchange(new Uint8Array(256))),
    ]);
    assert.equal(seen[0], true);
    assert.match(seen[1], /Rust/);
    await other.close();
  });

  it('is not available to a frame, even if the preload runs in frames', async () => {
    const other = await openPage(opened, 'app://isolated/', { frames: true });
    await other.evaluate(async () => {
      const frame = Object.assign(document.createElement('iframe'), { src: '/frame' });
      await new Promise((resolve) => {
        frame.onload = resolve;
        document.body.append(frame);
      });
    });
    assert.equal(await other.frames()[1].evaluate(() => 'inplaceExchange' in globalThis), false);
    assert.equal(await other.evaluate(() => 'inplaceExchange' in globalThis), true);
    await other.close();
  });

  it('throws ERR_NOT_EXPOSED on a page of another origin', async () => {
    const other = await openPage(opened, 'app://stranger/');
    assert.equal(await connectOutcome(other), 'ERR_NOT_EXPOSED');
    await other.close();
  });

  it('uses a bridge of five functions, which is frozen', async () => {
    const bridge = await page.evaluate(() => {
      const { inplaceExchange: bridge } = /** @type {any} */ (globalThis);
      return [Object.keys(bridge), Object.isFrozen(bridge)];
    });
    assert.deepEqual(bridge, [['connect', 'listen', 'shared', 'map', 'lastError'], true]);
  });
});
