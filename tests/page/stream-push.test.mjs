// Streams of a library that makes the messages by itself, with exchange_stream.

import assert from 'node:assert/strict';
import { appForAll, connect, facts, link } from '../support/page-api.mjs';

/** @typedef {{ count: number, missed: number, length: number }} Message */

/** @type {typeof import('../../lib/stream.mjs').open} */
const open = /** @type {any} */ (globalThis).open;
/** @type {(...numbers: number[]) => Uint8Array} */
const request = /** @type {any} */ (globalThis).request;
/** @type {(reader: import('../../lib/types/stream.mjs').Reader, count: number) => Promise<Message[]>} */
const take = /** @type {any} */ (globalThis).take;

describe('a stream that the library pushes', () => {
  /** @type {import('playwright-core').Page} */
  let page;
  appForAll((app) => {
    page = app.page;
  });

  beforeEach(async () => {
    await connect(page);
    await page.evaluate(async () => {
      const { open } = await import(/** @type {any} */ ('/lib/stream.mjs'));
      Object.assign(globalThis, {
        open,
        request: (/** @type {number[]} */ ...numbers) => new Uint8Array(Uint32Array.from(numbers).buffer),
        async take(/** @type {import('../../lib/types/stream.mjs').Reader} */ reader, /** @type {number} */ count) {
          const taken = [];
          while (taken.length < count) {
            const slot = reader.next();
            if (!slot) {
              await new Promise((resolve) => setTimeout(resolve, 1));
              continue;
            }
            const [number, missed] = new Uint32Array(slot.bytes.buffer, slot.bytes.byteOffset, 2);
            if (slot.bytes.subarray(8, slot.length).some((byte) => byte !== (number & 255))) throw new Error('torn');
            taken.push({ count: number, missed, length: slot.length });
            slot.release();
          }
          return taken;
        },
      });
    });
  });

  for (const library of ['pushes', 'pushes-concurrent', 'sdk-pushes', 'sdk-cc-pushes'])
    it(`has all messages of ${library}, from its own thread, until it is stopped`, async () => {
      const seen = await page.evaluate(async (library) => {
        const { memory, ended, stop } = link.stream({ byteLength: 64, slots: 32, library });
        const reader = open(memory);
        const messages = await take(reader, 1000);
        await stop();
        return { counts: messages.map(({ count }) => count), ended: await ended, state: reader.state };
      }, library);
      assert.deepEqual(
        seen.counts,
        Array.from({ length: 1000 }, (_, index) => index + 1),
      );
      assert.deepEqual([seen.ended, seen.state], [undefined, 'ended']);
    });

  for (const library of ['pushes', 'sdk-pushes', 'sdk-cc-pushes'])
    it(`ends when ${library} has no more, and fails when it says so`, async () => {
      const seen = await page.evaluate(async (library) => {
        const done = link.stream({ byteLength: 64, library, input: request(0, 3) });
        await done.ended;
        const reader = open(done.memory);
        const failed = link.stream({ byteLength: 64, library, input: request(1, 2) });
        const error = await failed.ended.catch(facts);
        const [waiting, state] = [open(failed.memory).waiting, open(failed.memory).state];
        return { messages: await take(reader, 3), left: reader.waiting, ended: reader.state, error, waiting, state };
      }, library);
      assert.deepEqual([seen.messages.map(({ count }) => count), seen.left, seen.ended], [[1, 2, 3], 0, 'ended']);
      assert.deepEqual(
        [seen.error.code, seen.error.fields.status, seen.error.fields.words],
        ['ERR_LIBRARY_FAILED', -7, 'the engine is out of fuel'],
      );
      assert.deepEqual([seen.waiting, seen.state], [2, 'failed']);
    });

  it('hands over nothing that is too long, or that was not acquired', async () => {
    const error = await page.evaluate(() =>
      link.stream({ byteLength: 64, library: 'pushes', input: request(2, 0) }).ended.catch(facts),
    );
    assert.equal(error.fields.status, -102);
  });

  for (const library of ['pushes', 'sdk-pushes', 'sdk-cc-pushes'])
    it(`lets the driver of ${library} go on where there is no slot, and drops what it is told to`, async () => {
      const seen = await page.evaluate(async (library) => {
        const run = async (/** @type {'wait' | 'drop-newest'} */ policy) => {
          const { memory, stop } = link.stream({ byteLength: 64, library, input: request(3, 0), policy });
          const reader = open(memory);
          await new Promise((resolve) => setTimeout(resolve, 50));
          const messages = await take(reader, 20);
          await stop();
          return { counts: messages.map(({ count }) => count), missed: messages[19].missed, dropped: reader.dropped };
        };
        return [await run('wait'), await run('drop-newest')];
      }, library);
      const [waits, drops] = seen;
      assert.deepEqual(
        waits.counts,
        Array.from({ length: 20 }, (_, index) => index + 1),
      );
      assert.ok(waits.missed > 0 && waits.dropped === 0);
      assert.ok(drops.missed === 0 && drops.dropped > 0);
      assert.deepEqual(drops.counts.slice(0, 4), [1, 2, 3, 4]);
    });

  for (const [library, words, status] of /** @type {const} */ ([
    ['sdk-pushes', 'the library panicked: the engine is on fire', -3],
    ['sdk-cc-pushes', 'the engine is on fire', -1],
  ]))
    it(`of ${library} fails with words when that panics or throws, or sends too much, and can begin again`, async () => {
      const seen = await page.evaluate(async (library) => {
        const died = link.stream({ byteLength: 64, library, input: request(4, 2) });
        const errors = [await died.ended.catch(facts)];
        errors.push(await link.stream({ byteLength: 64, library, input: request(2, 0) }).ended.catch(facts));
        const after = link.stream({ byteLength: 64, library, input: request(0, 3) });
        await after.ended;
        return {
          errors: errors.map(({ fields }) => [fields.status, fields.words]),
          messages: await take(open(died.memory), 2),
          waiting: [open(died.memory).waiting, open(after.memory).waiting],
          call: (await link.exchange(new Uint8Array(64), { library })).length,
        };
      }, library);
      assert.deepEqual(seen.errors, [
        [status, words],
        [-1, 'the message needs 65 bytes'],
      ]);
      assert.deepEqual(
        seen.messages.map(({ count }) => count),
        [1, 2],
      );
      assert.deepEqual([seen.waiting, seen.call], [[0, 3], 64]);
    });

  for (const library of ['meter', 'meter-pushes'])
    it(`is what the guide's ${library} makes`, async () => {
      const messages = await page.evaluate(async (library) => {
        const { memory, ended, stop } = link.stream({ byteLength: 64, library });
        const taken = await take(open(memory), 5);
        await stop();
        await ended;
        return taken.map(({ count, length }) => [count, length]);
      }, library);
      assert.deepEqual(
        messages,
        [1, 2, 3, 4, 5].map((count) => [count, 4]),
      );
    });

  it('of a library in C++ takes no message twice', async () => {
    const error = await page.evaluate(() =>
      link.stream({ byteLength: 64, library: 'sdk-cc-pushes', input: request(5, 1) }).ended.catch(facts),
    );
    assert.equal(error.fields.words, 'the host has not taken a message');
  });

  it('has a library that takes one call at a time to itself, and leaves it to others afterwards', async () => {
    const seen = await page.evaluate(async () => {
      const codes = [];
      for (const library of ['pushes', 'pushes-concurrent']) {
        const { memory, stop } = link.stream({ byteLength: 64, library });
        const reader = open(memory);
        await take(reader, 1);
        const calls = [
          () => link.exchange(new Uint8Array(64), { library }),
          () => link.exchange(new Uint8Array(64), { library, thread: 'main' }),
          () => {
            const other = link.stream({ byteLength: 64, library });
            setTimeout(other.stop, 50);
            return other.ended;
          },
        ];
        for (const call of calls)
          codes.push(
            await call().then(
              () => 'done',
              (error) => error.code,
            ),
          );
        await stop();
        codes.push((await link.exchange(new Uint8Array(64), { library })).length);
      }
      return codes;
    });
    const busy = 'ERR_LIBRARY_BUSY';
    assert.deepEqual(seen, [busy, busy, busy, 64, 'done', 'done', 'done', 64]);
  });

  it('is called once in a process of its own as well', async () => {
    const seen = await page.evaluate(async () => {
      const { memory, ended, stop } = link.stream({ byteLength: 64, slots: 32, library: 'own-pushes' });
      const messages = await take(open(memory), 1000);
      const busy = await link.exchange(new Uint8Array(64), { library: 'own-pushes' }).catch(facts);
      await stop();
      const call = await link.exchange(new Uint8Array(64), { library: 'own-pushes' });
      const failed = link.stream({ byteLength: 64, library: 'own-pushes', input: request(1, 2) });
      const error = await failed.ended.catch(facts);
      return { counts: messages.map(({ count }) => count), busy, call: call.length, ended: await ended, error };
    });
    assert.deepEqual(
      seen.counts,
      Array.from({ length: 1000 }, (_, index) => index + 1),
    );
    assert.deepEqual([seen.busy.code, seen.call, seen.ended], ['ERR_LIBRARY_BUSY', 64, undefined]);
    assert.deepEqual([seen.error.fields.status, seen.error.fields.words], [-7, 'the engine is out of fuel']);
  });
});
