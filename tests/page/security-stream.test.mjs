// Streams whose memory, port and page are not to be trusted, and the end of what they run in.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { appForAll, connect, facts, link, rawPort } from '../support/page-api.mjs';

const { libraryPrograms } = createRequire(import.meta.url)('../support/library-programs.js');

/** @typedef {import('../support/page-api.mjs').Opened} Opened */

/** Overwrites words of a stream's memory at random for a time; the word that stops it excepted. */
const SPOIL = `(memory, ms) => {
  const words = new Int32Array(memory, 0, 2048);
  const until = performance.now() + ms;
  let random = 0x9e3779b9;
  while (performance.now() < until) {
    for (let round = 0; round < 1000; round++) {
      random ^= random << 13;
      random ^= random >>> 17;
      random ^= random << 5;
      const at = (random >>> 0) % words.length;
      if (at !== 32) Atomics.store(words, at, random & 256 ? random : random & 3);
    }
  }
}`;

describe('a stream', () => {
  /** @type {Opened} */
  let opened;
  /** @type {import('playwright-core').Page} */
  let page;
  appForAll((app) => {
    opened = app;
    page = app.page;
  });

  beforeEach(() => connect(page));

  const gone = () => opened.app.evaluate(() => /** @type {any} */ (globalThis).gone);

  for (const library of ['counter', 'counter-concurrent', 'own-counter', 'own-counter-concurrent'])
    it(`of ${library} survives a page and a Worker that overwrite its memory, and then ends`, async () => {
      const seen = await page.evaluate(
        async ([library, spoil]) => {
          const { open } = await import(/** @type {any} */ ('/lib/stream.mjs'));
          const results = [];
          for (const policy of /** @type {const} */ (['wait', 'drop-oldest', 'drop-newest'])) {
            const stream = link.stream({ byteLength: 100, slots: 8, library, policy });
            const reader = open(stream.memory);
            const body = `onmessage = ({ data }) => { (${spoil})(data, 200); postMessage(0); };`;
            const worker = new Worker(URL.createObjectURL(new Blob([body])));
            worker.postMessage(stream.memory);
            const done = new Promise((resolve) => {
              worker.onmessage = resolve;
            });
            // biome-ignore lint/security/noGlobalEval: the same in the page and in the Worker
            globalThis.eval(spoil)(stream.memory, 100);
            for (let round = 0; round < 200; round++) {
              const slot = round % 2 ? reader.next() : reader.latest();
              if (slot && (slot.length > 100 || slot.bytes.length !== 100)) throw new Error('outside');
              slot?.release();
            }
            reader.wait(0);
            results.push(reader.waiting <= 8, typeof reader.dropped, typeof reader.state);
            await done;
            worker.terminate();
            await stream.stop();
          }
          return results;
        },
        /** @type {const} */ ([library, SPOIL]),
      );
      assert.deepEqual(new Set(seen), new Set([true, 'number', 'string']));
      assert.deepEqual(await gone(), []);
    });

  it('is refused if a message over the port makes none', async () => {
    await page.reload();
    const codes = await page.evaluate(async () => {
      const { post, next } = rawPort();
      const memory = new SharedArrayBuffer(1 << 20);
      post(['share', 1, memory]);
      post(['share', 2, new SharedArrayBuffer(4096)]);
      const good = { slots: 2, byteLength: 64, policy: 0 };
      /** @type {[memory: unknown, stream: unknown][]} */
      const wrong = [
        [1, {}],
        [1, 'text'],
        [1, null],
        [1, []],
        [1, { ...good, slots: 1 }],
        [1, { ...good, slots: 1025 }],
        [1, { ...good, slots: 2 ** 32 + 2, byteLength: 2 ** 31 }],
        [1, { ...good, slots: 'many' }],
        [1, { ...good, byteLength: 0 }],
        [1, { ...good, byteLength: 2 ** 32 - 1 }],
        [1, { ...good, byteLength: 2 ** 20 }],
        [1, { ...good, policy: 3 }],
        [1, { ...good, input: 'text' }],
        [1, { ...good, input: new Uint8Array(65) }],
        [1, { ...good, input: new Uint16Array(2) }],
        [1, { ...good, input: new Uint8Array(memory) }],
        [2, good],
        [new ArrayBuffer(1 << 20), good],
      ];
      const codes = [];
      for (const [memory, stream] of wrong) {
        post([7, 'counter', memory, 'worker', true, undefined, undefined, false, stream]);
        const answer = await next();
        codes.push([answer[2], answer[3]?.fields.code]);
      }
      // What makes one, however it is said, can be aborted.
      post([8, 'counter', 1, 'main', false, undefined, -1, true, { ...good, now: 'never' }]);
      post(['abort', 8]);
      codes.push((await next())[3].fields.code);
      return codes;
    });
    const last = codes.pop();
    for (const [index, code] of codes.entries())
      assert.deepEqual(code, [-1, 'ERR_INVALID_ARG_TYPE'], `the message ${index}`);
    assert.equal(last, 'ABORT_ERR');
    assert.deepEqual(await gone(), []);
  });

  it('counts on where 32 bits end', async () => {
    await page.reload();
    const seen = await page.evaluate(async () => {
      const { open } = await import(/** @type {any} */ ('/lib/stream.mjs'));
      const results = [];
      const { post, next } = rawPort();
      for (const [id, first] of [2 ** 31 - 10, 2 ** 32 - 10].entries()) {
        const memory = new SharedArrayBuffer(1 << 20);
        const words = new Int32Array(memory);
        words.set([0x52585049, 1, 4, 64, 64, 4096, 0]);
        words[16] = first; // how many were published
        words[18] = -5; // how many were dropped, of which 5 are left until it wraps
        post(['share', id, memory]);
        post([id, 'counter', id, 'worker', true, undefined, undefined, false, { slots: 4, byteLength: 64, policy: 0 }]);
        const reader = open(memory);
        const sequences = [];
        while (sequences.length < 30) {
          const slot = reader.next();
          if (slot) sequences.push(slot.sequence - first);
          else await new Promise((resolve) => setTimeout(resolve, 1));
          slot?.release();
        }
        post(['abort', id]);
        const answer = await next();
        results.push(sequences, answer[3].fields.code);
      }
      return results;
    });
    const expected = Array.from({ length: 30 }, (_, index) => index);
    assert.deepEqual(seen, [expected, 'ABORT_ERR', expected, 'ABORT_ERR']);
  });

  it('keeps its memory from other exchanges as long as it runs', async () => {
    const seen = await page.evaluate(async () => {
      const { memory, stop } = link.stream({ byteLength: 64, library: 'counter' });
      const lent = await link.exchange(memory, { library: 'counter' }).catch(facts);
      await stop();
      const bytes = await link.exchange(memory, { library: 'counter' });
      return [lent.code, bytes.length === memory.byteLength];
    });
    assert.deepEqual(seen, ['ERR_BUFFER_DETACHED', true]);
  });

  it('ends with its page, however often that is reloaded, and leaves no thread behind', async function () {
    this.timeout(60_000);
    const pid = await opened.app.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0].webContents.getOSProcessId(),
    );
    const { default: fs } = await import('node:fs');
    const threads = () => fs.readdirSync(`/proc/${pid}/task`).length;
    /** @type {number[]} */
    const counts = [];
    for (let round = 0; round < 16; round++) {
      await connect(page);
      await page.evaluate(async () => {
        for (const library of ['counter', 'counter-concurrent', 'camera'])
          for (const policy of /** @type {const} */ (['wait', 'drop-oldest'])) {
            const input = library === 'camera' ? new Uint8Array(4).fill(255) : undefined;
            link.stream({ byteLength: 4096, library, policy, ...(input && { input }) }).ended.catch(() => {});
          }
        await new Promise((resolve) => setTimeout(resolve, 10));
      });
      await page.reload();
      counts.push(threads());
    }
    assert.deepEqual(await gone(), []);
    assert.ok(Math.max(...counts.slice(-4)) <= Math.max(...counts.slice(4, 9)) + 2, counts.join(' '));
  });

  it('ends with its page in a process of its own, which ends as well', async function () {
    this.timeout(60_000);
    const pid = await opened.app.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0].webContents.getOSProcessId(),
    );
    const programs = () =>
      libraryPrograms().filter((/** @type {{ parent: number }} */ { parent }) => parent === pid).length;
    for (let round = 0; round < 8; round++) {
      await connect(page);
      const messages = await page.evaluate(async () => {
        const { open } = await import(/** @type {any} */ ('/lib/stream.mjs'));
        const libraries = ['own-counter', 'own-counter-concurrent', 'own-pushes'];
        const readers = libraries.map((library) => open(link.stream({ byteLength: 4096, library }).memory));
        for (const reader of readers) while (!reader.next()) await new Promise((resolve) => setTimeout(resolve, 1));
        return readers.length;
      });
      assert.equal(messages, 3);
      assert.equal(programs(), 3);
      await page.reload();
      while (programs() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.deepEqual(await gone(), []);
  });
});
