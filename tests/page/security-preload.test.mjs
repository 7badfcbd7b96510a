// The options of expose(), and what it does before other code of the preload runs.

import assert from 'node:assert/strict';
import { connect, connectOutcome, launch, openPage } from '../support/page-api.mjs';

/**
 * The globals of the page.
 * @type {{ link: import('../../lib/types/page.mjs').Exchange, outcome(call: () => unknown): Promise<any> }}
 */
const { link, outcome } = /** @type {any} */ (globalThis);

/** Values of `origins`, the outcome, and the message. @type {[unknown, string, RegExp?][]} */
const ORIGINS = [
  [undefined, 'ERR_INVALID_ARG_TYPE', /needs `origins`.*'\*'/],
  [null, 'ERR_INVALID_ARG_TYPE', /needs `origins`/],
  [7, 'ERR_INVALID_ARG_TYPE', /needs `origins`/],
  [{}, 'ERR_INVALID_ARG_TYPE', /needs `origins`/],
  [[7], 'ERR_INVALID_ARG_TYPE', /a number/],
  [[null], 'ERR_INVALID_ARG_TYPE', /string/],
  [[''], 'ERR_INVALID_ARG_VALUE'],
  [['null'], 'ERR_INVALID_ARG_VALUE'],
  [['my-app'], 'ERR_INVALID_ARG_VALUE'],
  [['app:'], 'ERR_INVALID_ARG_VALUE'],
  [['app://'], 'ERR_INVALID_ARG_VALUE'],
  [['app://elsewhere/'], 'ERR_INVALID_ARG_VALUE', /Did you mean 'app:\/\/elsewhere'\?/],
  [['app://elsewhere/index.html'], 'ERR_INVALID_ARG_VALUE', /Did you mean 'app:\/\/elsewhere'\?/],
  [['app://elsewhere?x'], 'ERR_INVALID_ARG_VALUE', /Did you mean 'app:\/\/elsewhere'\?/],
  [['app://elsewhere#x'], 'ERR_INVALID_ARG_VALUE', /Did you mean 'app:\/\/elsewhere'\?/],
  [['App://Elsewhere'], 'ERR_INVALID_ARG_VALUE', /Did you mean 'app:\/\/elsewhere'\?/],
  [['https://example.com:443'], 'ERR_INVALID_ARG_VALUE', /Did you mean 'https:\/\/example.com'\?/],
  [['https://user@example.com'], 'ERR_INVALID_ARG_VALUE', /Did you mean 'https:\/\/example.com'\?/],
  [['https://*.example.com'], 'ERR_INVALID_ARG_VALUE'],
  [['app://*'], 'ERR_INVALID_ARG_VALUE'],
  [[' app://elsewhere'], 'ERR_INVALID_ARG_VALUE'],
  [['file:///'], 'ERR_INVALID_ARG_VALUE', /Did you mean 'file:\/\/'\?/],
  [['file:///home/me/index.html'], 'ERR_INVALID_ARG_VALUE', /Did you mean 'file:\/\/'\?/],
  [['app://elsewhere', 'app://elsewhere/'], 'ERR_INVALID_ARG_VALUE'],
  [[], 'accepted'],
  ['app://elsewhere', 'accepted'],
  [['app://elsewhere'], 'accepted'],
  [['file://'], 'accepted'],
  [['http://localhost:5173', 'https://example.com', 'https://example.com:8443'], 'accepted'],
];

describe('the origins of expose()', () => {
  /** @type {any[]} */
  let attempts;
  /** @type {(string | string[])[]} */
  const outcomes = [];
  before(async () => {
    const options = ORIGINS.map(([origins]) => ({ origins }));
    const opened = await launch({ FIXTURE_OPTIONS: JSON.stringify(options) });
    try {
      for (const url of ['app://isolated/', 'app://stranger/']) {
        const page = await openPage(opened, url, { preload: 'origins.js' });
        attempts = await page.evaluate(() => /** @type {any} */ (globalThis).attempts);
        outcomes.push(await connectOutcome(page));
      }
    } finally {
      await opened.app.close();
    }
  });

  it('are required', () => {
    assert.equal(attempts[0].code, 'ERR_INVALID_ARG_TYPE');
    assert.match(attempts[0].message, /needs `origins`/);
  });

  for (const [index, [origins, expected, words]] of ORIGINS.entries())
    it(`${JSON.stringify(origins)}: ${expected}`, () => {
      const outcome = attempts[index + 1];
      if (expected === 'accepted') return assert.equal(outcome, 'accepted');
      assert.deepEqual([outcome.name, outcome.code], ['TypeError', expected]);
      assert.match(outcome.message, words ?? /is not an origin/);
    });

  it("'*' allows any", () => {
    const connected = ['exchange', 'allocate', 'frames', 'recycle', 'stream', 'shared', 'portForWorker'];
    assert.deepEqual(outcomes, [connected, connected]);
  });
});

describe('expose()', () => {
  it('loads the addon before other code of the preload can replace built-in functions', async () => {
    const opened = await launch();
    try {
      const page = await openPage(opened, 'app://isolated/', { preload: 'patched.js' });
      await connect(page);
      const seen = await page.evaluate(async () => {
        const { length } = await link.exchange(new Uint8Array(64), { library: 'address' });
        return [length, /** @type {any} */ (globalThis).fixture.stolen()];
      });
      assert.deepEqual(seen, [64, 0]);
    } finally {
      await opened.app.close();
    }
  });

  it('keeps the error of loading the addon, with which each exchange then fails', async () => {
    const opened = await launch({ NAPI_RS_NATIVE_LIBRARY_PATH: '/there/is/no-such.node' });
    try {
      const page = await openPage(opened, 'app://isolated/', { preload: 'origins.js' });
      await connect(page);
      for (const thread of /** @type {const} */ (['main', 'worker', 'main'])) {
        const error = await page.evaluate(
          (thread) => outcome(() => link.exchange(new Uint8Array(64), { library: 'address', thread })),
          thread,
        );
        assert.deepEqual([error.code, error.memory], ['ERR_ADDON', 64]);
        assert.match(error.message, /^The addon .* cannot be loaded: Cannot find module '.*no-such\.node'$/);
      }
      const { code } = await page.evaluate(() => outcome(() => link.shared(64, { library: 'address' })));
      assert.equal(code, 'ERR_ADDON');
    } finally {
      await opened.app.close();
    }
  });
});
