// Asynchronous exchanges. Runs in Electron's main process, in its renderer process and in plain Node.js.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { exchangeDataAsync, openLibrary } = require('../../index.js');
const { differs } = require('../support/differences.js');
const {
  assertDocumented,
  cameraLog,
  cameraRequest,
  fixtureLibrary,
  loadProbe,
  temporaryFolder,
} = require('../support/fixtures.js');

const { addressOf } = loadProbe();
const open = (/** @type {string} */ name) => openLibrary(fixtureLibrary(name));
// Fills the memory; the first 16 bytes are the address and the length that the library received.
const library = open('address');

const WHERE = process.type ?? 'Node.js';
const MAX_THREADS = 4;
const FILL = 0xa5;
const collect = /** @type {() => void} */ (/** @type {any} */ (globalThis).gc);

/** @param {unknown} value @param {unknown} [options] @returns {Promise<Uint8Array>} */
const exchange = (value, options) => /** @type {Function} */ (library.exchangeDataAsync)(value, options);

/** The error that a promise is rejected with. @param {Promise<unknown>} promise @returns {Promise<any>} */
const failure = (promise) =>
  promise.then(
    () => assert.fail('the promise was fulfilled'),
    (error) => error,
  );

/** @param {Uint8Array} result @param {bigint} address @param {number} length */
function assertFilled(result, address, length) {
  assert.equal(Object.getPrototypeOf(result), Uint8Array.prototype);
  assert.equal(result.byteLength, length);
  assert.equal(addressOf(result), address, 'the memory has not moved');
  const seen = new DataView(result.buffer, result.byteOffset, 16);
  if (!differs('address')) assert.equal(seen.getBigUint64(0, true), address, 'the library received this memory');
  assert.equal(seen.getBigUint64(8, true), BigInt(length));
  assert.ok(Buffer.from(result.buffer, result.byteOffset + 16, length - 16).every((byte) => byte === FILL));
}

/**
 * Checks that the memory of this view is moved, and detached during the call.
 * @param {Uint8Array | Uint8ClampedArray} view
 */
async function moved(view) {
  const [address, length] = [addressOf(view), view.byteLength];
  const { buffer } = view;
  const promise = exchange(view);
  assert.equal(view.byteLength, 0, 'the view is detached');
  assert.equal(buffer.byteLength, 0, 'its ArrayBuffer is detached');
  const result = await promise;
  assertFilled(result, address, length);
  assert.equal(result.byteOffset, 0);
  assert.equal(result.buffer.byteLength, length);
}

/** Checks that the memory of this view is used in place, and stays accessible. @param {Uint8Array} view */
async function shared(view) {
  const { buffer, byteOffset, byteLength } = view;
  const address = addressOf(view);
  const result = await exchange(view);
  assertFilled(result, address, byteLength);
  assert.equal(result.buffer, buffer);
  assert.equal(result.byteOffset, byteOffset);
  assert.equal(view.byteLength, byteLength, 'the view is not detached');
}

/** @param {string} name @param {string} code @param {RegExp} message */
const refused = (name, code, message) => async (/** @type {any} */ value) => {
  const length = value.byteLength;
  const error = await failure(exchange(value));
  assert.deepEqual([error.name, error.code], [name, code]);
  assert.match(error.message, message);
  assert.equal(error.buffer, length === 0 ? undefined : value, 'the error has the memory');
  assert.equal(value.byteLength, length, 'the memory is not detached');
};
const partial = refused('TypeError', 'ERR_INVALID_BUFFER', /covers \d+ of the \d+ bytes of its ArrayBuffer/);
const isResizable = refused('TypeError', 'ERR_INVALID_BUFFER', /is resizable/);
const notDetachable = refused('TypeError', 'ERR_INVALID_BUFFER', /cannot be detached/);
const detached = refused('TypeError', 'ERR_BUFFER_DETACHED', /was transferred elsewhere, or it is lent to an exchange/);

