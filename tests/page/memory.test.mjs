// allocate() and shared() in isolated windows.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { appForAll, connect, link, outcome, whereIs } from '../support/page-api.mjs';

const { differs } = createRequire(import.meta.url)('../support/differences.js');

const require = createRequire(import.meta.url);
const { assertDocumented, fixtureLibrary } = require('../support/fixtures.js');

const MiB = 1024 * 1024;
const SHARED_FROM = 64 * MiB;

/**
 * Functions that take a view of bytes, how they are called, and whether they accept shared memory.
 * @type {[string, string, boolean][]}
 */
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

describe('allocate', () => {
  /** @type {import('playwright-core').Page} */
  let page;
  appForAll((app) => {
    page = app.page;
  });

  beforeEach(() => connect(page));

  it('returns an ArrayBuffer below 64 MiB, and a SharedArrayBuffer from there on', async () => {
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
    it(`from 64 MiB on, on the ${thread} thread: page and library see one memory, at one address`, async () => {
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
      assert.deepEqual(seen, { addresses: differs('address') ? 2 : 1, last: 0xa5 });
    });
  }

  it('shared memory can be lent to one exchange at a time, like memory that was transferred', async () => {
    const outcomes = await page.evaluate((size) => {
      const bytes = link.allocate(size);
      const lend = () => outcome(() => link.exchange(bytes, { library: 'zero' }));
      return Promise.all([lend(), lend()]).then(async (both) => [...both, await lend()]);
    }, SHARED_FROM);
    assert.deepEqual([outcomes[0], outcomes[1].code, outcomes[2]], [0, 'ERR_BUFFER_DETACHED', 0]);
    assert.match(outcomes[1].message, /it is lent to an exchange that has not returned/);
  });

  it('an error has the shared memory, which can be lent again', async () => {
    const outcomes = await page.evaluate(async (size) => {
      const bytes = link.allocate(size);
      const failed = await outcome(() => link.exchange(bytes, { library: 'negative-message' }));
      return [failed, await outcome(() => link.exchange(bytes, { library: 'zero' }))];
    }, SHARED_FROM);
    assert.deepEqual([outcomes[0].code, outcomes[0].memory, outcomes[1]], ['ERR_LIBRARY_FAILED', SHARED_FROM, 0]);
  });

  it('memory that the page has dropped is freed: 100 GiB in turn, without a forced collection', async function () {
    if (differs('copied')) this.timeout(120_000);
    const count = differs('copied') ? 20 : 100;
    const lengths = await page.evaluate(async (count) => {
      let total = 0;
      for (let each = 0; each < count; each += 1) {
        const bytes = link.allocate(2 ** 30);
        await link.exchange(bytes, { library: 'zero' });
        total += bytes.length;
      }
      for (let each = 0; each < count / 2; each += 1) {
        link.shared(2 ** 30, { library: 'zero' }).exchange();
        await new Promise((resolve) => setTimeout(resolve));
      }
      return total;
    }, count);
    assert.equal(lengths, count * 2 ** 30);
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
    it(`(${size}) throws ERR_OUT_OF_RANGE, and so does shared`, async () => {
      for (const call of ['allocate', 'shared']) {
        const error = await page.evaluate(`outcome(() => link.${call}(${size}))`);
        assert.deepEqual([error.class, error.code], ['RangeError', 'ERR_OUT_OF_RANGE']);
      }
    });

  it('throws ERR_MEMORY_ALLOCATION_FAILED when there is no memory', async () => {
    const error = await page.evaluate(() =>
      outcome(() => Array.from({ length: 1000 }, () => link.allocate(2 ** 31 - 1))),
    );
    assert.deepEqual([error.class, error.code], ['RangeError', 'ERR_MEMORY_ALLOCATION_FAILED']);
  });
});

describe('shared', () => {
  /** @type {import('playwright-core').Page} */
  let page;
  appForAll((app) => {
    page = app.page;
  });

  beforeEach(() => connect(page));

  it('exchanges synchronously, over one memory', async () => {
    const seen = await page.evaluate(async () => {
      const { bytes, exchange } = link.shared(64, { library: 'address' });
      const counts = [exchange(), exchange()];
      const [address] = await whereIs(bytes.buffer);
      return { counts, same: address === new DataView(bytes.buffer).getBigUint64(0, true), fill: bytes[63] };
    });
    assert.deepEqual(seen, { counts: [64, 64], same: !differs('address'), fill: 0xa5 });
  });

  it('passes the request in the memory to the library, with many memories in turn', async () => {
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

  it('throws errors with their class, code and fields', async () => {
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
    assert.deepEqual(errors[0].fields, { path: fixtureLibrary('too-small'), required: 1064 });
    assert.equal(errors[1].fields.status, -9);
    assert.equal(errors[2].fields.status, -(2n ** 63n));
  });

  for (const [what, source, accepted] of SHARED_LIMITS)
    it(`is ${accepted ? 'accepted' : 'refused'} by ${what}`, async () => {
      const outcome = await page.evaluate(`(() => {
        const { bytes } = link.shared(64);
        try {
          ${source};
          return 'done';
        } catch (error) {
          return error.name;
        }
      })()`);
      assert.equal(outcome, accepted ? 'done' : 'TypeError');
    });

  it('is accepted as the page about isolation says', () =>
    assertDocumented(
      ['a view of shared memory', 'is'],
      SHARED_LIMITS.map(([what, , accepted]) => [what, accepted ? 'taken' : 'refused']),
      'docs/isolation.md',
    ));

  it('cannot be called over the bridge without shared memory', async () => {
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
      return [without, ordinary, number, count, bridge.shared('zero'), bridge.lastError().name];
    });
    assert.deepEqual(seen, [undefined, undefined, undefined, 0, undefined, 'TypeError']);
    assert.equal(await page.evaluate(() => link.shared(64, { library: 'address' }).exchange()), 64);
  });
});
