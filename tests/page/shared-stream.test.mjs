// Streams of a library that several windows share: each message is made once, and is in the ring of each window.

import assert from 'node:assert/strict';
import { connect, launch, link, openPage } from '../support/page-api.mjs';

const onLinux = process.platform === 'linux' ? describe : describe.skip;

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {Parameters<import('../../lib/types/page.mjs').Exchange['stream']>[0]} Options */

/** Of all windows: begins a stream, which the others join, and reads it until it is stopped. */
const READ = {
  byteLength: 1 << 18, // with its slots, the memory is large enough to be mapped
  slots: 8,
};

/** @param {Page} page @param {{ library: string, policy?: Options['policy'] }} options */
const begin = (page, options) =>
  page.evaluate(
    async (options) => {
      const { open } = await import(/** @type {any} */ ('/lib/stream.mjs'));
      const stream = link.stream(/** @type {any} */ (options));
      const reader = open(stream.memory);
      /** @type {number[]} */
      const counts = [];
      let torn = 0;
      const read = () => {
        // No more at a time: the library makes them as fast as they are read.
        for (let taken = 0; taken < options.slots; taken += 1) {
          const slot = reader.next();
          if (!slot) return;
          const [count = 0] = new Uint32Array(slot.bytes.buffer, slot.bytes.byteOffset, 1);
          if (slot.bytes.subarray(8, slot.length).some((/** @type {number} */ byte) => byte !== (count & 255)))
            torn += 1;
          counts.push(count);
          slot.release();
        }
      };
      const timer = setInterval(read, 1);
      const outcome = stream.ended.then(
        () => 'ended',
        ({ code }) => code,
      );
      Object.assign(globalThis, {
        counts,
        stop: async () => {
          await stream.stop();
          clearInterval(timer);
          read();
          return { counts, torn, outcome: await outcome, dropped: reader.dropped };
        },
        outcome,
      });
    },
    { ...READ, ...options },
  );

/** @param {Page} page @returns {Promise<{ counts: number[], torn: number, outcome: string, dropped: number }>} */
const stop = (page) => page.evaluate(() => /** @type {any} */ (globalThis).stop());

/** Until a page has so many messages. @param {Page} page @param {number} length */
const until = (page, length) =>
  page.evaluate(async (length) => {
    const { counts } = /** @type {any} */ (globalThis);
    while (counts.length < length) await new Promise((resolve) => setTimeout(resolve, 5));
  }, length);

/** Whether all are there, from the first one of this list on. @param {number[]} counts */
const isComplete = (counts) => counts.every((count, index) => count === (counts[0] ?? 0) + index);

onLinux('a stream of a library that several windows share', () => {
  /** @type {import('../support/page-api.mjs').Opened} */
  let opened;
  /** @type {[Page, Page, Page]} */
  let pages;

  before(async () => {
    opened = await launch();
    await opened.app.evaluate(() => /** @type {any} */ (globalThis).shareLibraries());
    pages = [opened.page, await openPage(opened, 'app://isolated/'), await openPage(opened, 'app://isolated/')];
    for (const page of pages) await connect(page);
  });

  after(() => opened?.app.close());

  for (const library of ['shared-counter', 'shared-pushes'])
    it(`has each message of ${library} in all windows, from when they join`, async () => {
      const [first, second, third] = pages;
      await begin(first, { library });
      await until(first, 20);
      await begin(second, { library });
      await begin(third, { library });
      for (const page of pages) await until(page, 100);
      await stop(third);
      await until(first, 300);
      const [one, other] = [await stop(first), await stop(second)];
      for (const { counts, torn } of [one, other]) {
        assert.equal(torn, 0);
        assert.ok(isComplete(counts), `${counts.slice(0, 20)}`);
      }
      assert.equal(one.counts[0], 1);
      assert.ok(Number(other.counts[0]) > 20, 'it has joined later');
      const common = one.counts.filter((count) => count >= Number(other.counts[0]));
      assert.ok(common.length > 80, 'both have the same messages');
      assert.deepEqual(common.slice(0, 80), other.counts.slice(0, 80));
    });

  it('is not held up by a window that drops messages, and does not read', async () => {
    const [first, second] = pages;
    await begin(first, { library: 'shared-counter', policy: 'wait' });
    await second.evaluate(
      (options) => {
        Object.assign(globalThis, { stream: link.stream(/** @type {any} */ (options)) });
      },
      { ...READ, library: 'shared-counter', policy: 'drop-oldest' },
    );
    await until(first, 200);
    const { counts } = await stop(first);
    assert.ok(isComplete(counts));
    await second.evaluate(() => /** @type {any} */ (globalThis).stream.stop());
  });

  it('goes on in the others when a window crashes, whichever has begun it', async () => {
    const [first, second, third] = pages;
    for (const page of [third, first, second]) await begin(page, { library: 'shared-pushes' });
    for (const page of pages) await until(page, 50);
    const crashed = new Promise((resolve) => third.once('crash', resolve));
    await opened.app.evaluate(({ BrowserWindow }) => {
      const newest = BrowserWindow.getAllWindows().sort((a, b) => b.id - a.id)[0];
      newest?.webContents.forcefullyCrashRenderer();
    });
    await crashed;
    const before = await first.evaluate(() => /** @type {any} */ (globalThis).counts.length);
    await until(first, before + 300);
    for (const { counts, torn } of [await stop(first), await stop(second)]) {
      assert.equal(torn, 0);
      assert.ok(isComplete(counts), 'no message was lost');
    }
  });

  it('has a library that pushes, and takes one call at a time, to itself', async () => {
    const [first, second] = pages;
    await begin(first, { library: 'shared-pushes' });
    await until(first, 10);
    const exchange = () =>
      second.evaluate(() =>
        link.exchange(new Uint8Array(64), { library: 'shared-pushes', thread: 'worker' }).then(
          ({ length }) => length,
          ({ code, buffer }) => `${code} ${buffer.length}`,
        ),
      );
    assert.equal(await exchange(), 'ERR_LIBRARY_BUSY 64');
    await stop(first);
    assert.equal(await exchange(), 64);
  });
});
