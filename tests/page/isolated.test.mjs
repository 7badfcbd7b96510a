// The page API in real windows with context isolation on: what is lent, what comes back, and who gets nothing.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { connect, connectOutcome, launch, openPage } from '../support/isolated.mjs';

const require = createRequire(import.meta.url);
const { FOR_EVER, assertDocumented, cameraLog } = require('../support/fixtures.js');

/** @typedef {import('../support/isolated.mjs').Opened} Opened */

const MiB = 1024 * 1024;
const SHARED_FROM = 64 * MiB;

/**
 * What stands in the page: link is what connect() gave, the rest is in tests/fixtures/isolated/page.html. The functions
 * that are evaluated there find them there.
 * @type {{
 *   link: import('../../lib/types/page.mjs').Exchange,
 *   loaded: Promise<typeof import('../../lib/page.mjs')>,
 *   facts(error: unknown): any,
 *   outcome(call: () => unknown): Promise<any>,
 *   whereIs(memory: ArrayBufferLike): Promise<[bigint, ArrayBufferLike]>,
 *   rawPort(): { say(message: unknown, transfer?: Transferable[]): void, next(): Promise<any> },
 *   heard: unknown[],
 * }}
 */
const { link, loaded, facts, outcome, whereIs, rawPort, heard } = /** @type {any} */ (globalThis);

