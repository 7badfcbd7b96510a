// Libraries in processes of their own that write to the page's memory itself. That nothing is copied shows in the mappings
// of the page's process, and in what the page sees of a call while it runs.

import assert from 'node:assert/strict';
import { appForAll, connect, link, whereIs } from '../support/page-api.mjs';

/** @type {any} */
const { fixture } = /** @type {any} */ (globalThis);
const onLinux = process.platform === 'linux' ? describe : describe.skip;
const FRAME = 8_294_400;

onLinux('memory that is mapped for a process of a library', () => {
  /** @type {import('playwright-core').Page} */
  let page;
  appForAll((app) => {
    page = app.page;
  });

  beforeEach(() => connect(page));

  it('is told', async () => {
    assert.equal(await page.evaluate(() => fixture.transport()), 'mapped');
    assert.equal(await page.evaluate(() => fixture.transport({ isolate: true })), 'copied');
    assert.equal(await page.evaluate(() => fixture.transport({ fallback: 'here' })), 'mapped');
  });

  for (const thread of /** @type {const} */ (['main', 'worker'])) {
    it(`is a buffer's own, at the address that it has, on the ${thread} thread`, async () => {
      const [addresses, right, mapped] = await page.evaluate(
        async ({ thread, length }) => {
          const before = fixture.mapped();
          const addresses = new Set();
          let right = 0;
          let memory = /** @type {ArrayBufferLike} */ (new ArrayBuffer(length));
          for (let trip = 0; trip < 20; trip += 1) {
            const [address, same] = await whereIs(memory);
            addresses.add(address);
            const bytes = await link.exchange(same, { library: 'own-fill', thread });
            right += Number(
              bytes.length === length && bytes.subarray(16).every((/** @type {number} */ byte) => byte === 0xa5),
            );
            bytes.fill(trip);
            memory = bytes.buffer;
          }
          return [addresses.size, right, fixture.mapped() - before];
        },
        { thread, length: FRAME },
      );
      assert.deepEqual([addresses, right, mapped], [1, 20, 1]);
    });
  }

  it('is seen to change while a call runs', async () => {
    const seen = await page.evaluate(async () => {
      const bytes = link.allocate(64 * 2 ** 20, { library: 'own-fills' });
      const last = bytes.length - 1;
      let ended = false;
      const call = link.exchange(bytes, { library: 'own-fills' }).then(() => {
        ended = true;
      });
      for (let look = 0; look < 500 && bytes[last] === 0; look += 1) await new Promise((wake) => setTimeout(wake, 2));
      const seen = [String.fromCharCode(bytes[last]), ended];
      await call;
      return seen;
    });
    assert.deepEqual(seen, ['x', false]);
  });

  it('is what shared() makes, from 1 MiB on', async () => {
    const [mapped, count, first, last] = await page.evaluate(() => {
      const before = fixture.mapped();
      const { bytes, exchange } = link.shared(2 ** 20, { library: 'own-fill' });
      const mapped = fixture.mapped() - before;
      return [mapped, exchange(), bytes[16], bytes[2 ** 20 - 1]];
    });
    assert.deepEqual([mapped, count, first, last], [1, 2 ** 20, 0xa5, 0xa5]);
  });

  it('is that of shared frames, of 64 MiB and more or by choice', async () => {
    const mapped = await page.evaluate(async () => {
      const counts = [];
      for (const options of [{ byteLength: 65 * 2 ** 20 }, { byteLength: 2 ** 20, shared: true }]) {
        const before = fixture.mapped(options.byteLength);
        for await (const frame of link.frames({ ...options, library: 'own-fill', depth: 1 })) {
          const after = fixture.mapped(options.byteLength);
          counts.push(after > before, frame[16], frame.buffer instanceof SharedArrayBuffer);
          break;
        }
      }
      return counts;
    });
    assert.deepEqual(mapped, [true, 0xa5, true, true, 0xa5, true]);
  });

  it('is not that of less than 1 MiB, of an isolated library, or of shared memory that others may have', async () => {
    const mapped = await page.evaluate(async () => {
      const before = fixture.mapped();
      const bytes = [
        await link.exchange(new Uint8Array(2 ** 20 - 1), { library: 'own-fill' }),
        await link.exchange(new Uint8Array(2 ** 21), { library: 'own-isolated' }),
        await link.exchange(new Uint8Array(new SharedArrayBuffer(2 ** 21)), { library: 'own-fill' }),
      ];
      return [fixture.mapped() - before, ...bytes.map((each) => each[each.length - 1])];
    });
    assert.deepEqual(mapped, [0, 0xa5, 0xa5, 0xa5]);
  });

  it('goes on working with all that takes memory', async () => {
    const right = await page.evaluate(async () => {
      const length = 1024 * 1024 * 4;
      const filled = await link.exchange(new Uint8Array(length), { library: 'own-fill' });
      filled[length - 1] = 0xff;
      const image = new ImageData(new Uint8ClampedArray(filled.buffer), 1024);
      const context = /** @type {any} */ (new OffscreenCanvas(1024, 1024).getContext('2d'));
      context.putImageData(image, 0, 0);
      const [red] = context.getImageData(1023, 1023, 1, 1).data;
      const blob = (await new Blob([filled]).arrayBuffer()).byteLength;
      const cloned = structuredClone(filled);
      const worker = new Worker(URL.createObjectURL(new Blob(['onmessage = ({ data }) => postMessage(data, [data])'])));
      const back = await new Promise((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.postMessage(filled.buffer, [filled.buffer]);
      });
      worker.terminate();
      const longer = back.transfer(length + 2 ** 20);
      const tail = new Uint8Array(longer, length).every((byte) => byte === 0);
      const shorter = new Uint8Array(longer.transfer(2 ** 20));
      const again = await link.exchange(shorter, { library: 'own-fill' });
      return [red, blob, cloned[length - 2], tail, again[2 ** 20 - 1]];
    });
    assert.deepEqual(right, [0xa5, 4 * 2 ** 20, 0xa5, true, 0xa5]);
  });

  it('is noticed to be freed: what takes its place is new memory', async () => {
    const right = await page.evaluate(async () => {
      let right = 0;
      for (let time = 0; time < 300; time += 1) {
        const length = 2 ** 20 * (1 + (time % 5));
        const zero = await link.exchange(new Uint8Array(length), { library: time % 2 ? 'own-zero' : 'own-fill' });
        const all = new Uint8Array(zero.buffer);
        right += Number(all[all.length - 1] === (time % 2 ? 0 : 0xa5) && all[2 ** 19] === all[all.length - 1]);
      }
      return right;
    });
    assert.equal(right, 300);
  });

  it("may be WebAssembly's, which grows", async () => {
    const MiB = 2 ** 20;
    assert.deepEqual(await page.evaluate(() => fixture.wasm()), [2 * MiB, 2 * MiB - 16, 0, 3 * MiB, 3 * MiB - 16]);
  });

  it('goes back to the system with the page', async () => {
    for (let time = 0; time < 20; time += 1) {
      await page.evaluate(async () => {
        for (let each = 0; each < 8; each += 1) await link.exchange(new Uint8Array(2 ** 22), { library: 'own-fill' });
      });
      await page.reload();
      await connect(page);
    }
    await page.evaluate(() => link.exchange(new Uint8Array(2 ** 20), { library: 'own-fill' }));
    const mapped = await page.evaluate(async () => {
      for (let look = 0; look < 100 && fixture.mapped() > 100; look += 1) {
        /** @type {any} */ (globalThis).gc(); // what the documents before have left
        await new Promise((wake) => setTimeout(wake, 20));
      }
      return fixture.mapped();
    });
    assert.ok(mapped >= 1 && mapped <= 100, `${mapped} buffers of 160`);
  });
});