/** @param {number} length @param {number} maxByteLength */
const resizable = (length, maxByteLength) =>
  /** @type {ArrayBuffer} */ (new /** @type {any} */ (ArrayBuffer)(length, { maxByteLength }));

class Frame extends Uint8Array {}

/** Checks that options are refused. @param {unknown} options @param {string} type the type that the message names */
async function badOptions(options, type) {
  const view = new Uint8Array(64);
  const error = await failure(exchange(view, options));
  assert.deepEqual([error.name, error.code, error.buffer], ['TypeError', 'ERR_INVALID_ARG_TYPE', view]);
  assert.ok(error.message.endsWith(`, or left out, and ${type} was given.`), error.message);
  assert.equal(view.byteLength, 64);
}

/** @type {[input: string, outcome: string, test: () => Promise<unknown> | undefined][]} */
const MATRIX = [
  [
    'not a view of bytes: undefined, a number, an ArrayBuffer, a Float64Array, a Proxy, ...',
    '`ERR_INVALID_BUFFER`',
    async () => {
      for (const value of [
        undefined,
        null,
        4096,
        'bytes',
        {},
        [1],
        new ArrayBuffer(64),
        new SharedArrayBuffer(64),
        new DataView(new ArrayBuffer(64)),
        new Float64Array(8),
        new Int8Array(8),
        new Proxy(Buffer.alloc(64), {}),
        Object.create(Buffer.prototype),
      ]) {
        const error = await failure(exchange(value));
        assert.deepEqual([error.name, error.code, error.buffer], ['TypeError', 'ERR_INVALID_BUFFER', undefined]);
        assert.match(error.message, /was given/);
      }
    },
  ],
  ['a Buffer with its own ArrayBuffer', 'moved, and returned', () => moved(Buffer.alloc(4096))],
  ['a Uint8Array', 'moved, and returned', () => moved(new Uint8Array(4096))],
  ['16 bytes, which V8 first keeps in its own heap', 'moved, and returned', () => moved(new Uint8Array(16))],
  ['a Uint8ClampedArray', 'moved, and returned as a Uint8Array', () => moved(new Uint8ClampedArray(4096))],
  ['a subclass of Uint8Array', 'moved, and returned as a Uint8Array', () => moved(new Frame(4096))],
  ['64 MiB', 'moved, and returned', () => moved(new Uint8Array(64 * 1024 * 1024))],
  [
    'a view of zero bytes',
    'the library is called with length 0',
    async () => {
      const error = await failure(exchange(new Uint8Array(0)));
      assert.deepEqual([error.code, error.required, error.buffer.byteLength], ['ERR_BUFFER_TOO_SMALL', 16, 0]);
    },
  ],
  [
    'a view of a SharedArrayBuffer, or of a part of one',
    'used in place',
    async () => {
      await shared(new Uint8Array(new SharedArrayBuffer(4096)));
      await shared(new Uint8Array(new SharedArrayBuffer(4096), 17, 1001));
    },
  ],
  [
    'a growable SharedArrayBuffer',
    'used in place, with its length at the time of the call',
    () => shared(new Uint8Array(new /** @type {any} */ (SharedArrayBuffer)(4096, { maxByteLength: 8192 }), 16)),
  ],
  [
    'shared WebAssembly.Memory',
    'used in place',
    () => shared(new Uint8Array(new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }).buffer, 8, 1024)),
  ],
  [
    'a pooled Buffer',
    "`ERR_INVALID_BUFFER`: it covers a part of an ArrayBuffer; Node.js's pool stays usable",
    async () => {
      await partial(Buffer.from('a'.repeat(64)));
      assert.equal(Buffer.from('still there').toString(), 'still there');
    },
  ],
  [
    'a view of a part of an ArrayBuffer, from its start, its end or its middle',
    '`ERR_INVALID_BUFFER`',
    async () => {
      for (const [from, to] of [
        [0, 4095],
        [1, 4096],
        [1001, 2002],
      ])
        await partial(new Uint8Array(4096).subarray(from, to));
      const { code } = await failure(exchange(new Uint8Array(4096).subarray(4096)));
      assert.equal(code, 'ERR_INVALID_BUFFER', 'also for an empty view');
    },
  ],
  [
    'resizable, with a fixed length or length-tracking',
    '`ERR_INVALID_BUFFER`: moving it would copy it',
    async () => {
      await isResizable(new Uint8Array(resizable(4096, 8192)));
      await isResizable(new Uint8Array(resizable(4096, 8192), 0, 4096));
      await isResizable(new Uint8Array(resizable(4096, 4096)));
    },
  ],
  [
    'WebAssembly.Memory that is not shared',
    '`ERR_INVALID_BUFFER`: it cannot be detached; the memory stays usable',
    async () => {
      const memory = new WebAssembly.Memory({ initial: 1 });
      await notDetachable(new Uint8Array(memory.buffer));
      assert.equal(memory.grow(1), 1);
      assert.equal(memory.buffer.byteLength, 2 * 65536);
    },
  ],
  [
    'a detached view',
    '`ERR_BUFFER_DETACHED`',
    () => {
      const view = new Uint8Array(64);
      structuredClone(view.buffer, { transfer: [view.buffer] });
      return detached(view);
    },
  ],
  [
    'a buffer that a running exchange uses',
    '`ERR_BUFFER_DETACHED`; the running exchange continues',
    async () => {
      const view = new Uint8Array(64);
      const first = exchange(view);
      await detached(view);
      assert.throws(() => library.exchangeDataInPlace(view), { code: 'ERR_BUFFER_DETACHED' });
      assert.equal((await first).byteLength, 64);
    },
  ],
  [
    'options that are not an object, a signal that is not an AbortSignal',
    '`ERR_INVALID_ARG_TYPE`',
    async () => {
      const object = 'another kind of object';
      for (const [value, type] of /** @type {[unknown, string][]} */ ([
        [null, 'null'],
        [1, 'a number'],
        ['signal', 'a string'],
        [true, 'a boolean'],
      ])) {
        await badOptions(value, type);
        await badOptions({ signal: value }, type);
      }
      for (const signal of [{}, new EventTarget(), { aborted: false }]) await badOptions({ signal }, object);
    },
  ],
  [
    'options without a signal',
    'moved, and returned',
    async () => {
      for (const options of [undefined, {}, { signal: undefined }])
        assert.equal((await exchange(new Uint8Array(64), options)).byteLength, 64);
    },
  ],
  [
    'options with a getter that throws',
    'rejected with the thrown value',
    async () => {
      const view = new Uint8Array(64);
      const thrown = new Error('mine');
      const options = {
        get signal() {
          throw thrown;
        },
      };
      assert.equal(await failure(exchange(view, options)), thrown);
      assert.equal(view.byteLength, 64);
    },
  ],
  [
    'options with a getter that detaches the memory',
    '`ERR_BUFFER_DETACHED`',
    async () => {
      const view = new Uint8Array(64);
      const options = {
        get signal() {
          structuredClone(view.buffer, { transfer: [view.buffer] });
          return undefined;
        },
      };
      assert.equal((await failure(exchange(view, options))).code, 'ERR_BUFFER_DETACHED');
    },
  ],
  [
    'a signal that is already aborted',
    '`ABORT_ERR`; the memory is not detached',
    async () => {
      const view = new Uint8Array(64);
      const error = await failure(exchange(view, { signal: AbortSignal.abort('the reason') }));
      assert.deepEqual([error.name, error.code, error.cause], ['AbortError', 'ABORT_ERR', 'the reason']);
      assert.equal(error.buffer, view);
      assert.equal(view.byteLength, 64);
    },
  ],
];