/** @type {[string, string, string][]} what is passed to exchange, its code, and the size of the memory that the error has */
const REFUSED = [
  ['undefined', 'ERR_INVALID_BUFFER', ''],
  ['null', 'ERR_INVALID_BUFFER', ''],
  ['7', 'ERR_INVALID_BUFFER', ''],
  ['1e9', 'ERR_INVALID_BUFFER', ''],
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

/** @type {[string, string, boolean][]} what is asked of a view of shared memory, in JavaScript, and whether it is done */
const SHARED_LIMITS = [
  ['`TextDecoder`', 'new TextDecoder().decode(bytes)', false],
  ['`ImageData`', 'new ImageData(new Uint8ClampedArray(bytes.buffer), 4, 4)', false],
  ['`Blob`', 'new Blob([bytes])', false],
  ['`crypto.getRandomValues`', 'crypto.getRandomValues(bytes)', false],
  ['`TextEncoder.encodeInto`', "new TextEncoder().encodeInto('x', bytes)", false],
  [
    '`VideoFrame`',
    "new VideoFrame(bytes, { format: 'RGBA', codedWidth: 4, codedHeight: 4, timestamp: 0 }).close()",
    true,
  ],
  [
    '`texImage2D` of WebGL 2',
    "const gl = new OffscreenCanvas(4, 4).getContext('webgl2'); " +
      'gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 4, 4, 0, gl.RGBA, gl.UNSIGNED_BYTE, bytes)',
    true,
  ],
  ['`bytes.slice()`, a copy that can do all of this', 'new TextDecoder().decode(bytes.slice())', true],
];

describe('the page API', () => {
  /** @type {Opened} */
  let opened;
  /** @type {import('playwright-core').Page} */
  let page;
  before(async () => {
    opened = await launch();
    page = opened.page;
  });
  after(() => opened?.app.close());
  beforeEach(async () => {
    await page.reload();
  });
  afterEach(async () => {
    assert.deepEqual(
      await opened.app.evaluate(() => /** @type {any} */ (globalThis).gone),
      [],
      'no renderer has ended',
    );
  });

  describe('connect', () => {
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
      assert.deepEqual(bridge, [['connect', 'listen', 'shared', 'problem'], true]);
    });
  });

  describe('exchange', () => {
    beforeEach(() => connect(page));

    for (const thread of /** @type {const} */ (['main', 'worker'])) {
      it(`on the ${thread} thread: what the library was given is the page's memory, over 1,000 trips`, async () => {
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
        assert.equal(addresses.length, 1);
        assert.ok(addresses[0] > 0n);
      });

      it(`on the ${thread} thread: moves the memory there and back, trimmed to the message`, async () => {
        const seen = await page.evaluate(async (thread) => {
          const data = new TextEncoder().encode('what stands here is the input\0\0\0'); // may be shorter than its memory
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

      it(`on the ${thread} thread: takes every size, a Uint8ClampedArray and an ArrayBuffer`, async () => {
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

      it(`on the ${thread} thread: lends again what came back`, async () => {
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
        ['too-small', ['RangeError', 'ERR_BUFFER_TOO_SMALL'], { required: 1064 }],
        ['negative-message', ['Error', 'ERR_LIBRARY_FAILED'], { path: 'string', status: -9 }],
        ['int64-min', ['Error', 'ERR_LIBRARY_FAILED'], { path: 'string', status: -(2n ** 63n) }],
        ['int64-max', ['RangeError', 'ERR_LIBRARY_COUNT'], { path: 'string', count: 2n ** 63n - 1n }],
      ])) {
        it(`on the ${thread} thread: ${library} gives ${expected[1]}, with its class, its fields and the memory`, async () => {
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

    it('answers two hundred calls in flight, each with its own', async () => {
      const wrong = await page.evaluate(async () => {
        const calls = Array.from({ length: 200 }, async (_, index) => {
          const text = `call ${index} `.repeat(1 + (index % 50));
          const data = new TextEncoder().encode(text).slice();
          const thread = index % 3 === 0 ? 'main' : 'worker';
          const library = index % 2 === 0 ? 'uppercase-c' : 'uppercase-rs';
          const bytes = await link.exchange(data, { thread, library }).catch((error) => {
            if (error.code !== 'ERR_LIBRARY_BUSY') throw error;
            return link.exchange(error.buffer, { library }); // nothing was lost
          });
          return new TextDecoder().decode(bytes) === text.toUpperCase();
        });
        return (await Promise.all(calls)).filter((right) => !right).length;
      });
      assert.equal(wrong, 0);
    });

    for (const [args, code, memory] of REFUSED) {
      it(`(${args}) gives ${code}, and detaches nothing`, async () => {
        const source = `outcome(() => link.exchange(${args}))`;
        const error = await page.evaluate(source);
        assert.equal(error.code, code, JSON.stringify(error));
        assert.equal(String(error.memory ?? ''), memory);
        assert.equal(error.name, code === 'ABORT_ERR' ? 'AbortError' : 'TypeError');
        assert.equal(
          await page.evaluate(async () => (await link.exchange(new Uint8Array(64), { library: 'address' })).length),
          64,
        );
      });
    }

    it('goes on after reloads in the middle of everything', async () => {
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
        await page.reload(); // 104 calls are under way
        await connect(page);
      }
    });

    it('what is refused is on the page of errors', () =>
      assertDocumented(
        ['in a page', 'gives'],
        REFUSED.map(([args, code]) => [`\`exchange(${args})\``, `\`${code}\``]),
      ));

    it('leaves no listener on a signal when it is over', async () => {
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

    it('of memory that cannot be moved leaves it where it is', async () => {
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

      it('stops what runs and drops what waits; the memory comes back, and the reason with it', async () => {
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

      it('on the main thread finds a library busy that runs on another, and says so', async () => {
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

  describe('allocate', () => {
    beforeEach(() => connect(page));

    it('is an ordinary ArrayBuffer below 64 MiB, and shared from there', async () => {
      const classes = await page.evaluate(
        (sizes) => sizes.map((size) => [link.allocate(size).length, link.allocate(size).buffer.constructor.name]),
        [0, 64, SHARED_FROM - 1, SHARED_FROM, 100 * MiB],
      );
      assert.deepEqual(classes, [
        [0, 'ArrayBuffer'],
        [64, 'ArrayBuffer'],
        [SHARED_FROM - 1, 'ArrayBuffer'],
        [SHARED_FROM, 'SharedArrayBuffer'],
        [100 * MiB, 'SharedArrayBuffer'],
      ]);
    });

    for (const thread of /** @type {const} */ (['main', 'worker'])) {
      it(`is lent at one address from 64 MiB on, on the ${thread} thread; both sides see one memory`, async () => {
        const seen = await page.evaluate(
          async ({ size, thread }) => {
            const bytes = link.allocate(size);
            const [before] = await whereIs(bytes.buffer);
            const addresses = new Set([before]);
            let last = 0;
            for (let trip = 0; trip < 20; trip += 1) {
              const answer = await link.exchange(bytes, { library: 'address', thread });
              addresses.add(new DataView(answer.buffer).getBigUint64(0, true));
              if (answer.buffer !== bytes.buffer || answer.length !== size) throw new Error('other memory');
              last = bytes[size - 1];
            }
            return { addresses: addresses.size, last };
          },
          { size: SHARED_FROM, thread },
        );
        assert.deepEqual(seen, { addresses: 1, last: 0xa5 });
      });
    }

    it('that is lent cannot be lent meanwhile, as memory that was moved', async () => {
      const outcomes = await page.evaluate((size) => {
        const bytes = link.allocate(size);
        const lend = () => outcome(() => link.exchange(bytes, { library: 'zero' }));
        return Promise.all([lend(), lend()]).then(async (both) => [...both, await lend()]);
      }, SHARED_FROM);
      assert.deepEqual([outcomes[0], outcomes[1].code, outcomes[2]], [0, 'ERR_BUFFER_DETACHED', 0]);
    });

    it('comes back with an error, and can be lent again', async () => {
      const outcomes = await page.evaluate(async (size) => {
        const bytes = link.allocate(size);
        const failed = await outcome(() => link.exchange(bytes, { library: 'negative-message' }));
        return [failed, await outcome(() => link.exchange(bytes, { library: 'zero' }))];
      }, SHARED_FROM);
      assert.deepEqual([outcomes[0].code, outcomes[0].memory, outcomes[1]], ['ERR_LIBRARY_FAILED', SHARED_FROM, 0]);
    });

    it('is held on to no longer than the page does: 100 GiB, one after the other, and nobody asks for a collection', async () => {
      const lengths = await page.evaluate(async () => {
        let total = 0;
        for (let each = 0; each < 100; each += 1) {
          const bytes = link.allocate(2 ** 30);
          await link.exchange(bytes, { library: 'zero' });
          total += bytes.length;
        }
        for (let each = 0; each < 50; each += 1) {
          link.shared(2 ** 30, { library: 'zero' }).exchange();
          await new Promise((resolve) => setTimeout(resolve));
        }
        return total;
      });
      assert.equal(lengths, 100 * 2 ** 30);
    });

    for (const size of [
      '-1',
      '1.5',
      'NaN',
      'Infinity',
      '2 ** 31',
      '"64"',
      'undefined',
      'null',
      '64n',
      'Symbol()',
      'Object.create(null)',
    ])
      it(`(${size}) gives ERR_OUT_OF_RANGE, and so does shared`, async () => {
        for (const call of ['allocate', 'shared']) {
          const error = await page.evaluate(`outcome(() => link.${call}(${size}))`);
          assert.deepEqual([error.class, error.code], ['RangeError', 'ERR_OUT_OF_RANGE']);
        }
      });

    it('says so when there is no memory', async () => {
      const error = await page.evaluate(() =>
        outcome(() => Array.from({ length: 1000 }, () => link.allocate(2 ** 31 - 1))),
      );
      assert.deepEqual([error.class, error.code], ['RangeError', 'ERR_MEMORY_ALLOCATION_FAILED']);
    });
  });

  describe('shared', () => {
    beforeEach(() => connect(page));

    it('exchanges at once, over one memory', async () => {
      const seen = await page.evaluate(async () => {
        const { bytes, exchange } = link.shared(64, { library: 'address' });
        const counts = [exchange(), exchange()];
        const [address] = await whereIs(bytes.buffer);
        return { counts, same: address === new DataView(bytes.buffer).getBigUint64(0, true), fill: bytes[63] };
      });
      assert.deepEqual(seen, { counts: [64, 64], same: true, fill: 0xa5 });
    });

    it('takes the request that stands in the memory, for each of many', async () => {
      const texts = await page.evaluate(() => {
        const all = Array.from({ length: 50 }, (_, index) => ({
          index,
          ...link.shared(16, { library: 'uppercase-c' }),
        }));
        return all.map(({ index, bytes, exchange }) => {
          new TextEncoder().encode(`n ${index}`).forEach((byte, at) => {
            bytes[at] = byte;
          });
          return new TextDecoder().decode(bytes.slice(0, exchange())).replaceAll('\0', '');
        });
      });
      assert.deepEqual(
        texts,
        Array.from({ length: 50 }, (_, index) => `N ${index}`),
      );
    });

    it('throws the errors of the library with their class, code and fields', async () => {
      const errors = await page.evaluate(() =>
        Promise.all(
          ['too-small', 'negative-message', 'int64-min', 'nobody', 'missing'].map((library) =>
            outcome(() => {
              const { exchange } = link.shared(64, { library });
              return { length: exchange() };
            }),
          ),
        ),
      );
      assert.deepEqual(
        errors.map(({ class: Class, code }) => [Class, code]),
        [
          ['RangeError', 'ERR_BUFFER_TOO_SMALL'],
          ['Error', 'ERR_LIBRARY_FAILED'],
          ['Error', 'ERR_LIBRARY_FAILED'],
          ['Error', 'ERR_LIBRARY_UNKNOWN'],
          ['Error', 'ERR_LIBRARY_NOT_FOUND'],
        ],
      );
      assert.equal(errors[0].fields.required, 1064);
      assert.equal(errors[1].fields.status, -9);
      assert.equal(errors[2].fields.status, -(2n ** 63n));
    });

    for (const [what, source, done] of SHARED_LIMITS)
      it(`${done ? 'serves' : 'is refused by'} ${what}`, async () => {
        const outcome = await page.evaluate(`(() => {
          const { bytes } = link.shared(64);
          try {
            ${source};
            return 'done';
          } catch (error) {
            return error.name;
          }
        })()`);
        assert.equal(outcome, done ? 'done' : 'TypeError');
      });

    it('its limits are on the page about isolation', () =>
      assertDocumented(
        ['a view of shared memory', 'is'],
        SHARED_LIMITS.map(([what, , done]) => [what, done ? 'taken' : 'refused']),
        'docs/isolation.md',
      ));

    it('is nothing to a caller of the bridge who has shared no memory', async () => {
      const seen = await page.evaluate(() => {
        const { inplaceExchange: bridge } = /** @type {any} */ (globalThis);
        const without = bridge.shared('zero');
        const offer = (/** @type {unknown} */ detail) => {
          bridge.listen();
          dispatchEvent(new CustomEvent('inplace-exchange:share', { detail }));
          return bridge.shared('zero');
        };
        const ordinary = offer(new ArrayBuffer(64));
        const number = offer(1e9);
        const count = offer(new SharedArrayBuffer(64))();
        return [without, ordinary, number, count, bridge.shared('zero'), bridge.problem().name];
      });
      assert.deepEqual(seen, [undefined, undefined, undefined, 0, undefined, 'TypeError']);
      assert.equal(await page.evaluate(() => link.shared(64, { library: 'address' }).exchange()), 64);
    });
  });

  describe('frames', () => {
    beforeEach(() => connect(page));

    it('come in order, each with its request, from no more memory than its depth', async () => {
      const seen = await page.evaluate(async () => {
        const texts = [];
        const asked = [];
        const stream = link.frames({
          byteLength: 16,
          library: 'uppercase-c',
          request(bytes, index) {
            asked.push(index);
            bytes.fill(0).set(new TextEncoder().encode(`frame ${index}`));
          },
        });
        for await (const frame of stream) {
          texts.push(new TextDecoder().decode(frame).replaceAll('\0', ''));
          if (texts.length === 50) break;
        }
        const memory = new Set();
        let count = 0;
        for await (const frame of link.frames({ byteLength: 4096, library: 'address', depth: 4 })) {
          memory.add(new DataView(frame.buffer).getBigUint64(0, true));
          if (++count === 200) break;
        }
        return { texts, asked: asked.length, memory: memory.size };
      });
      assert.deepEqual(
        seen.texts,
        Array.from({ length: 50 }, (_, index) => `FRAME ${index}`),
      );
      assert.equal(seen.asked, 52, 'two were ahead');
      assert.equal(seen.memory, 4);
    });

    it('are not filled before the consumer has moved on', async () => {
      const asked = await page.evaluate(async () => {
        let asked = 0;
        const seen = [];
        for await (const frame of link.frames({
          byteLength: 64,
          library: 'address',
          depth: 2,
          request: () => (asked += 1),
        })) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          seen.push([asked, frame.length]);
          if (seen.length === 5) break;
        }
        return seen;
      });
      assert.deepEqual(asked, [
        [2, 64],
        [3, 64],
        [4, 64],
        [5, 64],
        [6, 64],
      ]);
    });

    it('are detached when the next one is asked for, unless they are kept', async () => {
      const seen = await page.evaluate(async () => {
        const frames = [];
        const memory = new Set();
        const stream = link.frames({ byteLength: 64, library: 'address' });
        for await (const frame of stream) {
          frames.push(frame);
          memory.add(new DataView(frame.buffer).getBigUint64(0, true));
          if (frames.length % 2 === 0) stream.keep();
          if (frames.length === 8) break;
        }
        return { lengths: frames.map(({ length }) => length), memory: memory.size };
      });
      assert.deepEqual(seen.lengths, [0, 64, 0, 64, 0, 64, 0, 64]);
      assert.ok(seen.memory >= 4, `${seen.memory} different memories: a kept one is not filled again`);
    });

    it('that are transferred away are replaced, by what is given back before any is allocated', async () => {
      const seen = await page.evaluate(async () => {
        const passed = [];
        const memory = new Set();
        const stream = link.frames({ byteLength: 1 << 20, library: 'address' });
        let count = 0;
        for await (const frame of stream) {
          memory.add(new DataView(frame.buffer).getBigUint64(0, true));
          const elsewhere = structuredClone(frame, { transfer: [frame.buffer] });
          if (count < 10) passed.push(elsewhere);
          else stream.recycle(elsewhere);
          if (count === 10) memory.clear();
          if (++count === 200) break;
        }
        return { kept: passed.every(({ length }) => length === 1 << 20), memory: memory.size };
      });
      assert.equal(seen.kept, true);
      assert.ok(seen.memory <= 4, `${seen.memory} memories`);
    });

    for (const byteLength of [64, SHARED_FROM]) {
      it(`of ${byteLength} bytes can be given back while they are at hand`, async () => {
        const seen = await page.evaluate(async (byteLength) => {
          const seen = [];
          const stream = link.frames({
            byteLength,
            library: 'address',
            request: (bytes, index) => bytes.fill(0, 0, 16).fill(index, byteLength - 1),
          });
          for await (const frame of stream) {
            seen.push(new DataView(frame.buffer).getBigUint64(0, true));
            if (seen.length === 2) stream.recycle(frame);
            if (seen.length === 4) stream.keep();
            await new Promise((resolve) => setTimeout(resolve, 10));
            if (seen.length === 12) break;
          }
          return { frames: seen.length, memories: new Set(seen).size };
        }, byteLength);
        assert.deepEqual(seen, { frames: 12, memories: 4 });
      });
    }

    it('go on when what was given back is transferred away all the same', async () => {
      const count = await page.evaluate(async () => {
        let count = 0;
        const stream = link.frames({ byteLength: 64, library: 'address' });
        for await (const frame of stream) {
          const away = structuredClone(frame, { transfer: [frame.buffer] });
          stream.recycle(away);
          structuredClone(away, { transfer: [away.buffer] });
          if (++count === 10) break;
        }
        return count;
      });
      assert.equal(count, 10);
    });

    it('of a stream that is dropped are not held by a signal that lives on', async () => {
      const growth = await page.evaluate(async () => {
        const { signal } = new AbortController();
        const collect = /** @type {any} */ (globalThis).gc;
        const dropped = [];
        for (let each = 0; each < 30; each += 1) {
          const stream = link.frames({ byteLength: 1 << 20, library: 'address', signal });
          dropped.push(new WeakRef((await stream.next()).value?.buffer ?? {}));
        }
        for (let each = 0; each < 3; each += 1) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          collect();
        }
        return dropped.filter((memory) => memory.deref()).length;
      });
      assert.ok(growth <= 3, `${growth} of 30 are held`);
    });

    it('of 64 MiB and more are shared memory, and can be kept as well', async () => {
      const seen = await page.evaluate(async (byteLength) => {
        const frames = [];
        const stream = link.frames({ byteLength, library: 'address', depth: 2 });
        for await (const frame of stream) {
          if (frames.length === 1) stream.keep();
          frames.push(frame);
          if (frames.length === 6) break;
        }
        const addresses = frames.map(({ buffer }) => new DataView(buffer).getBigUint64(0, true));
        return { lengths: frames.map(({ length }) => length), memories: new Set(addresses).size };
      }, SHARED_FROM);
      assert.deepEqual(seen.lengths, Array(6).fill(SHARED_FROM));
      assert.equal(seen.memories, 3);
    });

    it('end on abort although others are filled', async () => {
      const seen = await page.evaluate(async () => {
        const controller = new AbortController();
        let count = 0;
        try {
          for await (const _ of link.frames({ byteLength: 64, library: 'address', signal: controller.signal })) {
            count += 1;
            await new Promise((resolve) => setTimeout(resolve, 50));
            controller.abort();
          }
        } catch (error) {
          return [count, facts(error).code];
        }
      });
      assert.deepEqual(seen, [1, 'ABORT_ERR']);
    });

    it('end with the error of one, after those before it', async () => {
      const seen = await page.evaluate(async () => {
        let count = 0;
        const after = [];
        try {
          for await (const frame of link.frames({
            byteLength: 64,
            library: 'uppercase-c',
            request(bytes, index) {
              if (index === 5) structuredClone(bytes, { transfer: [bytes.buffer] }); // then it cannot be lent
            },
          })) {
            count += frame.length > 0 ? 1 : 0;
          }
        } catch (error) {
          after.push(facts(error).code);
        }
        return [count, ...after, await outcome(() => link.exchange(new Uint8Array(64), { library: 'address' }))];
      });
      assert.deepEqual(seen, [5, 'ERR_BUFFER_DETACHED', 64]);
    });

    it('end with what the request throws', async () => {
      const seen = await page.evaluate(async () => {
        let count = 0;
        try {
          for await (const _ of link.frames({
            byteLength: 64,
            library: 'address',
            request(_bytes, index) {
              if (index === 5) throw new Error('no more');
            },
          }))
            count += 1;
        } catch (error) {
          return [count, facts(error).message];
        }
      });
      assert.deepEqual(seen, [5, 'no more']);
    });

    it('end with the first error when all fail, and no rejection goes unhandled', async () => {
      const seen = await page.evaluate(async () => {
        /** @type {string[]} */
        const unhandled = [];
        addEventListener('unhandledrejection', ({ reason }) => unhandled.push(String(reason)));
        const error = await outcome(async () => {
          for await (const _ of link.frames({ byteLength: 64, library: 'negative-message' }));
          return [];
        });
        await new Promise((resolve) => setTimeout(resolve, 50));
        return [error.code, error.memory, ...unhandled];
      });
      assert.deepEqual(seen, ['ERR_LIBRARY_FAILED', 64]);
    });

    for (const [args, code] of /** @type {[string, string][]} */ ([
      ['', 'ERR_INVALID_ARG_TYPE'],
      ['null', 'ERR_INVALID_ARG_TYPE'],
      ['{}', 'ERR_OUT_OF_RANGE'],
      ['{ byteLength: -1 }', 'ERR_OUT_OF_RANGE'],
      ['{ byteLength: 64, depth: 0 }', 'ERR_OUT_OF_RANGE'],
      ['{ byteLength: 64, depth: 65 }', 'ERR_OUT_OF_RANGE'],
      ['{ byteLength: 64, request: 7 }', 'ERR_INVALID_ARG_TYPE'],
      ['{ byteLength: 64, signal: 7 }', 'ERR_INVALID_ARG_TYPE'],
      ['{ byteLength: 64, library: 7 }', 'ERR_INVALID_ARG_TYPE'],
    ])) {
      it(`(${args}) throws ${code} at once`, async () => {
        assert.equal((await page.evaluate(`outcome(() => link.frames(${args}))`)).code, code);
      });
    }

    it('recycle refuses what is not a frame of theirs', async () => {
      const codes = await page.evaluate(() =>
        Promise.all(
          [new Uint8Array(63), 7, undefined, new ArrayBuffer(65)].map((memory) =>
            outcome(() => link.frames({ byteLength: 64 }).recycle(/** @type {any} */ (memory))).then(
              ({ code }) => code,
            ),
          ),
        ),
      );
      assert.deepEqual(codes, ['ERR_OUT_OF_RANGE', 'ERR_INVALID_BUFFER', 'ERR_INVALID_BUFFER', 'ERR_OUT_OF_RANGE']);
    });

    describe('of a library that takes its time', () => {
      /** @type {ReturnType<typeof cameraLog>} */
      let log;
      /** @type {Opened} */
      let other;
      beforeEach(async () => {
        log = cameraLog();
        other = await launch();
        await connect(other.page);
      });
      afterEach(() => other.app.close());

      /** @param {string} library @param {number} milliseconds of every frame but the first */
      const start = (library, milliseconds) =>
        other.page.evaluate(
          ({ library, milliseconds }) => {
            const controller = new AbortController();
            const stream = link.frames({
              byteLength: 64,
              library,
              signal: controller.signal,
              request(bytes, index) {
                new DataView(bytes.buffer).setUint32(0, index === 0 ? 0 : milliseconds, true);
              },
            });
            Object.assign(globalThis, {
              controller,
              stream,
              first: stream.next(),
              second: outcome(() => stream.next()),
            });
          },
          { library, milliseconds },
        );

      it('end on break: what runs is asked to stop, what waits is not made', async () => {
        const done = await other.page.evaluate(async (forEver) => {
          for await (const frame of link.frames({
            byteLength: 64,
            library: 'camera',
            request(bytes, index) {
              new DataView(bytes.buffer).setUint32(0, index === 0 ? 0 : forEver, true);
            },
          }))
            return frame.length;
        }, FOR_EVER);
        assert.equal(done, 64);
        await other.page.evaluate(() => link.exchange(new Uint8Array(64), { library: 'camera' })); // it has its turn
        assert.equal(log.count('end'), log.count('begin'));
        assert.ok(log.count('begin') <= 3);
      });

      for (const library of ['camera', 'camera-deaf']) {
        it(`${library}: end on abort, at once`, async () => {
          await start(library, library === 'camera' ? FOR_EVER : 2000);
          await log.until('begin', 2);
          const { took, error, rest } = await other.page.evaluate(async () => {
            const { controller, stream, second } = /** @type {any} */ (globalThis);
            const started = performance.now();
            controller.abort(new Error('enough'));
            const error = await second;
            return { took: performance.now() - started, error, rest: (await stream.next()).done };
          });
          assert.deepEqual([error.name, error.code, error.cause, rest], ['AbortError', 'ABORT_ERR', 'enough', true]);
          assert.ok(took < 500, `${took} ms`);
          await log.until('end', 2);
          assert.equal(log.count('begin'), 2, 'those that waited were not made');
        });
      }
    });
  });

  describe('the port, told by somebody else,', () => {
    for (const [message, expected] of /** @type {[string, 'error' | 'nothing'][]} */ ([
      ['undefined', 'error'],
      ['null', 'error'],
      ['0', 'error'],
      ['"exchange"', 'error'],
      ['[]', 'error'],
      ['{}', 'error'],
      ['new Map()', 'error'],
      ['new Uint8Array([1, 2, 3])', 'error'],
      ['new ArrayBuffer(8)', 'error'],
      ['["what"]', 'error'],
      ['[{}]', 'error'],
      ['[1]', 'error'],
      ['[1, "address"]', 'error'],
      ['[1, "address", 1e9, "main"]', 'error'],
      ['[1, "address", 2 ** 30, "worker"]', 'error'],
      ['[1, "address", -1, "main"]', 'error'],
      ['[1, "address", "64", "main"]', 'error'],
      ['[1, "address", { byteLength: 2 ** 30 }, "main"]', 'error'],
      ['[1, "address", { length: 2 ** 30 }, "worker"]', 'error'],
      ['[1, "address", [1, 2, 3], "main"]', 'error'],
      ['[1, "address", new Uint8Array(8), "main"]', 'error'],
      ['[1, "address", new DataView(new ArrayBuffer(8)), "worker"]', 'error'],
      ['[1, "address", new SharedArrayBuffer(8), "main"]', 'error'],
      ['[1, "nobody", new ArrayBuffer(64), "main"]', 'error'],
      ['[1, {}, new ArrayBuffer(64), "main"]', 'error'],
      ['[1, ["address"], new ArrayBuffer(64), "worker"]', 'error'],
      ['[1, "constructor", new ArrayBuffer(64), "worker"]', 'error'],
      ['[1, "__proto__", new ArrayBuffer(64), "main"]', 'error'],
      ['[1, "address", new ArrayBuffer(3), "worker", {}]', 'error'],
      ['[1, "address", new ArrayBuffer(8, { maxByteLength: 64 }), "worker"]', 'error'],
      ['["share", 1, new ArrayBuffer(64)]', 'error'],
      ['["share", 1, 1e9]', 'error'],
      ['["share"]', 'error'],
      ['["abort"]', 'nothing'],
      ['["abort", 99]', 'nothing'],
      ['["abort", {}]', 'nothing'],
      ['["free", 99]', 'nothing'],
      ['["share", {}, new SharedArrayBuffer(8)]', 'nothing'],
    ])) {
      it(`${message} gives ${expected === 'error' ? 'an error' : 'no answer'}, and it goes on`, async () => {
        const [answer, next] = await page.evaluate(`(async () => {
            const { say, next } = rawPort();
            say(${message});
            say([7, 'default', new ArrayBuffer(128), 'main']);
            return [await next(), await Promise.race([next(), new Promise((resolve) => setTimeout(resolve, 50))])];
          })()`);
        const [good, bad] = answer[0] === 7 ? [answer, next] : [next, answer];
        if (expected === 'error') {
          assert.equal(bad[2], -1);
          assert.ok(bad[3].message.length > 10);
          assert.match(bad[3].fields.code, /^ERR_/);
        } else assert.equal(bad, undefined);
        assert.deepEqual([good[0], good[2] > 0, good[3]], [7, true, undefined]);
      });
    }
  });
});

describe('a page that is not cross-origin isolated', () => {
  for (const [features, url, shares] of /** @type {[string, string, boolean][]} */ ([
    ['', 'app://plain/', false],
    ['', 'file', false],
    ['SharedArrayBuffer', 'app://plain/', true],
    ['SharedArrayBuffer', 'file', true],
  ])) {
    it(`${url} --enable-features=${features}: exchanges; shared memory ${shares ? 'works' : 'is refused, and what to set is said'}`, async () => {
      const opened = await launch({ FIXTURE_FEATURES: features });
      try {
        const page = await openPage(opened, url);
        assert.equal(await page.evaluate(() => crossOriginIsolated), false);
        await connect(page);
        const outcomes = await page.evaluate(
          async (size) => ({
            exchange: await outcome(() => link.exchange(new Uint8Array(64), { library: 'address' })),
            allocate: await outcome(() => link.allocate(size)),
            shared: await outcome(() => ({ length: link.shared(64, { library: 'address' }).exchange() })),
            garbage: await (async () => {
              const error = await outcome(() => link.exchange(new Uint8Array(3), { library: 'nobody' }));
              return error.code;
            })(),
          }),
          SHARED_FROM,
        );
        assert.equal(outcomes.exchange, 64);
        assert.equal(outcomes.garbage, 'ERR_LIBRARY_UNKNOWN');
        if (shares) {
          assert.deepEqual([outcomes.allocate, outcomes.shared], [SHARED_FROM, 64]);
        } else {
          assert.deepEqual([outcomes.allocate.code, outcomes.shared.code], ['ERR_NOT_ISOLATED', 'ERR_NOT_ISOLATED']);
          assert.match(outcomes.shared.message, /Cross-Origin-Opener-Policy.*--enable-features=SharedArrayBuffer/);
        }
      } finally {
        await opened.app.close();
      }
    });
  }
});

describe('a page from a dev server', () => {
  it('that sends the two headers is isolated, and shares memory', async () => {
    const files = new Map([
      ['/', ['tests/fixtures/isolated/page.html', 'text/html']],
      ['/connect.mjs', ['lib/page.mjs', 'text/javascript']],
    ]);
    const server = http.createServer(({ url = '' }, response) => {
      const [file = 'package.json', type = 'text/plain'] = files.get(url) ?? [];
      response.setHeader('Content-Type', type);
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
      response.end(fs.readFileSync(path.join(import.meta.dirname, '..', '..', file)));
    });
    await new Promise((resolve) => server.listen(0, 'localhost', () => resolve(undefined)));
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    const origin = `http://localhost:${port}`;
    const opened = await launch({ FIXTURE_ORIGIN: origin });
    try {
      const page = await openPage(opened, `${origin}/`);
      assert.equal(await page.evaluate(() => crossOriginIsolated), true);
      await connect(page);
      assert.equal(await page.evaluate(() => link.shared(64, { library: 'address' }).exchange()), 64);
    } finally {
      await opened.app.close();
      server.close();
    }
  });
});
