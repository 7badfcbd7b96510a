// stream() and its reader in isolated windows: messages, policies, errors, and how a stream ends.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { appForAll, connect, facts, link, openPage } from '../support/page-api.mjs';

const { differs } = createRequire(import.meta.url)('../support/differences.js');

/** @import { Reader, Slot } from '../../lib/types/stream.mjs' */
/** @typedef {import('../support/page-api.mjs').Opened} Opened */

/**
 * Defined in the page below.
 * @type {{
 *   open: typeof import('../../lib/stream.mjs').open,
 *   sleep(ms: number): Promise<void>,
 *   until(is: () => unknown): Promise<void>,
 *   take(reader: Reader, count: number): Promise<{ count: number, sequence: number, length: number, thread: number }[]>,
 *   request(microseconds: number, failsAt?: number): Uint8Array,
 *   worker(body: string): Worker,
 *   said(worker: Worker): Promise<any>,
 * }}
 */
const { open, sleep, until, take, request, worker, said } = /** @type {any} */ (globalThis);

describe('stream', () => {
  /** @type {Opened} */
  let opened;
  /** @type {import('playwright-core').Page} */
  let page;
  appForAll((app) => {
    opened = app;
    page = app.page;
  });

  beforeEach(async () => {
    await connect(page);
    await page.evaluate(async () => {
      const { open } = await import(/** @type {any} */ ('/lib/stream.mjs'));
      const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));
      const until = async (/** @type {() => unknown} */ is) => {
        while (!is()) await sleep(1);
      };
      const words = (/** @type {Uint8Array} */ bytes) => new DataView(bytes.buffer, bytes.byteOffset);
      Object.assign(globalThis, {
        open,
        sleep,
        until,
        async take(/** @type {Reader} */ reader, /** @type {number} */ count) {
          const taken = [];
          while (taken.length < count) {
            const slot = reader.next();
            if (!slot) {
              await sleep(1);
              continue;
            }
            const { bytes, sequence, length } = slot;
            const number = words(bytes).getUint32(0, true);
            if (bytes.subarray(8, length).some((byte) => byte !== (number & 255))) throw new Error('torn');
            taken.push({ count: number, sequence, length, thread: words(bytes).getUint32(4, true) });
            slot.release();
          }
          return taken;
        },
        request: (/** @type {number[]} */ ...numbers) =>
          new Uint8Array(new Uint32Array(numbers.length === 1 ? [...numbers, 0] : numbers).buffer),
        worker: (/** @type {string} */ body) =>
          new Worker(
            URL.createObjectURL(
              new Blob([`import { open } from '${location.origin}/lib/stream.mjs';\n${body}`], {
                type: 'text/javascript',
              }),
            ),
            { type: 'module' },
          ),
        said: (/** @type {Worker} */ worker) =>
          new Promise((resolve, reject) => {
            worker.onmessage = ({ data }) => resolve(data);
            worker.onerror = ({ message }) => reject(new Error(message));
          }),
      });
    });
  });

  for (const library of ['counter', 'counter-concurrent', 'own-counter', 'own-counter-concurrent'])
    it(`brings the messages of ${library} in order, each as the library has written it`, async () => {
      const seen = await page.evaluate(async (library) => {
        const { memory, ended, stop } = link.stream({ byteLength: 100, library, slots: 64 });
        const reader = open(memory);
        const before = performance.timeOrigin + performance.now();
        await until(() => reader.waiting > 0);
        const messages = await take(reader, 5000);
        await until(() => reader.waiting === 64);
        const slot = /** @type {Slot} */ (reader.next());
        const late = [slot.timestamp - before, performance.timeOrigin + performance.now() - slot.timestamp];
        const waiting = reader.waiting;
        await stop();
        return { messages, late, waiting, ended: await ended, state: reader.state, dropped: reader.dropped };
      }, library);
      for (const [index, { count, sequence, length, thread }] of seen.messages.entries()) {
        assert.deepEqual({ count, sequence, length }, { count: index + 1, sequence: index, length: 100 });
        assert.equal(thread, seen.messages[0].thread, 'one thread');
      }
      for (const ms of seen.late) assert.ok(ms > -1 && ms < 10_000, String(ms));
      assert.equal(seen.waiting, 63, 'the ring is full but for the slot that is held');
      assert.deepEqual([seen.state, seen.dropped], ['ended', 0]);
    });

  it('stops calling the library when the ring is full, and leaves a slot alone until it is released', async () => {
    const seen = await page.evaluate(async () => {
      const stream = link.stream({ byteLength: 16, library: 'counter', slots: 3 });
      const reader = open(stream.memory);
      await until(() => reader.waiting === 3);
      const held = /** @type {Slot} */ (reader.next());
      const before = held.bytes.slice();
      const others = await take(reader, 100);
      const after = held.bytes.slice();
      const { bytes } = held;
      held.release();
      const next = await take(reader, 10);
      await stream.stop();
      return { before: [...before], after: [...after], others, next, isOne: bytes === held.bytes };
    });
    assert.deepEqual(seen.after, seen.before);
    assert.deepEqual(
      [...seen.others, ...seen.next].map(({ count }) => count),
      Array.from({ length: 110 }, (_, index) => index + 2),
    );
    assert.ok(seen.isOne);
  });

  it('drops what is old, or what is new, if it is told to', async () => {
    const [oldest, newest] = await page.evaluate(async () => {
      const run = async (/** @type {'drop-oldest' | 'drop-newest'} */ policy) => {
        const stream = link.stream({ byteLength: 16, library: 'counter', policy, input: request(500) });
        const reader = open(stream.memory);
        await until(() => reader.dropped > 20);
        await stream.stop();
        const messages = await take(reader, reader.waiting);
        return { messages, dropped: reader.dropped };
      };
      return [await run('drop-oldest'), await run('drop-newest')];
    });
    const counts = (/** @type {typeof oldest} */ { messages }) => messages.map(({ count }) => count);
    const first = oldest.dropped + 1;
    const { length } = oldest.messages;
    assert.ok(length === 3 || length === 4, `${length}, while the fourth slot was being filled, or was filled`);
    assert.deepEqual(
      counts(oldest),
      Array.from({ length }, (_, index) => first + index),
    );
    const [begin] = counts(newest);
    assert.deepEqual(counts(newest), [begin, begin + 1, begin + 2, begin + 3]);
    assert.deepEqual(
      newest.messages.map(({ sequence }) => sequence),
      [0, 1, 2, 3],
    );
  });

  it('has the latest message, and gives those before it back', async () => {
    const seen = await page.evaluate(async () => {
      const stream = link.stream({ byteLength: 16, library: 'counter', slots: 5 });
      const reader = open(stream.memory);
      await until(() => reader.waiting === 5);
      const slot = /** @type {Slot} */ (reader.latest());
      const first = slot.sequence;
      await until(() => reader.waiting === 4);
      slot.release();
      await until(() => reader.waiting === 5);
      const next = /** @type {Slot} */ (reader.next());
      const second = next.sequence;
      next.release();
      await stream.stop();
      reader.latest()?.release();
      return [first, second, reader.latest(), reader.next()];
    });
    assert.deepEqual(seen, [4, 5, undefined, undefined]);
  });

  it('fails with the error of the library, and what was filled before can still be read', async () => {
    const seen = await page.evaluate(async () => {
      const run = async (/** @type {any} */ options) => {
        const { memory, ended } = link.stream({ byteLength: 16, ...options });
        const reader = open(memory);
        const error = await ended.then(() => undefined, facts);
        return { error, state: reader.state, waiting: reader.waiting };
      };
      return [
        await run({ library: 'counter', input: request(0, 3) }),
        await run({ library: 'too-small' }),
        await run({ library: 'int64-max' }),
        await run({ library: 'missing' }),
        await run({ library: 'nobody' }),
        await run({ library: 'uppercase-c', operation: 'upper' }),
        await run({ library: 'wrapped-alone' }),
      ];
    });
    const [failed, small, count, missing, unknown, operation, alone] = seen;
    assert.deepEqual([failed.error.code, failed.error.fields.words], ['ERR_LIBRARY_FAILED', 'that is enough']);
    assert.deepEqual([failed.state, failed.waiting], ['failed', 2]);
    for (const { state } of seen) assert.equal(state, 'failed', 'also where nothing was ever called');
    assert.equal(small.error.code, 'ERR_BUFFER_TOO_SMALL');
    assert.ok(small.error.fields.required > 16);
    assert.equal(count.error.code, 'ERR_LIBRARY_COUNT');
    assert.equal(missing.error.code, 'ERR_LIBRARY_NOT_FOUND');
    assert.equal(unknown.error.code, 'ERR_LIBRARY_UNKNOWN');
    assert.equal(operation.error.code, 'ERR_OPERATION_UNKNOWN');
    assert.equal(alone.error.code, 'ERR_OPERATION_UNKNOWN');
  });

  for (const library of ['counter', 'own-counter'])
    it(`of ${library} ends by stop(), by its signal and by its reader, also while the library works`, async () => {
      const seen = await page.evaluate(async (library) => {
        const results = [];
        for (const microseconds of [0, 60_000_000]) {
          const options = { byteLength: 16, library, input: request(microseconds) };
          const begin = performance.now();
          const stopped = link.stream(options);
          await sleep(20);
          await Promise.all([stopped.stop(), stopped.stop()]);
          results.push(await stopped.ended);
          const controller = new AbortController();
          const aborted = link.stream({ ...options, signal: controller.signal });
          await sleep(20);
          controller.abort(new Error('enough'));
          results.push(await aborted.ended.then(() => undefined, facts));
          const closed = link.stream(options);
          const reader = open(closed.memory);
          await sleep(20);
          reader.close();
          reader.close();
          results.push(await closed.ended, reader.next(), reader.state);
          results.push(performance.now() - begin < 5000);
        }
        return results;
      }, library);
      for (const [stopped, aborted, closed, next, state, quick] of [seen.slice(0, 6), seen.slice(6)]) {
        assert.deepEqual([stopped, closed, next, state, quick], [undefined, undefined, undefined, 'ended', true]);
        assert.deepEqual([aborted.code, aborted.cause], ['ABORT_ERR', 'enough']);
      }
    });

  for (const library of ['counter', 'own-counter'])
    it(`leaves ${library}, which takes one call at a time, to others in between, on the same thread`, async () => {
      const seen = await page.evaluate(async (library) => {
        const options = { byteLength: 16, library };
        const streams = [link.stream(options), link.stream(options)];
        const readers = streams.map(({ memory }) => open(memory));
        const threads = new Set();
        for (let round = 0; round < 50; round++) {
          for (const reader of readers) for (const { thread } of await take(reader, 10)) threads.add(thread);
          const bytes = await link.exchange(new Uint8Array(16), { library });
          threads.add(new DataView(bytes.buffer).getUint32(4, true));
        }
        await Promise.all(streams.map(({ stop }) => stop()));
        return threads.size;
      }, library);
      assert.equal(seen, 1);
    });

  it('is read by a Worker, also while the main thread does nothing else', async () => {
    const seen = await page.evaluate(async () => {
      const reading = worker(`onmessage = ({ data }) => {
        const reader = open(data);
        const late = [];
        const begin = performance.now();
        for (let sequence = 0; sequence < 300; sequence++) {
          if (!reader.wait(5000)) throw new Error('nothing came');
          const slot = reader.next();
          late.push(performance.timeOrigin + performance.now() - slot.timestamp);
          if (slot.sequence !== sequence) throw new Error('out of order: ' + slot.sequence);
          slot.release();
        }
        reader.close();
        const waited = reader.wait(10);
        late.sort((a, b) => a - b);
        postMessage({ late: late[150], took: performance.now() - begin, waited });
      }`);
      const answer = said(reading);
      const { memory, ended } = link.stream({ byteLength: 64, library: 'counter', input: request(1000) });
      reading.postMessage(memory);
      await sleep(100); // the Worker has started
      const until = performance.now() + 600;
      while (performance.now() < until);
      const { late, took, waited } = await answer;
      await ended;
      return { late, took, waited };
    });
    assert.ok(seen.late < 20, `${seen.late} ms late`);
    assert.equal(seen.waited, false);
  });

  it('ends with the Worker that reads it, and not if another one has taken over', async () => {
    const seen = await page.evaluate(async () => {
      const read = `onmessage = ({ data }) => {
        const reader = open(data);
        reader.wait(1000);
        const slot = reader.next();
        setTimeout(() => postMessage(slot.sequence), 50);
      }`;
      const { memory, ended } = link.stream({ byteLength: 64, library: 'counter' });
      const first = worker(read);
      first.postMessage(memory);
      const held = [await said(first)];
      const second = worker(read);
      second.postMessage(memory);
      held.push(await said(second));
      first.terminate();
      const still = await Promise.race([ended.then(() => 'ended'), sleep(300).then(() => 'running')]);
      second.terminate();
      const begin = performance.now();
      await ended;
      return { held, still, ms: performance.now() - begin };
    });
    assert.deepEqual(seen.held, [0, 1]);
    assert.equal(seen.still, 'running');
    assert.ok(seen.ms < 2000, String(seen.ms));
  });

  it('is read by an AudioWorklet', async () => {
    const seen = await page.evaluate(async () => {
      const stream = link.stream({ byteLength: 512, library: 'counter', slots: 16 });
      const body = `import { open } from '${location.origin}/lib/stream.mjs';
        registerProcessor('reads', class extends AudioWorkletProcessor {
          constructor({ processorOptions }) { super(); this.reader = open(processorOptions); this.last = -1; this.wrong = 0; }
          process() {
            const slot = this.reader.next();
            if (slot) {
              if (slot.sequence !== this.last + 1) this.wrong += 1;
              this.last = slot.sequence;
              slot.release();
            }
            if (this.last >= 100) this.port.postMessage([this.last, this.wrong]);
            return this.last < 100;
          }
        });`;
      const context = new OfflineAudioContext(1, 128 * 4000, 48_000);
      await context.audioWorklet.addModule(URL.createObjectURL(new Blob([body], { type: 'text/javascript' })));
      const node = new AudioWorkletNode(context, 'reads', { processorOptions: stream.memory });
      node.connect(context.destination);
      const answer = new Promise((resolve) => {
        node.port.onmessage = ({ data }) => resolve(data);
      });
      context.startRendering();
      const result = await answer;
      await stream.stop();
      return result;
    });
    assert.deepEqual(seen, [100, 0]);
  });

  it('goes on with a new reader, which gets what the earlier one has not taken, and what it holds', async () => {
    const seen = await page.evaluate(async () => {
      const stream = link.stream({ byteLength: 16, library: 'counter', slots: 3 });
      const first = open(stream.memory);
      await until(() => first.waiting === 3);
      const held = /** @type {Slot} */ (first.next());
      const second = open(stream.memory);
      await until(() => second.waiting === 3); // the slot that was held is filled again
      const before = [first.next(), first.latest(), first.wait(0)];
      held.release(); // too late
      first.close(); // nor does that end it
      const messages = await take(second, 20);
      await stream.stop();
      return { before, sequences: messages.map(({ sequence }) => sequence), state: first.state };
    });
    assert.deepEqual(seen.before, [undefined, undefined, false]);
    assert.deepEqual(
      seen.sequences,
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
  });

  it('refuses options that make no stream, and memory that is none', async () => {
    const seen = await page.evaluate(async () => {
      const code = (/** @type {() => unknown} */ call) => {
        try {
          call();
          return 'none';
        } catch (error) {
          return facts(error).code;
        }
      };
      const options = { byteLength: 16, library: 'counter' };
      const detached = new Uint8Array(8);
      structuredClone(detached.buffer, { transfer: [detached.buffer] });
      const wrong = [
        { byteLength: 0 },
        { byteLength: -1 },
        { byteLength: 2 ** 31 },
        { byteLength: 1.5 },
        { slots: 1 },
        { slots: 1025 },
        { slots: Number.NaN },
        { policy: 'drop' },
        { input: 'text' },
        { input: detached },
        { input: Object.create(Uint8Array.prototype) },
        { input: new Proxy(new Uint8Array(8), {}) },
        { input: new Uint8Array(17) },
        { library: 1 },
        { signal: {} },
      ];
      const codes = wrong.map((one) => code(() => link.stream(/** @type {any} */ ({ ...options, ...one }))));
      const { memory, stop } = link.stream(options);
      await stop();
      const copies = [0, 4, 8, 12, 16, 20, 24].map((at) => {
        const copy = new SharedArrayBuffer(memory.byteLength);
        new Uint8Array(copy).set(new Uint8Array(memory));
        new Int32Array(copy)[at / 4] ^= 0x4000_0001;
        return code(() => open(copy));
      });
      const short = new SharedArrayBuffer(4096);
      new Uint8Array(short).set(new Uint8Array(memory, 0, 4096));
      const memories = [short, new SharedArrayBuffer(8), new ArrayBuffer(8192), undefined, 1].map((memory) =>
        code(() => open(/** @type {any} */ (memory))),
      );
      return { codes, copies, memories };
    });
    const [range, type, value] = ['ERR_OUT_OF_RANGE', 'ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE'];
    assert.deepEqual(seen.codes, [...Array(7).fill(range), value, type, type, type, type, range, type, type]);
    for (const code of [...seen.copies, ...seen.memories]) assert.equal(code, 'ERR_STREAM_LAYOUT');
  });

  it('needs a page that may share memory', async () => {
    const plain = await openPage(opened, 'app://plain/');
    await connect(plain);
    const code = await plain.evaluate(async () => {
      try {
        link.stream({ byteLength: 16 });
      } catch (error) {
        return facts(error).code;
      }
    });
    await plain.close();
    assert.equal(code, 'ERR_NOT_ISOLATED');
  });

  it('of a library in a process of its own fails when that crashes', async function () {
    if (differs('own-crash')) this.skip();
    const seen = await page.evaluate(async () => {
      const { memory, ended } = link.stream({ byteLength: 64, library: 'own-crash' });
      const reader = open(memory);
      const error = await ended.then(() => undefined, facts);
      const again = link.stream({ byteLength: 64, library: 'own-crash' });
      await again.ended.catch(() => {});
      return { error, state: reader.state, waiting: reader.waiting };
    });
    assert.deepEqual([seen.error.code, seen.error.fields.signal], ['ERR_LIBRARY_CRASHED', 'SIGSEGV']);
    assert.deepEqual([seen.state, seen.waiting], ['failed', 1]);
  });
});
