// What a page's script can do to the process that it shares with native code, in isolated windows.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { connect, launch, loaded } from '../support/page-api.mjs';

const require = createRequire(import.meta.url);
const { FOR_EVER, cameraLog } = require('../support/fixtures.js');

/** @typedef {import('../support/page-api.mjs').Opened} Opened */
/** @typedef {import('playwright-core').Page} Page */

/**
 * The globals of a page, and of the popup that it opens: `held` is what the popup keeps of the page.
 * @type {{
 *   link: import('../../lib/types/page.mjs').Exchange,
 *   held: any,
 *   outcome(call: () => unknown): Promise<any>,
 * }}
 */
const { link, held, outcome } = /** @type {any} */ (globalThis);

/** Fails if a renderer has crashed. @param {Opened} opened */
const assertAlive = async ({ app }) =>
  assert.deepEqual(await app.evaluate(() => /** @type {any} */ (globalThis).gone), []);

/**
 * Opens a popup of the page, in the same process.
 * @param {Opened} opened @param {Page} page @param {string} [search]
 */
async function openPopup({ app }, page, search = '') {
  const opening = app.waitForEvent('window');
  await page.evaluate((search) => {
    Object.assign(globalThis, { popup: open(`app://isolated/${search}`, '', 'popup') });
  }, search);
  const popup = await opening;
  await popup.waitForLoadState();
  return popup;
}

/** Hands all that the preload exposed to the page over to the popup. @param {Page} page */
const handOver = (page) =>
  page.evaluate(async () => {
    const { inplaceExchange: bridge, popup, fixture: guarded } = /** @type {any} */ (globalThis);
    const memory = link.shared(64, { library: 'address' });
    bridge.listen();
    dispatchEvent(new CustomEvent('inplace-exchange:share', { detail: new SharedArrayBuffer(64) }));
    const rawCall = bridge.shared('address');
    if (memory.exchange() !== 64 || rawCall() !== 64) throw new Error('the page itself cannot exchange');
    const { connect } = await loaded;
    popup.held = { connect, link, memory, bridge, rawCall, guarded, Uint8Array };
  });

/** Makes 200 calls of each kind in the popup, and returns the distinct outcomes. @param {Page} popup */
const callAll = (popup) =>
  popup.evaluate(async () => {
    const { connect, link, memory, bridge, rawCall, guarded, Uint8Array: Bytes } = held;
    /** @type {Record<string, () => unknown>} */
    const calls = {
      connect: () => connect(),
      'a shared exchange': () => memory.exchange(),
      shared: () => link.shared(64, { library: 'address' }),
      'exchange on a worker thread': () => link.exchange(new Bytes(64), { library: 'address' }),
      'exchange on the main thread': () => link.exchange(new Bytes(64), { library: 'address', thread: 'main' }),
      allocate: () => link.allocate(64),
      frames: () => link.frames({ byteLength: 64, library: 'address' }).next(),
      'bridge.connect': () => bridge.connect(),
      'bridge.listen': () => bridge.listen(),
      'bridge.shared': () => bridge.shared('address'),
      'bridge.lastError': () => bridge.lastError(),
      "a memory's function": () => rawCall(),
      'a bridge of the app': () => guarded.addressOf(),
    };
    const settle = async (/** @type {() => any} */ call) => {
      try {
        const value = await call();
        return `returned ${value?.length ?? typeof value}`;
      } catch (error) {
        const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
        return code ?? message;
      }
    };
    /** @type {Record<string, string>} */
    const seen = {};
    for (const [name, call] of Object.entries(calls)) {
      const outcomes = new Set();
      for (let each = 0; each < 200; each += 1) {
        const settled = settle(call);
        const late = new Promise((resolve) => setTimeout(resolve, 2000, 'unsettled'));
        outcomes.add(await Promise.race([settled, late]));
        if (outcomes.has('unsettled')) break;
      }
      seen[name] = [...outcomes].join();
    }
    return seen;
  });