describe(`asynchronous exchanges in the ${WHERE} process`, () => {
  for (const [input, outcome, test] of MATRIX) it(`${input}: ${outcome}`, test);

  it('docs/errors.md has this table', () =>
    assertDocumented(
      ['buffer or options', 'gives'],
      MATRIX.map(([input, outcome]) => [input, outcome]),
    ));

  it('the default library: the promise resolves to the message, trimmed', async () => {
    const result = await exchangeDataAsync(Buffer.alloc(4096));
    assert.match(new TextDecoder().decode(result), /^Hello from Rust!.*owns\.$/);
    assert.equal(result.buffer.byteLength, 4096, 'its buffer is the whole memory');
  });

  it('never throws synchronously', () => {
    const call = /** @type {Function} */ (exchangeDataAsync);
    return Promise.all([failure(call()), failure(call(1, 2)), failure(call(new Uint8Array(64), 2))]);
  });

  it('JavaScript continues while the library works', async () => {
    const log = cameraLog();
    const stop = new AbortController();
    const outcome = open('camera')
      .exchangeDataAsync(cameraRequest(5000), { signal: stop.signal })
      .then(
        () => 'fulfilled',
        ({ code }) => code,
      );
    await log.until('begin');
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
      if (ticks === 10) stop.abort();
    }, 5);
    const code = await outcome;
    clearInterval(timer);
    assert.equal(code, 'ABORT_ERR', 'the timer has ticked ten times before the call would have ended by itself');
  });

  it('garbage collection does not free the memory of a running call', async () => {
    cameraLog();
    const camera = open('camera-concurrent');
    const promises = Array.from({ length: MAX_THREADS }, () =>
      camera.exchangeDataAsync(cameraRequest(60, new ArrayBuffer(1024 * 1024))),
    );
    for (let round = 0; round < 10; round += 1) {
      new Uint8Array(8 * 1024 * 1024).fill(1); // would reuse freed memory
      collect();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const result of await Promise.all(promises))
      assert.ok(Buffer.from(result.buffer, 4).every((byte) => byte === FILL));
  });
});

