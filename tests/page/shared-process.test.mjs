// One process of a library for all windows of an app: real windows, each with a renderer process of its own.

import assert from 'node:assert/strict';
import { copyFixtures } from '../../scripts/lib/fixtures.mjs';
import { noneIsLeft } from '../support/library-programs.js';
import { connect, launch, link, openPage } from '../support/page-api.mjs';

const onLinux = process.platform === 'linux' ? describe : describe.skip;

/** @typedef {import('playwright-core').Page} Page */

/** How often the library was opened and closed, as it says. @param {Page} page */
const counts = (page) =>
  page.evaluate(async () => [...(await link.exchange(new Uint8Array(2), { library: 'shared-life' }))]);

/** @param {Page} page @returns {Promise<{ pid: number, transport: string, restarts: number }>} */
const processOf = (page) => page.evaluate(() => /** @type {any} */ (globalThis).fixture.sharedProcess());

onLinux('a library in one process for several windows', () => {
  /** @type {import('../support/page-api.mjs').Opened} */
  let opened;
  /** @type {Page[]} */
  let pages;
  /** Of this app alone: other tests run beside it, and their programs are not those that it has left. */
  let libraries = '';

  before(async () => {
    libraries = copyFixtures();
    opened = await launch({ INPLACE_EXCHANGE_FIXTURES: libraries });
    pages = [opened.page];
    while (pages.length < 4) pages.push(await openPage(opened, 'app://isolated/'));
    for (const page of pages) await connect(page);
  });

  after(async () => {
    await opened?.app.close();
    await noneIsLeft(libraries);
  });

  it('is refused until the main process shares libraries, and is there then', async () => {
    const refusal = await opened.page.evaluate(() =>
      link.exchange(new Uint8Array(2), { library: 'shared-life' }).then(
        () => undefined,
        ({ code, message, buffer }) => [code, message, buffer.length],
      ),
    );
    assert.equal(refusal?.[0], 'ERR_PROCESS_UNAVAILABLE');
    assert.match(String(refusal?.[1]), /the main process has to call shareLibraries\(\) first/);
    assert.equal(refusal?.[2], 2);
    await opened.app.evaluate(() => {
      const { shareLibraries } = /** @type {any} */ (globalThis);
      shareLibraries();
      shareLibraries(); // once more changes nothing
    });
    assert.deepEqual(await counts(opened.page), [1, 0]);
  });

  it('is one process, and is opened once', async () => {
    const processes = [];
    for (const page of pages) {
      assert.deepEqual(await counts(page), [1, 0]);
      processes.push(await processOf(page));
    }
    const { pid } = processes[0] ?? {};
    assert.ok(Number(pid) > 0);
    assert.deepEqual(processes, Array(4).fill({ pid, transport: 'mapped', restarts: 0 }));
    const below = await pages[0]?.evaluate(() => /** @type {any} */ (globalThis).fixture.sharedBelow());
    assert.deepEqual(below, [pid, 1, 0], 'a program that a window has started');
    const shared = await pages[0]?.evaluate(() => /** @type {any} */ (globalThis).fixture.share());
    const refusal =
      'shareLibraries() cannot have this process start those of libraries: it is for the main process, and this is a renderer.';
    assert.deepEqual(shared, ['ERR_PROCESS_UNAVAILABLE', refusal, true]);
  });

  it("writes into each window's own memory without a copy, and into no other window's", async () => {
    const written = await Promise.all(
      pages.map((page, index) =>
        page.evaluate(async (index) => {
          const length = 4096 * (300 + index);
          let memory = new Uint8Array(length);
          const { fixture } = /** @type {any} */ (globalThis);
          for (let round = 0; round < 20; round += 1) {
            memory = await link.exchange(new Uint8Array(memory.buffer).fill(round), { library: 'shared-address' });
            const right = memory.length === length && memory.subarray(16).every((byte) => byte === 0xa5);
            if (!right) return `wrong bytes in round ${round}`;
          }
          return fixture.mapped() > 0 ? 'mapped' : 'copied';
        }, index),
      ),
    );
    assert.deepEqual(written, Array(4).fill('mapped'));
  });

  it('takes the calls of all windows one at a time', async () => {
    const lists = await Promise.all(
      pages.map((page) =>
        page.evaluate(async () => {
          const seen = [];
          for (let call = 0; call < 200; call += 1) {
            const bytes = await link.exchange(new Uint8Array(16), { library: 'shared-counter', thread: 'worker' });
            seen.push(new Uint32Array(bytes.buffer)[0] ?? 0);
          }
          return seen;
        }),
      ),
    );
    for (const seen of lists)
      assert.deepEqual(
        seen,
        [...seen].sort((a, b) => a - b),
        'in order for each window',
      );
    const all = lists.flat().sort((a, b) => a - b);
    assert.deepEqual(
      all,
      all.map((_, index) => index + 1),
      'each call counted once',
    );
  });

  it('has the messages of a stream in several windows, and other calls in between', async () => {
    const streamed = (/** @type {Page} */ page) =>
      page.evaluate(async () => {
        const { open } = await import(/** @type {any} */ ('/lib/stream.mjs'));
        const stream = link.stream({ byteLength: 64, slots: 16, library: 'shared-counter' });
        const reader = open(stream.memory);
        const messages = [];
        for (let round = 0; round < 20; round++) {
          while (messages.length < (round + 1) * 50) {
            const slot = reader.next();
            if (!slot) {
              await new Promise((resolve) => setTimeout(resolve, 1));
              continue;
            }
            messages.push(new DataView(slot.bytes.buffer, slot.bytes.byteOffset).getUint32(0, true));
            slot.release();
          }
          await link.exchange(new Uint8Array(16), { library: 'shared-counter' });
        }
        await stream.stop();
        return messages;
      });
    for (const messages of await Promise.all(pages.map(streamed))) {
      assert.equal(messages.length, 1000);
      assert.ok(messages.every((count, index) => index === 0 || count > /** @type {number} */ (messages[index - 1])));
    }
  });

  it('goes on for the others when a window crashes, is closed or is reloaded', async () => {
    const [first, second, third, fourth] = /** @type {[Page, Page, Page, Page]} */ (pages);
    const { pid } = await processOf(first);
    const calls = first.evaluate(async () => {
      for (let call = 0; call < 100; call += 1) {
        const { length } = await link.exchange(new Uint8Array(64), { library: 'shared-counter', thread: 'worker' });
        if (length !== 64) throw new Error(`${length}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    });
    const crashing = fourth.evaluate(() => {
      for (let call = 0; call < 3; call += 1)
        link.exchange(new Uint8Array(64), { library: 'shared-counter', thread: 'worker' }).catch(() => {});
    });
    await crashing;
    const crashed = new Promise((resolve) => fourth.once('crash', resolve));
    await opened.app.evaluate(async ({ BrowserWindow }) => {
      const newest = BrowserWindow.getAllWindows().sort((a, b) => b.id - a.id)[0];
      newest?.webContents.forcefullyCrashRenderer();
    });
    await crashed;
    await third.close();
    await second.reload();
    await connect(second);
    await calls;
    assert.deepEqual(
      [await counts(first), await counts(second)],
      [
        [1, 0],
        [1, 0],
      ],
    );
    assert.deepEqual([(await processOf(first)).pid, (await processOf(second)).pid], [pid, pid]);
  });

  it('that crashes is an error in each window, and the next call of any starts it again for all', async () => {
    const [first, second] = /** @type {[Page, Page]} */ (pages);
    const { pid } = await processOf(first);
    process.kill(pid, 'SIGKILL');
    const outcome = (/** @type {Page} */ page) =>
      page.evaluate(async () => {
        for (;;) {
          const { fixture } = /** @type {any} */ (globalThis);
          if (fixture.sharedProcess().restarts === 1) return fixture.sharedProcess().pid;
          await link.exchange(new Uint8Array(2), { library: 'shared-life' }).catch(({ code }) => {
            if (code !== 'ERR_LIBRARY_CRASHED') throw new Error(code);
          });
        }
      });
    const [one, other] = await Promise.all([outcome(first), outcome(second)]);
    assert.equal(one, other);
    assert.notEqual(one, pid);
    assert.deepEqual(
      [await counts(first), await counts(second)],
      [
        [1, 0],
        [1, 0],
      ],
    );
  });
});