const UNLOADED = 'The page that exposed this function was unloaded, and its native code with it.';
const REFUSED = {
  connect: 'ABORT_ERR',
  'a shared exchange': 'ABORT_ERR',
  shared: 'ABORT_ERR',
  'exchange on a worker thread': 'ABORT_ERR',
  'exchange on the main thread': 'ABORT_ERR',
  allocate: 'ABORT_ERR',
  frames: 'ABORT_ERR',
  'bridge.connect': UNLOADED,
  'bridge.listen': UNLOADED,
  'bridge.shared': UNLOADED,
  'bridge.lastError': UNLOADED,
  "a memory's function": UNLOADED,
  'a bridge of the app': UNLOADED,
};

describe('a window that holds functions exposed to another page', () => {
  /** @type {[string, (opened: Opened, page: Page) => Promise<unknown>][]} */
  const ends = [
    ['is reloaded', (_, page) => page.reload()],
    [
      'calls document.open(), and is then reloaded',
      async (_, page) => {
        await page.evaluate(() => {
          document.open();
          document.write('<p>reopened');
          document.close();
        });
        await page.reload();
      },
    ],
    ['navigates to another origin', (_, page) => page.goto('app://plain/')],
    ['navigates to a page without exposed libraries', (_, page) => page.goto('app://stranger/')],
    ['is closed', (_, page) => page.close({ runBeforeUnload: true })],
    [
      'is destroyed with its window',
      ({ app }, page) =>
        Promise.all([
          page.waitForEvent('close'),
          app.evaluate(({ BrowserWindow }) => BrowserWindow.fromId(1)?.destroy()),
        ]),
    ],
  ];
  for (const [end, unload] of ends) {
    it(`cannot reach native code after that page ${end}, and its promises are settled`, async () => {
      const log = cameraLog();
      const opened = await launch();
      try {
        const { page } = opened;
        await connect(page);
        const popup = await openPopup(opened, page);
        await handOver(page);
        // Calls of the page in flight, whose promises the popup awaits.
        await popup.evaluate((forEver) => {
          const { link, Uint8Array: Bytes } = held;
          const request = () => {
            const bytes = new Bytes(64);
            new DataView(bytes.buffer).setUint32(0, forEver, true);
            return bytes;
          };
          const frames = () =>
            link.frames({ byteLength: 64, library: 'camera', request: (/** @type {any} */ b) => b.set(request()) });
          Object.assign(globalThis, {
            waiting: [
              outcome(() => link.exchange(request(), { library: 'camera' })),
              outcome(() => link.exchange(request(), { library: 'camera' })),
              outcome(() => frames().next()),
            ],
          });
        }, FOR_EVER);
        await log.until('begin');
        const closed = page.isClosed() ? undefined : page.waitForEvent('close').catch(() => {});
        await unload(opened, page);
        if (end === 'is closed') await closed;
        const waiting = await popup.evaluate(async () => {
          const late = new Promise((resolve) => setTimeout(resolve, 5000, { code: 'unsettled' }));
          const outcomes = await Promise.all(
            /** @type {any} */ (globalThis).waiting.map((/** @type {any} */ one) => Promise.race([one, late])),
          );
          return outcomes.map(({ name, code, memory }) => [name, code, memory]);
        });
        assert.deepEqual(waiting, Array(3).fill(['AbortError', 'ABORT_ERR', undefined]));
        assert.deepEqual(await callAll(popup), REFUSED);
        await assertAlive(opened);
        // The popup itself keeps working.
        await connect(popup);
        assert.equal(
          await popup.evaluate(async () => {
            const { length } = await link.exchange(new Uint8Array(64), { library: 'address', thread: 'main' });
            return length + link.shared(64, { library: 'address' }).exchange();
          }),
          128,
        );
      } finally {
        await opened.app.close();
      }
    });
  }

  it('cannot reach native code over a port of that page', async () => {
    const opened = await launch();
    try {
      const { page } = opened;
      const popup = await openPopup(opened, page);
      await page.evaluate(async () => {
        const { inplaceExchange: bridge, popup } = /** @type {any} */ (globalThis);
        bridge.connect();
        const { port1, port2 } = new MessageChannel();
        postMessage('inplace-exchange:connect', '/', [port2]);
        port1.postMessage([1, 'address', new ArrayBuffer(64), 'main']);
        const [, , count] = await new Promise((resolve) => {
          port1.onmessage = ({ data }) => resolve(data);
        });
        if (count !== 64) throw new Error('the page itself cannot exchange');
        popup.handed = popup.structuredClone(port1, { transfer: [port1] });
      });
      await page.reload();
      await popup.evaluate(async () => {
        const { handed } = /** @type {any} */ (globalThis);
        for (let each = 0; each < 200; each += 1)
          for (const thread of ['main', 'worker']) handed.postMessage([each, 'address', new ArrayBuffer(64), thread]);
        await new Promise((resolve) => setTimeout(resolve, 200));
      });
      await assertAlive(opened);
    } finally {
      await opened.app.close();
    }
  });

  it('can still call them after events that a script has dispatched: the page goes on', async () => {
    const opened = await launch();
    try {
      const { page } = opened;
      await connect(page);
      const popup = await openPopup(opened, page);
      await handOver(page);
      await page.evaluate(() => {
        dispatchEvent(new PageTransitionEvent('pagehide', { persisted: false }));
        /** @type {any} */ (globalThis).fixture.emitExit();
      });
      const seen = await callAll(popup);
      for (const call of ['exchange on the main thread', 'exchange on a worker thread', 'allocate'])
        assert.equal(seen[call], 'returned 64', call);
      for (const call of ['a shared exchange', "a memory's function", 'a bridge of the app'])
        assert.equal(seen[call], 'returned number', call);
      await assertAlive(opened);
    } finally {
      await opened.app.close();
    }
  });
});