describe(`errors of asynchronous exchanges in the ${WHERE} process`, () => {
  const folder = temporaryFolder();

  /** Checks the error of a library's call. @param {string} name @param {object} expected */
  async function assertError(name, expected) {
    const view = new Uint8Array(64);
    const address = addressOf(view);
    const error = await failure(open(name).exchangeDataAsync(view));
    assert.equal(error instanceof Error, true);
    for (const [field, value] of Object.entries(expected)) assert.equal(error[field], value, field);
    assert.equal(view.byteLength, 0);
    assert.equal(addressOf(error.buffer), address, 'the error has the memory');
    assert.equal(error.buffer.byteLength, 64);
    assert.ok(!Object.keys(error).includes('buffer'), 'and the property is not enumerable');
  }

  it('a message that does not fit: ERR_BUFFER_TOO_SMALL', () =>
    assertError('too-small', {
      name: 'RangeError',
      code: 'ERR_BUFFER_TOO_SMALL',
      path: fixtureLibrary('too-small'),
      required: 1064,
    }));
  it('a negative status with a message: ERR_LIBRARY_FAILED', () =>
    assertError('negative-message', { name: 'Error', code: 'ERR_LIBRARY_FAILED', status: -9 }));
  it('a count above the limit: ERR_LIBRARY_COUNT', () =>
    assertError('int64-max', { name: 'RangeError', code: 'ERR_LIBRARY_COUNT', count: 2n ** 63n - 1n }));
  it('an exception in C++, caught inside: ERR_LIBRARY_FAILED', () =>
    assertError('throws', { code: 'ERR_LIBRARY_FAILED' }));

  it('a library that refuses to be opened: the next call tries again', async () => {
    const file = path.join(folder, path.basename(fixtureLibrary('life-refused')));
    fs.copyFileSync(fixtureLibrary('life-refused'), file); // a file that no other test has opened
    const { exchangeDataAsync } = openLibrary(file);
    const error = await failure(exchangeDataAsync(new Uint8Array(2)));
    assert.deepEqual([error.code, error.status, error.buffer.byteLength], ['ERR_LIBRARY_FAILED', -7, 2]);
    assert.deepEqual([...(await exchangeDataAsync(error.buffer))], [2, 0]);
  });
});
