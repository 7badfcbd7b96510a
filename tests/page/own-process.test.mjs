// A page whose libraries run in processes of their own: what crashes or hangs is an error, and the page goes on.

import assert from 'node:assert/strict';
import os from 'node:os';
import { appForAll, connect, link } from '../support/page-api.mjs';

const onLinux = process.platform === 'linux' ? describe : describe.skip;

onLinux('a library in a process of its own, from a page', () => {
  /** @type {import('playwright-core').Page} */
  let page;
  appForAll((app) => {
    page = app.page;
  });

  beforeEach(() => connect(page));

  for (const thread of /** @type {const} */ (['main', 'worker'])) {
    it(`fills the page's memory, on the ${thread} thread`, async () => {
      const text = await page.evaluate(async (thread) => {
        const data = new TextEncoder().encode('in another process');
        const bytes = await link.exchange(data, { library: 'own', thread });
        return [new TextDecoder().decode(bytes), data.length];
      }, thread);
      assert.deepEqual(text, ['IN ANOTHER PROCESS', 0]);
    });

    it(`that crashes is an error with the memory, and the next exchange is right, on the ${thread} thread, 50 times`, async () => {
      const outcomes = await page.evaluate(async (thread) => {
        const options = /** @type {const} */ ({ library: 'own-crash', thread });
        const seen = new Set();
        for (let time = 0; time < 50; time += 1) {
          await link.exchange(new Uint8Array(64), options);
          const memory = new Uint8Array(1 << 20).fill(7);
          const error = await link.exchange(memory, options).then(
            () => undefined,
            (error) => error,
          );
          const { code, signal, buffer } = error;
          seen.add(JSON.stringify([code, signal, buffer.length, new Set(buffer).size, buffer[0]]));
        }
        return [...seen];
      }, thread);
      assert.deepEqual(outcomes, [JSON.stringify(['ERR_LIBRARY_CRASHED', 'SIGSEGV', 1 << 20, 1, 7])]);
    });
  }

  it('that does not return is ended after its timeout', async () => {
    const [code, length, took, after] = await page.evaluate(async () => {
      const request = (/** @type {number} */ milliseconds) => new Uint8Array(new Uint32Array([milliseconds, 0]).buffer);
      const options = /** @type {const} */ ({ library: 'own-camera', thread: 'worker' });
      await link.exchange(request(0), options); // its process runs
      const started = performance.now();
      const { code, buffer } = await link.exchange(request(2 ** 32 - 1), options).catch((error) => error);
      const took = performance.now() - started;
      const after = await link.exchange(request(0), options);
      return [code, buffer.length, took, after.length];
    });
    assert.deepEqual([code, length, after], ['ERR_LIBRARY_TIMEOUT', 8, 8]);
    assert.ok(took >= 1000 && took < 10_000, `${took} ms`);
  });

  it('is called over shared memory', async () => {
    const text = await page.evaluate(async () => {
      const { bytes, exchange } = link.shared(64, { library: 'own' });
      bytes.set(new TextEncoder().encode('shared by two threads'));
      exchange();
      return new TextDecoder().decode(bytes.slice(0, 21));
    });
    assert.equal(text, 'SHARED BY TWO THREADS');
  });

  it('is confined if the preload says so', async () => {
    const outcomes = await page.evaluate(async () => {
      /** The errno that an attempt to open a file has ended with. @param {string} library */
      const open = async (library) => {
        const request = new TextEncoder().encode('open'.padEnd(64, '\0'));
        return new DataView((await link.exchange(request, { library })).buffer).getInt32(0, true);
      };
      return [await open('own-free'), await open('own-confined')];
    });
    assert.deepEqual(outcomes, [0, os.constants.errno.EPERM]);
  });

  it('is gone after the page, whose reload starts another one', async () => {
    const callOnce = () =>
      page.evaluate(async () => (await link.exchange(new Uint8Array(4), { library: 'own' })).length);
    assert.equal(await callOnce(), 4);
    await page.reload();
    await connect(page);
    assert.equal(await callOnce(), 4);
  });
});
