// frames() in isolated windows: order, back-pressure, and how they end.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { appForAll, connect, facts, launch, link, outcome } from '../support/page-api.mjs';

const { differs } = createRequire(import.meta.url)('../support/differences.js');

const require = createRequire(import.meta.url);
const { FOR_EVER, cameraLog } = require('../support/fixtures.js');

/** @typedef {import('../support/page-api.mjs').Opened} Opened */

const MiB = 1024 * 1024;
const SHARED_FROM = 64 * MiB;

describe('frames', () => {
  /** @type {import('playwright-core').Page} */
  let page;
  appForAll((app) => {
    page = app.page;
  });

  beforeEach(() => connect(page));

  it('come in order, each with its request, from as many buffers as the depth', async () => {
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
    if (!differs('address')) assert.equal(seen.memory, 4);
  });

  it('are not filled again before the consumer requests the next one', async () => {
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

  it('are detached when the next one is requested, unless they are kept', async () => {
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
    if (!differs('address'))
      assert.ok(seen.memory >= 4, `${seen.memory} different memories: a kept one is not filled again`);
  });

  it('that are transferred elsewhere are replaced, by recycled memory before any is allocated', async () => {
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
    it(`of ${byteLength} bytes can be recycled while they are the current one`, async () => {
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
      assert.equal(seen.frames, 12);
      if (!differs('address')) assert.equal(seen.memories, 4);
    });
  }

  it('continue when recycled memory is transferred elsewhere', async () => {
    const count = await page.evaluate(async () => {
      let count = 0;
      const stream = link.frames({ byteLength: 64, library: 'address' });
      for await (const frame of stream) {
        const transferred = structuredClone(frame, { transfer: [frame.buffer] });
        stream.recycle(transferred);
        structuredClone(transferred, { transfer: [transferred.buffer] });
        if (++count === 10) break;
      }
      return count;
    });
    assert.equal(count, 10);
  });

  it('of a dropped stream are collected, although their signal lives on', async () => {
    const held = await page.evaluate(async () => {
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
    assert.ok(held <= 3, `${held} of 30 are held`);
  });

  for (const [shared, size, expected] of /** @type {[boolean | undefined, number, string][]} */ ([
    [undefined, 64, 'ArrayBuffer'],
    [false, 64, 'ArrayBuffer'],
    [true, 64, 'SharedArrayBuffer'],
    [undefined, SHARED_FROM, 'SharedArrayBuffer'],
    [false, SHARED_FROM, 'ArrayBuffer'],
    [true, SHARED_FROM, 'SharedArrayBuffer'],
  ]))
    it(`of ${size} bytes with shared: ${shared} are in a ${expected}`, async () => {
      const seen = await page.evaluate(
        async ({ shared, byteLength }) => {
          const kinds = new Set();
          let count = 0;
          for await (const frame of link.frames({ byteLength, shared, library: 'address', depth: 2 })) {
            kinds.add(frame.buffer.constructor.name);
            if (++count === 6) break;
          }
          return [...kinds];
        },
        { shared, byteLength: size },
      );
      assert.deepEqual(seen, [expected]);
    });

  it('of 64 MiB and more are shared memory, and can be kept', async () => {
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
    if (!differs('address')) assert.equal(seen.memories, 3);
  });

  it('end on abort although later ones are filled', async () => {
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

  it('end with the first error, after the frames before it', async () => {
    const seen = await page.evaluate(async () => {
      let count = 0;
      const after = [];
      try {
        for await (const frame of link.frames({
          byteLength: 64,
          library: 'uppercase-c',
          request(bytes, index) {
            if (index === 5) structuredClone(bytes, { transfer: [bytes.buffer] }); // so that it cannot be lent
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

  it('end with what `request` throws', async () => {
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

  it('end with the first error when all fail, without an unhandled rejection', async () => {
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
    ['{ byteLength: 64, shared: 1 }', 'ERR_INVALID_ARG_TYPE'],
    ['{ byteLength: 64, request: 7 }', 'ERR_INVALID_ARG_TYPE'],
    ['{ byteLength: 64, signal: 7 }', 'ERR_INVALID_ARG_TYPE'],
    ['{ byteLength: 64, library: 7 }', 'ERR_INVALID_ARG_TYPE'],
  ])) {
    it(`(${args}) throws ${code} at once`, async () => {
      assert.equal((await page.evaluate(`outcome(() => link.frames(${args}))`)).code, code);
    });
  }

  it('recycle() refuses other memory', async () => {
    const codes = await page.evaluate(() =>
      Promise.all(
        [new Uint8Array(63), 7, undefined, new ArrayBuffer(65)].map((memory) =>
          outcome(() => link.frames({ byteLength: 64 }).recycle(/** @type {any} */ (memory))).then(({ code }) => code),
        ),
      ),
    );
    assert.deepEqual(codes, ['ERR_OUT_OF_RANGE', 'ERR_INVALID_BUFFER', 'ERR_INVALID_BUFFER', 'ERR_OUT_OF_RANGE']);
  });

  describe('of a slow library', () => {
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

    it('end on break: the running exchange is cancelled, the queued ones are not made', async () => {
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
      // Queued behind the cancelled ones.
      await other.page.evaluate(() => link.exchange(new Uint8Array(64), { library: 'camera' }));
      assert.equal(log.count('end'), log.count('begin'));
      assert.ok(log.count('begin') <= 3);
    });

    for (const library of ['camera', 'camera-deaf']) {
      it(`${library}: end on abort, immediately`, async () => {
        await start(library, library === 'camera' ? FOR_EVER : 6000);
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
        assert.equal(log.count('begin'), 2, 'the queued ones were not made');
      });
    }
  });
});