describe('a window that shares the event loop of another', () => {
  /** @param {Page} page @param {'main' | 'worker'} thread */
  const exchangeOn = (page, thread) =>
    page.evaluate(async (thread) => {
      const late = new Promise((resolve) => setTimeout(resolve, 10_000, 'unsettled'));
      const call = outcome(() => link.exchange(new Uint8Array(64), { library: 'address', thread }));
      const seen = await Promise.race([call, late]);
      return seen.code ? `${seen.code} with ${seen.memory}` : seen;
    }, thread);

  /** @param {(opened: Opened, page: Page) => Promise<void>} test */
  const inApp = (test) => async () => {
    const opened = await launch();
    try {
      await connect(opened.page);
      await test(opened, opened.page);
      await assertAlive(opened);
    } finally {
      await opened.app.close();
    }
  };

  const REFUSED = 'ERR_EVENT_LOOP with 64';
  /** What an asynchronous call of a second window comes to. @type {typeof REFUSED | 64} */
  let there;

  before(
    // From Electron 44 on, and in later releases of 42 and perhaps 43, each window has a loop of its own. Not run there.
    inApp(async (opened, page) => {
      const popup = await openPopup(opened, page);
      await connect(popup);
      there = await exchangeOn(popup, 'worker');
      const major = Number.parseInt(await opened.app.evaluate(() => process.versions.electron), 10);
      assert.ok([...(major < 44 ? [REFUSED] : []), ...(major >= 42 ? [64] : [])].includes(there), String(there));
    }),
  );

  it(
    'is refused asynchronous calls, with the memory and with what to do; the first window goes on',
    inApp(async (opened, page) => {
      const popup = await openPopup(opened, page);
      await connect(popup);
      assert.equal(await exchangeOn(popup, 'worker'), there);
      assert.equal(await exchangeOn(popup, 'main'), 64);
      const { message } = await popup.evaluate(() => outcome(() => link.exchange(new Uint8Array(64))));
      if (there === REFUSED) assert.match(message, /'noopener'.*Electron 44/);
      assert.equal(await exchangeOn(page, 'worker'), 64);
    }),
  );

  it(
    'is refused them after it has set opener to null and was reloaded, repeatedly',
    inApp(async (opened, page) => {
      const popup = await openPopup(opened, page);
      for (let each = 0; each < 5; each += 1) {
        await popup.evaluate(() => {
          globalThis.opener = null;
        });
        await popup.reload();
        assert.equal(await popup.evaluate(() => globalThis.opener), null);
        await connect(popup);
        assert.equal(await exchangeOn(popup, 'worker'), there);
        assert.equal(await exchangeOn(page, 'worker'), 64);
      }
    }),
  );

  it(
    'is refused them at the top of its preload, before its event loop is known',
    inApp(async (opened, page) => {
      await page.goto('app://isolated/?early');
      const early = (/** @type {Page} */ of) => of.evaluate(() => /** @type {any} */ (globalThis).fixture.early());
      const first = await early(page);
      assert.ok(first > 64, String(first));
      const popup = await openPopup(opened, page, '?early');
      for (let each = 0; each < 2; each += 1) {
        const second = await early(popup);
        if (there === REFUSED) assert.equal(second, 'ERR_EVENT_LOOP with 256');
        else assert.ok(second > 64, String(second));
        await popup.reload();
      }
    }),
  );

  it(
    'does not disturb the first window, which is reloaded and makes calls',
    inApp(async (opened, page) => {
      const popup = await openPopup(opened, page);
      await connect(popup);
      for (let each = 0; each < 5; each += 1) {
        await page.reload();
        await connect(page);
        assert.equal(await exchangeOn(page, 'worker'), 64);
        assert.equal(await exchangeOn(popup, 'worker'), there);
        assert.equal(await exchangeOn(popup, 'main'), 64);
      }
    }),
  );

  it(
    'owns the event loop once the first window is closed and it is reloaded; until then it is refused',
    inApp(async (opened, page) => {
      const popup = await openPopup(opened, page);
      await connect(popup);
      await page.close({ runBeforeUnload: true });
      let seen = await exchangeOn(popup, 'worker');
      assert.equal(seen, there);
      // The first page may still be unloading when this one is reloaded.
      for (let each = 0; each < 10 && seen === REFUSED; each += 1) {
        await popup.reload();
        await connect(popup);
        seen = await exchangeOn(popup, 'worker');
      }
      assert.equal(seen, 64);
    }),
  );

  it(
    'is reloaded, and closes a library that the first window has calls of: each is made once',
    inApp(async (opened, page) => {
      const popup = await openPopup(opened, page);
      await connect(popup);
      for (const [user, thread] of /** @type {const} */ ([
        [popup, 'main'],
        [page, 'worker'],
      ]))
        await user.evaluate(async (thread) => {
          await link.exchange(new Uint8Array(64), { library: 'slow-close', thread });
        }, thread);
      await page.evaluate(() => {
        const request = (/** @type {number} */ milliseconds) => {
          const bytes = new Uint8Array(64);
          new DataView(bytes.buffer).setUint32(0, milliseconds, true);
          return bytes;
        };
        const calls = Array.from({ length: 4 }, () => link.exchange(request(300), { library: 'slow-close' }));
        Object.assign(globalThis, { calls });
        /** @type {any} */ (globalThis).popup.location.reload();
      });
      const times = await page.evaluate(async () => {
        const answers = await Promise.all(/** @type {any} */ (globalThis).calls);
        const first = answers.map((bytes) => bytes[4]);
        await new Promise((resolve) => setTimeout(resolve, 500));
        return [...first, ...answers.map((bytes) => bytes[4])];
      });
      assert.deepEqual(times, Array(8).fill(1));
    }),
  );

  it(
    'opens and closes while the first window makes calls',
    inApp(async (opened, page) => {
      await page.evaluate(() => {
        const state = { done: 0, failed: 0, stop: false };
        Object.assign(globalThis, { state });
        const chain = async () => {
          while (!state.stop) {
            const { length } = await link.exchange(new Uint8Array(4096), { library: 'address' }).catch(() => []);
            if (length === 4096) state.done += 1;
            else state.failed += 1;
          }
        };
        for (let each = 0; each < 8; each += 1) chain();
      });
      for (let each = 0; each < 10; each += 1) {
        const popup = await openPopup(opened, page);
        await connect(popup);
        assert.equal(await exchangeOn(popup, 'worker'), there);
        await popup.reload();
        await popup.close({ runBeforeUnload: each % 2 === 0 });
      }
      const { done, failed } = await page.evaluate(() => {
        const { state } = /** @type {any} */ (globalThis);
        state.stop = true;
        return state;
      });
      assert.equal(failed, 0);
      assert.ok(done > 100, String(done));
    }),
  );
});
