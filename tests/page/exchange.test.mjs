// exchange() in isolated windows: what is lent, what is returned, and what is refused.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { appForAll, connect, launch, link, outcome, whereIs } from '../support/page-api.mjs';

const { differs } = createRequire(import.meta.url)('../support/differences.js');

const require = createRequire(import.meta.url);
const { FOR_EVER, assertDocumented, cameraLog } = require('../support/fixtures.js');

/** @typedef {import('../support/page-api.mjs').Opened} Opened */

const MiB = 1024 * 1024;

/** The arguments, the code of the error, and the size of the memory that it has. @type {[string, string, string][]} */
const REFUSED = [
  ['undefined', 'ERR_INVALID_BUFFER', ''],
  ['null', 'ERR_INVALID_BUFFER', ''],
  ['-1', 'ERR_OUT_OF_RANGE', ''],
  ['1.5', 'ERR_OUT_OF_RANGE', ''],
  ['NaN', 'ERR_OUT_OF_RANGE', ''],
  ['2 ** 31', 'ERR_OUT_OF_RANGE', ''],
  ['8, { input: 9 }', 'ERR_OUT_OF_RANGE', ''],
  ['8, { library: 7 }', 'ERR_INVALID_ARG_TYPE', ''],
  ['8, { signal: AbortSignal.abort() }', 'ABORT_ERR', ''],
  ['8n', 'ERR_INVALID_BUFFER', ''],
  ['"text"', 'ERR_INVALID_BUFFER', ''],
  ['[1, 2]', 'ERR_INVALID_BUFFER', ''],
  ['{ byteLength: 1e9, buffer: 1 }', 'ERR_INVALID_BUFFER', ''],
  ['new DataView(new ArrayBuffer(8))', 'ERR_INVALID_BUFFER', ''],
  ['new Float64Array(8)', 'ERR_INVALID_BUFFER', ''],
  ['new Uint8Array(8).subarray(1)', 'ERR_INVALID_BUFFER', ''],
  ['new Uint8Array(new ArrayBuffer(8, { maxByteLength: 16 }))', 'ERR_INVALID_BUFFER', ''],
  ['new SharedArrayBuffer(8, { maxByteLength: 16 })', 'ERR_INVALID_BUFFER', ''],
  ['new Uint8Array(new WebAssembly.Memory({ initial: 1 }).buffer)', 'ERR_INVALID_BUFFER', '65536'],
  ['((bytes) => (bytes.buffer.transfer(), bytes))(new Uint8Array(8))', 'ERR_BUFFER_DETACHED', ''],
  ['new Uint8Array(8), null', 'ERR_INVALID_ARG_TYPE', ''],
  ['new Uint8Array(8), "worker"', 'ERR_INVALID_ARG_TYPE', ''],
  ['new Uint8Array(8), { library: 7 }', 'ERR_INVALID_ARG_TYPE', ''],
  ['new Uint8Array(8), { signal: {} }', 'ERR_INVALID_ARG_TYPE', ''],
  ['new Uint8Array(8), { signal: Object.create(AbortSignal.prototype) }', 'ERR_INVALID_ARG_TYPE', ''],
  ['new Uint8Array(8), { thread: "both" }', 'ERR_INVALID_ARG_VALUE', ''],
  ['new Uint8Array(8), { thread: Object.create(null) }', 'ERR_INVALID_ARG_VALUE', ''],
  ['new Uint8Array(8), { signal: AbortSignal.abort() }', 'ABORT_ERR', '8'],
];

