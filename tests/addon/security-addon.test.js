// What hostile or careless JavaScript beside the addon can do to it.

const assert = require('node:assert/strict');
const addon = require('../../index.js');
const { countSharedMemory, environmentEnded } = require('../../lib/addon.js');
const { cameraRequest, each, fixtureLibrary } = require('../support/fixtures.js');

const address = addon.openLibrary(fixtureLibrary('address'));

/** @param {string} event of this process, heard while the function runs @param {() => Promise<unknown>} during */
async function heard(event, during) {
  /** @type {Error[]} */
  const heard = [];
  const listener = (/** @type {Error} */ what) => heard.push(what);
  process.on(event, listener);
  await during();
  await new Promise((resolve) => setTimeout(resolve, 20)); // a warning comes a tick later
  process.off(event, listener);
  return heard.map(({ message }) => message);
}

describe('an AbortSignal', () => {
  it('has one listener, however many calls have it, and none when they are over; no warning', async () => {
    const { signal } = new AbortController();
    const listeners = new Set();
    let added = 0;
    const { addEventListener, removeEventListener } = signal;
    Object.assign(signal, {
      /** @param {[any, any]} args */
      addEventListener(...args) {
        added += 1;
        listeners.add(args[1]);
        addEventListener.apply(signal, args);
      },
      /** @param {[any, any]} args */
      removeEventListener(...args) {
        listeners.delete(args[1]);
        removeEventListener.apply(signal, args);
      },
    });
    const warnings = await heard('warning', async () => {
      const calls = Array.from({ length: 100 }, () => address.exchangeDataAsync(new Uint8Array(64), { signal }));
      assert.equal(listeners.size, 1);
      await Promise.all(calls);
    });
    assert.deepEqual(warnings, []);
    assert.deepEqual([added, listeners.size], [1, 0]);
    await address.exchangeDataAsync(new Uint8Array(64), { signal });
    assert.deepEqual([added, listeners.size], [2, 0], 'and it can be used again');
  });

  it('stops a hundred calls of its own, and none of another', async () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const camera = addon.openLibrary(fixtureLibrary('camera'));
    const begin = (/** @type {AbortController} */ { signal }) =>
      camera.exchangeDataAsync(cameraRequest(20), { signal }).then(
        () => 'done',
        ({ code, cause, buffer }) => `${code} ${cause} ${buffer.length}`,
      );
    const calls = Array.from({ length: 100 }, () => begin(one));
    const others = Array.from({ length: 3 }, () => begin(other));
    one.abort('enough');
    assert.deepEqual([...new Set(await Promise.all(calls))].sort(), ['ABORT_ERR enough 64']);
    assert.deepEqual(await Promise.all(others), ['done', 'done', 'done']);
  });

  it('that calls back while it is listened to, or lies about it, settles all the same', async () => {
    /** @type {Promise<unknown>[]} */
    const inner = [];
    const { signal } = new AbortController();
    const { addEventListener } = signal;
    let depth = 0;
    signal.addEventListener = (/** @type {[any, any]} */ ...args) => {
      if (depth++ < 3) inner.push(address.exchangeDataAsync(new Uint8Array(64), { signal }));
      addEventListener.apply(signal, args);
    };
    inner.push(address.exchangeDataAsync(new Uint8Array(64), { signal }));
    assert.equal((await Promise.all(inner)).length, 4);
    const liar = { aborted: false, addEventListener() {}, removeEventListener: () => assert.fail('thrown on purpose') };
    const call = address.exchangeDataAsync(new Uint8Array(64), { signal: /** @type {any} */ (liar) });
    assert.equal((await call).length, 64);
  });
});

describe("an 'exit' that somebody has made up", () => {
  it('stops what runs, and the environment goes on', async () => {
    for (let each = 0; each < 3; each += 1) {
      process.emit('exit', 0);
      assert.equal((await address.exchangeDataAsync(new Uint8Array(64))).length, 64);
      assert.equal(address.exchangeDataInPlace(new Uint8Array(64)), 64);
      assert.equal(environmentEnded[0], 0);
    }
  });
});

describe('what the addon keeps for itself', () => {
  it('is not public', () => {
    assert.deepEqual(
      Object.keys(addon)
        .filter((name) => !name.startsWith('__'))
        .sort(),
      ['addressOf', 'exchangeDataAsync', 'exchangeDataInPlace', 'externalBuffersAllowed', 'openLibrary'],
    );
    assert.deepEqual(Object.keys(address).sort(), [
      'abiVersion',
      'exchangeDataAsync',
      'exchangeDataInPlace',
      'name',
      'path',
    ]);
  });

  it('countSharedMemory takes the length from the memory, and nothing that is not shared', () => {
    const shared = new SharedArrayBuffer(1 << 20);
    for (let each = 0; each < 1000; each += 1) countSharedMemory(shared);
    /** @type {any} */ (countSharedMemory)(new SharedArrayBuffer(8), 2 ** 61);
    const hostile = [
      undefined,
      null,
      2 ** 61,
      1e9,
      'text',
      {},
      [],
      { byteLength: 2 ** 61, length: 2 ** 61 },
      new Proxy(shared, {}),
      Object.create(SharedArrayBuffer.prototype),
      new ArrayBuffer(8),
      new Uint8Array(shared),
      {
        get length() {
          throw new Error('looked at');
        },
      },
    ];
    for (const value of hostile)
      assert.throws(() => /** @type {any} */ (countSharedMemory)(value, 2 ** 61), { code: 'ERR_INVALID_BUFFER' });
  });
});

describe('what takes the memory away', () => {
  each(['transfer', 'structuredClone'], (name) => {
    it(`is what was there when the addon was loaded, and no ${name} that came later`, async () => {
      const place = /** @type {any} */ (name === 'transfer' ? ArrayBuffer.prototype : globalThis);
      const own = Object.getOwnPropertyDescriptor(place, name);
      /** @type {unknown[]} */
      const stolen = [];
      Object.defineProperty(place, name, {
        configurable: true,
        writable: true,
        value(/** @type {any[]} */ ...args) {
          stolen.push(this);
          return own?.value.apply(this, args);
        },
      });
      try {
        assert.equal((await address.exchangeDataAsync(new Uint8Array(64))).length, 64);
        assert.deepEqual(stolen, []);
      } finally {
        if (own) Object.defineProperty(place, name, own);
        else delete place[name];
      }
    });
  });
});
