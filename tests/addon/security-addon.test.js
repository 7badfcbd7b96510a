// Hostile or careless JavaScript in the environment of the addon.

const assert = require('node:assert/strict');
const addon = require('../../index.js');
const { differs } = require('../support/differences.js');
const { countSharedMemory, environmentEnded } = require('../../lib/addon.js');
const { FOR_EVER, cameraLog, cameraRequest, each, fixtureLibrary } = require('../support/fixtures.js');

const address = addon.openLibrary(fixtureLibrary('address'));

/**
 * The messages of an event of this process while a function runs.
 * @param {string} event @param {() => Promise<unknown>} during
 */
async function messagesOf(event, during) {
  /** @type {Error[]} */
  const errors = [];
  const listener = (/** @type {Error} */ error) => errors.push(error);
  process.on(event, listener);
  await during();
  await new Promise((resolve) => setTimeout(resolve, 20)); // a warning is emitted in the next tick
  process.off(event, listener);
  return errors.map(({ message }) => message);
}

describe('an AbortSignal', () => {
  it('gets one listener for any number of calls, which is removed when they have settled; no warning', async () => {
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
    const warnings = await messagesOf('warning', async () => {
      const calls = Array.from({ length: 100 }, () => address.exchangeDataAsync(new Uint8Array(64), { signal }));
      assert.equal(listeners.size, 1);
      await Promise.all(calls);
    });
    assert.deepEqual(warnings, []);
    assert.deepEqual([added, listeners.size], [1, 0]);
    await address.exchangeDataAsync(new Uint8Array(64), { signal });
    assert.deepEqual([added, listeners.size], [2, 0], 'the signal can be used again');
  });

  it('cancels its own hundred calls, and none of another signal', async () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const camera = addon.openLibrary(fixtureLibrary('camera'));
    const begin = (/** @type {AbortController} */ { signal }, /** @type {number} */ milliseconds) =>
      camera.exchangeDataAsync(cameraRequest(milliseconds), { signal }).then(
        () => 'done',
        ({ code, cause, buffer }) => `${code} ${cause} ${buffer.length}`,
      );
    const calls = Array.from({ length: 100 }, () => begin(one, FOR_EVER));
    const others = Array.from({ length: 3 }, () => begin(other, 20));
    one.abort('enough');
    assert.deepEqual([...new Set(await Promise.all(calls))].sort(), ['ABORT_ERR enough 64']);
    assert.deepEqual(await Promise.all(others), ['done', 'done', 'done']);
  });

  it('that makes calls in addEventListener, or throws in removeEventListener: the calls settle', async () => {
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
    const throwing = {
      aborted: false,
      addEventListener() {},
      removeEventListener: () => assert.fail('thrown on purpose'),
    };
    const call = address.exchangeDataAsync(new Uint8Array(64), { signal: /** @type {any} */ (throwing) });
    assert.equal((await call).length, 64);
  });
});

describe("an 'exit' event emitted by a script", () => {
  it('does not end the environment', async () => {
    for (let each = 0; each < 3; each += 1) {
      process.emit('exit', 0);
      assert.equal((await address.exchangeDataAsync(new Uint8Array(64))).length, 64);
      assert.equal(address.exchangeDataInPlace(new Uint8Array(64)), 64);
      assert.equal(environmentEnded[0], 0);
    }
  });

  it('cancels the calls that run, and returns their memory', async () => {
    const log = cameraLog();
    const camera = addon.openLibrary(fixtureLibrary('camera'));
    const calls = [1, 2].map(() =>
      camera.exchangeDataAsync(cameraRequest(FOR_EVER)).then(
        () => assert.fail('it was fulfilled'),
        (error) => error,
      ),
    );
    await log.until('begin');
    process.emit('exit', 0);
    for (const { code, buffer } of await Promise.all(calls)) {
      assert.equal(code, 'ABORT_ERR');
      assert.equal(buffer.length, 64);
    }
    assert.deepEqual([log.count('begin'), log.count('end')], [1, 1]);
  });
});

describe('internal functions of the addon', () => {
  it('are not exported', () => {
    assert.deepEqual(
      Object.keys(addon)
        .filter((name) => !name.startsWith('__'))
        .sort(),
      [
        'addressOf',
        'exchangeDataAsync',
        'exchangeDataInPlace',
        'externalBuffersAllowed',
        'openLibrary',
        'operation',
        'shareLibraries',
      ],
    );
    assert.deepEqual(Object.keys(address).sort(), [
      'abiVersion',
      'exchangeDataAsync',
      'exchangeDataInPlace',
      'name',
      'operation',
      'operations',
      'path',
      ...(differs('handle') ? ['process'] : []),
    ]);
  });

  it('countSharedMemory accepts shared memory only, and reads the length from the memory itself', () => {
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
          throw new Error('length was read');
        },
      },
    ];
    for (const value of hostile)
      assert.throws(() => /** @type {any} */ (countSharedMemory)(value, 2 ** 61), { code: 'ERR_INVALID_BUFFER' });
  });
});

describe('the function that detaches the memory', () => {
  each(['transfer', 'structuredClone'], (name) => {
    it(`is the original one: a ${name} replaced after the addon was loaded is not called`, async () => {
      const owner = /** @type {any} */ (name === 'transfer' ? ArrayBuffer.prototype : globalThis);
      const original = Object.getOwnPropertyDescriptor(owner, name);
      /** @type {unknown[]} */
      const receivers = [];
      Object.defineProperty(owner, name, {
        configurable: true,
        writable: true,
        value(/** @type {any[]} */ ...args) {
          receivers.push(this);
          return original?.value.apply(this, args);
        },
      });
      try {
        assert.equal((await address.exchangeDataAsync(new Uint8Array(64))).length, 64);
        assert.deepEqual(receivers, []);
      } finally {
        if (original) Object.defineProperty(owner, name, original);
        else delete owner[name];
      }
    });
  });
});