describe('exchange', () => {
  /** @type {import('playwright-core').Page} */
  let page;
  appForAll((app) => {
    page = app.page;
  });

  beforeEach(() => connect(page));

  for (const thread of /** @type {const} */ (['main', 'worker'])) {
    it(`on the ${thread} thread: the library gets the page's memory at one address, over 1,000 exchanges`, async () => {
      const addresses = await page.evaluate(async (thread) => {
        const found = new Set();
        /** @type {ArrayBufferLike} */
        let memory = new ArrayBuffer(4096);
        for (let trip = 0; trip < 1000; trip += 1) {
          const [before, back] = await whereIs(memory);
          const bytes = await link.exchange(back, { library: 'address', thread });
          const seen = new DataView(bytes.buffer).getBigUint64(0, true);
          const [after, again] = await whereIs(bytes.buffer);
          for (const address of [before, seen, after]) found.add(address);
          memory = again;
        }
        return [...found];
      }, thread);
      assert.equal(addresses.length, differs('address') ? 2 : 1);
      assert.ok(addresses[0] > 0n);
    });

    it(`on the ${thread} thread: transfers the memory there and back, trimmed to the message`, async () => {
      const seen = await page.evaluate(async (thread) => {
        const data = new TextEncoder().encode('what stands here is the input\0\0\0');
        const whole = new Uint8Array(100);
        whole.set(data);
        const promise = link.exchange(whole, { library: 'uppercase-c', thread });
        const detached = [whole.length, whole.buffer.byteLength];
        const bytes = await promise;
        return {
          detached,
          length: bytes.length,
          whole: bytes.buffer.byteLength,
          text: new TextDecoder().decode(bytes),
        };
      }, thread);
      assert.deepEqual(seen.detached, [0, 0]);
      assert.match(seen.text, /^WHAT STANDS HERE IS THE INPUT/);
      assert.equal(seen.whole, 100);
      assert.equal(seen.length, seen.text.length);
    });

    it(`on the ${thread} thread: accepts every size, a Uint8ClampedArray and an ArrayBuffer`, async () => {
      const lengths = await page.evaluate(async (thread) => {
        const options = /** @type {const} */ ({ library: 'address', thread });
        const all = [16, 17, 4096, 1 << 20, 32 << 20].map((size) => new Uint8Array(size));
        const answers = await Promise.all(
          [...all, new Uint8ClampedArray(48), new ArrayBuffer(64)].map((data) => link.exchange(data, options)),
        );
        const empty = await link.exchange(new Uint8Array(0), { library: 'zero', thread });
        return [...answers.map(({ length }) => length), empty.length];
      }, thread);
      assert.deepEqual(lengths, [16, 17, 4096, MiB, 32 * MiB, 48, 64, 0]);
    });

    it(`on the ${thread} thread: the memory can be lent again`, async () => {
      const lengths = await page.evaluate(async (thread) => {
        const options = /** @type {const} */ ({ library: 'address', thread });
        let bytes = await link.exchange(new Uint8Array(64), options);
        for (let trip = 0; trip < 10; trip += 1) bytes = await link.exchange(bytes.buffer, options);
        return [bytes.length, bytes.buffer.byteLength];
      }, thread);
      assert.deepEqual(lengths, [64, 64]);
    });

    for (const [library, expected, fields] of /** @type {[string, [string, string], any][]} */ ([
      ['nobody', ['Error', 'ERR_LIBRARY_UNKNOWN'], {}],
      ['constructor', ['Error', 'ERR_LIBRARY_UNKNOWN'], {}],
      ['__proto__', ['Error', 'ERR_LIBRARY_UNKNOWN'], {}],
      ['/usr/lib/library.so', ['Error', 'ERR_LIBRARY_UNKNOWN'], {}],
      ['missing', ['Error', 'ERR_LIBRARY_NOT_FOUND'], { path: 'string' }],
      ['relative', ['TypeError', 'ERR_LIBRARY_PATH'], { path: 'string' }],
      ['nothing', ['Error', 'ERR_LIBRARY_SYMBOL'], { path: 'string', symbol: 'string' }],
      ['too-small', ['RangeError', 'ERR_BUFFER_TOO_SMALL'], { path: 'string', required: 1064 }],
      [
        'negative-message',
        ['Error', 'ERR_LIBRARY_FAILED'],
        { path: 'string', status: -9, words: 'the lens cap is on' },
      ],
      ['int64-min', ['Error', 'ERR_LIBRARY_FAILED'], { path: 'string', status: -(2n ** 63n) }],
      ['int64-max', ['RangeError', 'ERR_LIBRARY_COUNT'], { path: 'string', count: 2n ** 63n - 1n }],
    ])) {
      it(`on the ${thread} thread: ${library} rejects with ${expected[1]}, its class, its fields and the memory`, async () => {
        const error = await page.evaluate(
          ({ library, thread }) => outcome(() => link.exchange(new Uint8Array(64), { library, thread })),
          { library, thread },
        );
        assert.deepEqual([error.class, error.code], expected);
        assert.equal(error.memory, 64);
        assert.ok(error.message.length > 20);
        assert.deepEqual(Object.keys(error.fields).sort(), Object.keys(fields).sort());
        for (const [name, value] of Object.entries(fields)) {
          if (value === 'string') assert.equal(typeof error.fields[name], 'string');
          else assert.equal(error.fields[name], value);
        }
      });
    }
  }

  it('of memory that is lent already says so, and of memory that was returned, where it is', async () => {
    const seen = await page.evaluate(async () => {
      const message = async (/** @type {any} */ data) => {
        const error = await outcome(() => link.exchange(data, { library: 'address' }));
        return `${error.code}: ${error.message}`;
      };
      const bytes = new Uint8Array(64);
      const { buffer } = bytes;
      const call = link.exchange(bytes, { library: 'address' });
      const lent = [await Promise.all([message(bytes), message(buffer)]), await call.then(() => message(bytes))].flat();
      const failed = new Uint8Array(64);
      await outcome(() => link.exchange(failed, { library: 'negative-message' }));
      const elsewhere = new Uint8Array(64);
      structuredClone(elsewhere, { transfer: [elsewhere.buffer] });
      return [...lent, await message(failed), await message(elsewhere)];
    });
    const now = 'ERR_BUFFER_DETACHED: This memory cannot be lent now: ';
    const isLent = `${now}it is lent to an exchange that has not returned. Await that one first.`;
    const isReturned = `${now}an exchange has returned it, in its result or its error. Lend \`buffer\` of that.`;
    assert.deepEqual(seen, [isLent, isLent, isReturned, isReturned, `${now}it was transferred elsewhere.`]);
  });

  it('settles two hundred calls in flight, each with its own result', async () => {
    const wrong = await page.evaluate(async () => {
      const calls = Array.from({ length: 200 }, async (_, index) => {
        const text = `call ${index} `.repeat(1 + (index % 50));
        const data = new TextEncoder().encode(text).slice();
        const thread = index % 3 === 0 ? 'main' : 'worker';
        const library = index % 2 === 0 ? 'uppercase-c' : 'uppercase-rs';
        const bytes = await link.exchange(data, { thread, library }).catch((error) => {
          if (error.code !== 'ERR_LIBRARY_BUSY') throw error;
          return link.exchange(error.buffer, { library }); // the error has the memory
        });
        return new TextDecoder().decode(bytes) === text.toUpperCase();
      });
      return (await Promise.all(calls)).filter((right) => !right).length;
    });
    assert.equal(wrong, 0);
  });

  for (const [args, code, memory] of REFUSED) {
    it(`(${args}) rejects with ${code}, and detaches nothing`, async () => {
      const source = `outcome(() => link.exchange(${args}))`;
      const error = await page.evaluate(source);
      assert.equal(error.code, code, JSON.stringify(error));
      assert.equal(String(error.memory ?? ''), memory);
      const names = /** @type {Record<string, string>} */ ({ ABORT_ERR: 'AbortError', ERR_OUT_OF_RANGE: 'RangeError' });
      assert.equal(error.name, names[code] ?? 'TypeError');
      assert.equal(
        await page.evaluate(async () => (await link.exchange(new Uint8Array(64), { library: 'address' })).length),
        64,
      );
    });
  }

  it('keeps working after reloads with calls in flight', async () => {
    for (let time = 0; time < 5; time += 1) {
      const settled = await page.evaluate(async () => {
        const controller = new AbortController();
        const calls = Array.from({ length: 300 }, (_, index) => {
          const thread = index % 3 === 0 ? 'main' : 'worker';
          const signal = index % 2 === 0 ? controller.signal : undefined;
          return outcome(() =>
            link.exchange(new Uint8Array(128 + index * 100), { library: 'default', thread, signal }),
          );
        });
        setTimeout(() => controller.abort());
        const outcomes = await Promise.all(calls);
        /** @type {any} */ (globalThis).gc();
        const bytes = link.allocate(2 ** 26);
        for (let each = 0; each < 100; each += 1) link.exchange(new Uint8Array(64), { library: 'address' });
        link.exchange(bytes, { library: 'address' });
        link.frames({ byteLength: 4096, library: 'address' }).next();
        return outcomes.filter((each) => each > 0 || each.code === 'ABORT_ERR').length;
      });
      assert.equal(settled, 300);
      await page.reload(); // with 104 calls in flight
      await connect(page);
    }
  });

  it('refuses what the page of errors lists', () =>
    assertDocumented(
      ['in a page', 'gives'],
      REFUSED.map(([args, code]) => [`\`exchange(${args})\``, `\`${code}\``]),
    ));

  it('removes its listener from the signal', async () => {
    const listeners = await page.evaluate(async () => {
      const { signal } = new AbortController();
      let listeners = 0;
      const { addEventListener, removeEventListener } = signal;
      signal.addEventListener = (/** @type {[any, any]} */ ...args) => {
        listeners += 1;
        addEventListener.apply(signal, args);
      };
      signal.removeEventListener = (/** @type {[any, any]} */ ...args) => {
        listeners -= 1;
        removeEventListener.apply(signal, args);
      };
      const during = [];
      for (const library of ['address', 'negative-message']) {
        const call = outcome(() => link.exchange(new Uint8Array(64), { library, signal }));
        during.push(listeners);
        await call;
      }
      return [...during, listeners];
    });
    assert.deepEqual(listeners, [1, 1, 0]);
  });

  it('of memory that cannot be transferred leaves it unchanged', async () => {
    const seen = await page.evaluate(async () => {
      const whole = new Uint8Array([1, 2, 3, 4]);
      const part = whole.subarray(1);
      const { message } = await outcome(() => link.exchange(part));
      return { message, whole: [...whole] };
    });
    assert.deepEqual(seen.whole, [1, 2, 3, 4]);
    assert.match(seen.message, /data\.buffer.*data\.slice\(\)/);
  });

  describe('with a signal', () => {
    /** @type {ReturnType<typeof cameraLog>} */
    let log;
    /** @type {Opened} */
    let other;
    before(async () => {
      log = cameraLog();
      other = await launch();
      await connect(other.page);
    });
    after(() => other?.app.close());

    it('cancels the running call and the queued ones; each error has the memory and the reason', async () => {
      await other.page.evaluate((forEver) => {
        const controller = new AbortController();
        const begin = () => {
          const data = new Uint8Array(64);
          new DataView(data.buffer).setUint32(0, forEver, true);
          return outcome(() => link.exchange(data, { library: 'camera', signal: controller.signal }));
        };
        Object.assign(globalThis, { controller, calls: [begin(), begin(), begin()] });
      }, FOR_EVER);
      await log.until('begin');
      const outcomes = await other.page.evaluate(() => {
        const { controller, calls } = /** @type {any} */ (globalThis);
        controller.abort(new Error('enough'));
        return Promise.all(calls);
      });
      for (const { class: Class, name, code, memory, cause } of outcomes)
        assert.deepEqual([Class, name, code, memory, cause], ['Error', 'AbortError', 'ABORT_ERR', 64, 'enough']);
      assert.equal(log.count('begin'), 1);
      assert.equal(log.count('end'), 1);
    });

    it('on the main thread rejects with ERR_LIBRARY_BUSY while the library runs on another thread', async () => {
      const before = log.count('begin');
      await other.page.evaluate((forEver) => {
        const controller = new AbortController();
        const data = new Uint8Array(64);
        new DataView(data.buffer).setUint32(0, forEver, true);
        const call = outcome(() => link.exchange(data, { library: 'camera', signal: controller.signal }));
        Object.assign(globalThis, { controller, call });
      }, FOR_EVER);
      await log.until('begin', before + 1);
      const [busy, aborted] = await other.page.evaluate(async () => {
        const { controller, call } = /** @type {any} */ (globalThis);
        const busy = await outcome(() => link.exchange(new Uint8Array(64), { library: 'camera', thread: 'main' }));
        controller.abort();
        return [busy, await call];
      });
      assert.deepEqual([busy.code, busy.memory], ['ERR_LIBRARY_BUSY', 64]);
      assert.equal(aborted.code, 'ABORT_ERR');
    });
  });
});
