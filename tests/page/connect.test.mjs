// connect() in real isolated windows: who gets a connection, and who gets nothing.

import assert from 'node:assert/strict';
import { appForAll, connect, connectOutcome, heard, link, loaded, openPage, rawPort } from '../support/page-api.mjs';

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

  it('gives four functions, once in a document', async () => {
    assert.deepEqual(await connectOutcome(page), ['exchange', 'allocate', 'shared', 'frames']);
    assert.equal(await connectOutcome(page), 'ERR_ALREADY_CONNECTED');
    await page.reload();
    assert.deepEqual(await connectOutcome(page), ['exchange', 'allocate', 'shared', 'frames']);
  });

  it('goes on after a second connect() was refused', async () => {
    await connect(page);
    assert.equal(await connectOutcome(page), 'ERR_ALREADY_CONNECTED');
    assert.equal(
      await page.evaluate(async () => (await link.exchange(new Uint8Array(64), { library: 'address' })).length),
      64,
    );
  });

  it('is told to nobody else in the page', async () => {
    await connect(page);
    await page.evaluate(() => postMessage('something else'));
    await page.evaluate(() => link.exchange(new Uint8Array(64)).catch(() => {}));
    assert.deepEqual(await page.evaluate(() => heard), [
      { data: 'something else', ports: 0 },
      { data: 'something else', ports: 0 },
    ]);
  });

  it('is needed before a port is taken', async () => {
    const taken = await page.evaluate(async () => {
      const { port1, port2 } = new MessageChannel();
      postMessage('inplace-exchange:connect', '/', [port2]);
      const answered = new Promise((resolve) => {
        port1.onmessage = () => resolve('answered');
      });
      port1.postMessage([1, 'zero', new ArrayBuffer(8), 'main']);
      return Promise.race([answered, new Promise((resolve) => setTimeout(resolve, 300, 'left alone'))]);
    });
    assert.equal(taken, 'left alone');
    assert.deepEqual(await connectOutcome(page), ['exchange', 'allocate', 'shared', 'frames']);
  });

  it('takes one port', async () => {
    const answers = await page.evaluate(async () => {
      const first = rawPort();
      const second = rawPort();
      first.say([1, 'zero', new ArrayBuffer(8), 'main']);
      second.say([2, 'zero', new ArrayBuffer(8), 'main']);
      const [id] = await first.next();
      return [
        id,
        await Promise.race([second.next(), new Promise((resolve) => setTimeout(resolve, 300, 'left alone'))]),
      ];
    });
    assert.deepEqual(answers, [1, 'left alone']);
  });

  for (const origin of ['app://isolated', 'app://stranger']) {
    it(`is nothing for a frame of ${origin}, before or after the page has connected`, async () => {
      const addFrame = () =>
        page.evaluate(async (src) => {
          const frame = Object.assign(document.createElement('iframe'), { src });
          await new Promise((resolve) => {
            frame.onload = resolve;
            document.body.append(frame);
          });
        }, `${origin}/frame`);
      await addFrame();
      await page.evaluate(() => /** @type {any} */ (globalThis).inplaceExchange.connect()); // now a port would be taken
      await addFrame();
      await page.waitForTimeout(200);
      assert.equal(page.frames().length, 3);
      for (const frame of page.frames().slice(1)) {
        assert.deepEqual(await frame.evaluate(() => /** @type {any} */ (globalThis).answers), []);
        assert.equal(await frame.evaluate(() => 'inplaceExchange' in globalThis), false);
      }
      const answer = await page.evaluate(async () => {
        const { say, next } = rawPort();
        say([1, 'zero', new ArrayBuffer(8), 'main']);
        return (await next()).slice(2);
      });
      assert.deepEqual(answer, [0, undefined], 'and the page has its connection');
    });
  }

  it('does not take a port that a script has made up a message for, and keeps', async () => {
    const taken = await page.evaluate(async () => {
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
      return Promise.race([answered, new Promise((resolve) => setTimeout(resolve, 200, 'left alone'))]);
    });
    assert.equal(taken, 'left alone');
  });

  it('works in a document that has been opened anew, before and after it has connected', async () => {
    const open = () =>
      page.evaluate(() => {
        document.open();
        document.write('<p>anew');
        document.close();
      });
    const use = () =>
      page.evaluate(async () => [
        (await link.exchange(new Uint8Array(64), { library: 'address' })).length,
        link.shared(64, { library: 'address' }).exchange(),
      ]);
    await page.evaluate(() => loaded); // the page half, before the script that loads it has gone
    await open();
    await connect(page);
    assert.deepEqual(await use(), [64, 64]);
    await open();
    assert.deepEqual(await use(), [64, 64]);
  });

  it('is nothing for a document in a sandbox, which has no origin', async () => {
    const other = await openPage(opened, 'app://isolated/sandboxed');
    assert.equal(await other.evaluate(() => location.origin), 'app://isolated');
    assert.equal(await other.evaluate(() => 'inplaceExchange' in globalThis), false);
    await other.close();
  });

  for (const features of ['popup', 'popup,noopener']) {
    it(`is there for a window that the page opens (${features}), and goes on in the page`, async () => {
      await connect(page);
      const opening = opened.app.waitForEvent('window');
      await page.evaluate((features) => {
        open('app://isolated/', '', features);
      }, features);
      const other = await opening;
      await other.waitForLoadState();
      assert.deepEqual(await connectOutcome(other), ['exchange', 'allocate', 'shared', 'frames']);
      const length = () =>
        page.evaluate(async () => (await link.exchange(new Uint8Array(64), { library: 'address' })).length);
      assert.equal(await length(), 64);
      await other.close();
      assert.equal(await length(), 64);
    });
  }

  it('is nothing for a frame that runs the preload too', async () => {
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

  it('says what is missing on a page of another origin', async () => {
    const other = await openPage(opened, 'app://stranger/');
    assert.equal(await connectOutcome(other), 'ERR_NOT_EXPOSED');
    await other.close();
  });

  it('has a bridge of four functions, which cannot be replaced', async () => {
    const bridge = await page.evaluate(() => {
      const { inplaceExchange: bridge } = /** @type {any} */ (globalThis);
      return [Object.keys(bridge), Object.isFrozen(bridge)];
    });
    assert.deepEqual(bridge, [['connect', 'listen', 'shared', 'lastError'], true]);
  });
});
