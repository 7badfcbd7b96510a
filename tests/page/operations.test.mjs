// Operations, inputs and progress through the page API.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { appForAll, connect, link } from '../support/page-api.mjs';

const { differs } = createRequire(import.meta.url)('../support/differences.js');

/** What a library says of a call without an operation, in the page. @param {Uint8Array} bytes */
const described = (bytes) => JSON.parse(new TextDecoder().decode(bytes.slice()));

describe('operations of a page', () => {
  /** @type {import('playwright-core').Page} */
  let page;
  appForAll((app) => {
    page = app.page;
  });
  beforeEach(() => connect(page));

  for (const library of process.platform === 'linux' ? ['perform', 'own-perform'] : ['perform']) {
    for (const thread of /** @type {const} */ (['main', 'worker']))
      it(`${library}, ${thread} thread: one is called with its input, and the rest is as it was`, async () => {
        const text = await page.evaluate(
          async ({ library, thread }) => {
            const bytes = new TextEncoder().encode('abcxyz');
            const upper = await link.exchange(bytes, { library, thread, operation: 'upper', input: 3 });
            const all = new TextDecoder().decode(new Uint8Array(upper.buffer));
            return [new TextDecoder().decode(upper), all];
          },
          { library, thread },
        );
        assert.deepEqual(text, ['ABC!', 'ABC!yz']);
      });

    it(`${library}: without one, the input is as long as is said, or all of the memory`, async () => {
      const inputs = await page.evaluate(
        async ({ library, read }) => {
          const described = new Function(`return ${read}`)();
          const found = [];
          for (const thread of /** @type {const} */ (['main', 'worker']))
            for (const input of [undefined, 0, 5])
              found.push(described(await link.exchange(new Uint8Array(300), { library, thread, input })).input);
          return found;
        },
        { library, read: String(described) },
      );
      assert.deepEqual(inputs, [300, 0, 5, 300, 0, 5]);
    });

    it(`${library}: shared memory is called by operation and by input`, async () => {
      const text = await page.evaluate((library) => {
        const { bytes, exchange } = link.shared(300, { library, operation: 'upper' });
        bytes.set(new TextEncoder().encode('abc'));
        const counts = [exchange(3), exchange(2)];
        const plain = link.shared(300, { library });
        const said = [undefined, 9].map((input) =>
          JSON.parse(new TextDecoder().decode(plain.bytes.slice(0, plain.exchange(input)))),
        );
        return [counts, new TextDecoder().decode(bytes.slice(0, 4)), said.map(({ input }) => input), said[0].flags];
      }, library);
      const flags = library === 'own-perform' || differs('shared') ? 0 : 1;
      assert.deepEqual(text, [[4, 3], 'AB!!', [300, 9], flags]);
    });

    it(`${library}: frames have an operation and an input`, async () => {
      const texts = await page.evaluate(async (library) => {
        const texts = [];
        const request = (/** @type {Uint8Array} */ bytes, /** @type {number} */ index) => bytes.fill(97 + index);
        for await (const frame of link.frames({ byteLength: 8, library, operation: 'upper', input: 3, request }))
          if (texts.push(new TextDecoder().decode(frame)) === 4) break;
        return texts;
      }, library);
      assert.deepEqual(texts, ['AAA!', 'BBB!', 'CCC!', 'DDD!']);
    });

    it(`${library}: progress comes in order, at most every 50 ms, and not after the end`, async () => {
      const { seen, late, took } = await page.evaluate(async (library) => {
        /** @type {number[][]} */
        const seen = [];
        const started = performance.now();
        await link.exchange(new Uint8Array([4]), {
          library,
          operation: 'steps',
          onProgress: (...values) => seen.push(values),
        });
        const took = performance.now() - started;
        const count = seen.length;
        await new Promise((resolve) => setTimeout(resolve, 150));
        return { seen, late: seen.length - count, took };
      }, library);
      assert.ok(seen.length >= 2 && seen.length <= took / 50 + 1, `${seen.length} in ${took} ms`);
      assert.equal(late, 0);
      const done = seen.map(([done]) => done);
      assert.deepEqual(
        done,
        done.toSorted((a, b) => a - b),
      );
      assert.ok(seen.every(([, total]) => total === 100));
    });

    it(`${library}: an error has the words of its call, and what is needed`, async () => {
      const found = await page.evaluate(async (library) => {
        const outcome = (/** @type {Promise<unknown>} */ call) =>
          call.then(
            () => /** @type {any} */ ({ code: 'none' }),
            ({ code, message, required, operation, buffer }) => ({
              code,
              words: message.split(': ').at(-1),
              required,
              operation,
              memory: buffer?.length,
            }),
          );
        const words = new TextEncoder().encode('the lens cap is on');
        return [
          await outcome(link.exchange(words, { library, operation: 'fail' })),
          await outcome(link.exchange(new Uint8Array(4), { library, operation: 'upper' })),
          await outcome(link.exchange(new Uint8Array(4), { library, operation: 'encode' })),
          await outcome(link.exchange(new Uint8Array(4), { library: 'zero', input: 2 })),
        ];
      }, library);
      assert.deepEqual(found[0], {
        code: 'ERR_LIBRARY_FAILED',
        words: 'the lens cap is on',
        memory: 18,
        required: undefined,
        operation: undefined,
      });
      assert.deepEqual([found[1].code, found[1].required, found[1].memory], ['ERR_BUFFER_TOO_SMALL', 5, 4]);
      assert.deepEqual([found[2].code, found[2].operation, found[2].memory], ['ERR_OPERATION_UNKNOWN', 'encode', 4]);
      assert.deepEqual([found[3].code, found[3].memory], ['ERR_LIBRARY_SYMBOL', 4]);
    });
  }

  it('an abort reaches the one exchange that is meant', async () => {
    const outcomes = await page.evaluate(async () => {
      const options = { library: 'perform-concurrent', operation: 'until' };
      const controllers = [new AbortController(), new AbortController()];
      /** @type {string[]} */
      const ended = [];
      const calls = controllers.map(({ signal }, index) =>
        link.exchange(new Uint8Array(4), { ...options, signal }).catch(({ code }) => ended.push(`${index} ${code}`)),
      );
      await new Promise((resolve) => setTimeout(resolve, 50));
      controllers[1].abort();
      await calls[1];
      await new Promise((resolve) => setTimeout(resolve, 100));
      const before = [...ended];
      controllers[0].abort();
      await Promise.all(calls);
      return [before, ended];
    });
    assert.deepEqual(outcomes, [['1 ABORT_ERR'], ['1 ABORT_ERR', '0 ABORT_ERR']]);
  });

  for (const [options, code] of /** @type {[string, string][]} */ ([
    ['{ operation: 7 }', 'ERR_INVALID_ARG_TYPE'],
    ['{ operation: null }', 'ERR_INVALID_ARG_TYPE'],
    ['{ operation: ["upper"] }', 'ERR_INVALID_ARG_TYPE'],
    ['{ input: -1 }', 'ERR_OUT_OF_RANGE'],
    ['{ input: 9 }', 'ERR_OUT_OF_RANGE'],
    ['{ input: 1.5 }', 'ERR_OUT_OF_RANGE'],
    ['{ input: "1" }', 'ERR_OUT_OF_RANGE'],
    ['{ onProgress: {} }', 'ERR_INVALID_ARG_TYPE'],
    ['{ library: "wrapped", operation: "upper" }', 'ERR_OPERATION_UNKNOWN'],
    ['{ library: "wrapped-alone", input: 1 }', 'ERR_OPERATION_UNKNOWN'],
  ]))
    it(`${options} is refused with ${code}, and no memory is lost`, async () => {
      const found = await page.evaluate(`(async () => {
        const bytes = new Uint8Array(8);
        try {
          await link.exchange(bytes, { library: 'perform', ...${options} });
        } catch ({ code, buffer }) {
          return [code, bytes.length || buffer?.length];
        }
      })()`);
      assert.deepEqual(found, [code, 8]);
    });
});
