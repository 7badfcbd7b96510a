// The protocol: its names, and the messages that a hostile script can post over the port.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import * as pageNames from '../../lib/protocol.mjs';
import { appForAll } from '../support/page-api.mjs';

const preloadNames = createRequire(import.meta.url)('../../lib/protocol.js');

describe('the names of the protocol', () => {
  it('are the same in both halves', () => {
    assert.deepEqual({ ...pageNames }, preloadNames);
    assert.ok(Object.values(pageNames).every((name) => name.length > 0));
  });
});

describe('the port, with messages of a hostile script', () => {
  /** @type {import('playwright-core').Page} */
  let page;
  appForAll((app) => {
    page = app.page;
  });

  for (const [message, expected] of /** @type {[string, 'error' | 'no answer'][]} */ ([
    ['undefined', 'error'],
    ['null', 'error'],
    ['0', 'error'],
    ['"exchange"', 'error'],
    ['[]', 'error'],
    ['{}', 'error'],
    ['new Map()', 'error'],
    ['new Uint8Array([1, 2, 3])', 'error'],
    ['new ArrayBuffer(8)', 'error'],
    ['["what"]', 'error'],
    ['[{}]', 'error'],
    ['[1]', 'error'],
    ['[1, "address"]', 'error'],
    ['[1, "address", 1e9, "main"]', 'error'],
    ['[1, "address", 2 ** 30, "worker"]', 'error'],
    ['[1, "address", -1, "main"]', 'error'],
    ['[1, "address", "64", "main"]', 'error'],
    ['[1, "address", { byteLength: 2 ** 30 }, "main"]', 'error'],
    ['[1, "address", { length: 2 ** 30 }, "worker"]', 'error'],
    ['[1, "address", [1, 2, 3], "main"]', 'error'],
    ['[1, "address", new Uint8Array(8), "main"]', 'error'],
    ['[1, "address", new DataView(new ArrayBuffer(8)), "worker"]', 'error'],
    ['[1, "address", new SharedArrayBuffer(8), "main"]', 'error'],
    ['[1, "nobody", new ArrayBuffer(64), "main"]', 'error'],
    ['[1, {}, new ArrayBuffer(64), "main"]', 'error'],
    ['[1, ["address"], new ArrayBuffer(64), "worker"]', 'error'],
    ['[1, "constructor", new ArrayBuffer(64), "worker"]', 'error'],
    ['[1, "__proto__", new ArrayBuffer(64), "main"]', 'error'],
    ['[1, "address", new ArrayBuffer(3), "worker", {}]', 'error'],
    ['[1, "nobody", new ArrayBuffer(64), "populate"]', 'error'],
    ['[1, "address", 7, "populate"]', 'error'],
    ['[1, "address", new SharedArrayBuffer(8), "populate"]', 'error'],
    ['[1, "perform", new ArrayBuffer(8), "main", false, 1]', 'error'],
    ['[1, "perform", new ArrayBuffer(8), "worker", false, {}]', 'error'],
    ['[1, "perform", new ArrayBuffer(8), "main", false, "__proto__"]', 'error'],
    ['[1, "perform", new ArrayBuffer(8), "worker", false, "constructor"]', 'error'],
    ['[1, "perform", new ArrayBuffer(8), "main", false, undefined, 9]', 'error'],
    ['[1, "perform", new ArrayBuffer(8), "worker", false, undefined, -1]', 'error'],
    ['[1, "perform", new ArrayBuffer(8), "main", false, undefined, { valueOf: 1 }]', 'error'],
    ['[1, "perform", new ArrayBuffer(8), "worker", false, undefined, 2 ** 53, true]', 'error'],
    ['[1, "perform", new ArrayBuffer(8), "main", false, "upper", new Uint8Array(8)]', 'error'],
    ['[1, "zero", new ArrayBuffer(8), "main", false, undefined, 4]', 'error'],
    ['[1, "address", new ArrayBuffer(8, { maxByteLength: 64 }), "worker"]', 'error'],
    ['["share", 1, new ArrayBuffer(64)]', 'error'],
    ['["share", 1, 1e9]', 'error'],
    ['["share"]', 'error'],
    ['["abort"]', 'no answer'],
    ['["abort", 99]', 'no answer'],
    ['["abort", {}]', 'no answer'],
    ['["free", 99]', 'no answer'],
    ['["share", {}, new SharedArrayBuffer(8)]', 'no answer'],
  ])) {
    it(`${message}: ${expected}, and the next exchange works`, async () => {
      const [answer, next] = await page.evaluate(`(async () => {
          const { post, next } = rawPort();
          post(${message});
          post([7, 'default', new ArrayBuffer(128), 'main']);
          const answer = await next();
          const limit = new Promise((resolve) => setTimeout(resolve, ${expected === 'error' ? 10_000 : 50}));
          return [answer, await Promise.race([next(), limit])];
        })()`);
      const [good, bad] = answer[0] === 7 ? [answer, next] : [next, answer];
      if (expected === 'error') {
        assert.equal(bad[2], -1);
        assert.ok(bad[3].message.length > 10);
        assert.match(bad[3].fields.code, /^ERR_/);
      } else assert.equal(bad, undefined);
      assert.deepEqual([good[0], good[2] > 0, good[3]], [7, true, undefined]);
    });
  }
});
