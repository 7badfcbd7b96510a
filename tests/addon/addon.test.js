// The addon over the default library. Runs in Electron's main process and in its renderer process.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');
const { addressOf, exchangeDataInPlace, openLibrary } = require('../../index.js');
const { fixtureLibrary } = require('../support/fixtures.js');

const version = /^version = "(.+)"$/m.exec(readFileSync(path.join(__dirname, '..', '..', 'Cargo.toml'), 'utf8'))?.[1];
const TEXT = `Hello from Rust! native-lib ${version} wrote these bytes in place, into memory that V8 owns.`;
const PATTERN = 0x5a;

describe(`exchangeDataInPlace in the ${process.type} process`, () => {
  it('answers the number of bytes written, and the slice to it is the text', () => {
    const buffer = Buffer.alloc(256, PATTERN);
    const count = exchangeDataInPlace(buffer);
    assert.equal(count, Buffer.byteLength(TEXT));
    assert.equal(buffer.subarray(0, count).toString('utf8'), TEXT);
    assert.ok(buffer.subarray(count).every((byte) => byte === PATTERN));
  });

  it('writes into a buffer of just the right size', () => {
    const buffer = Buffer.alloc(TEXT.length);
    assert.equal(exchangeDataInPlace(buffer), TEXT.length);
    assert.equal(buffer.toString('utf8'), TEXT);
  });

  it('takes 8 MiB, and leaves what comes after the message alone', () => {
    const buffer = Buffer.alloc(8 * 1024 * 1024, PATTERN);
    const count = exchangeDataInPlace(buffer);
    assert.equal(buffer.subarray(0, count).toString('utf8'), TEXT);
    assert.ok(Buffer.alloc(buffer.length - count, PATTERN).equals(buffer.subarray(count)));
  });

  it('fills all of the memory when that begins with a request to', () => {
    const buffer = Buffer.alloc(1000, PATTERN);
    buffer.write('fill');
    assert.equal(exchangeDataInPlace(buffer), 1000);
    assert.ok(buffer.toString('latin1').startsWith(TEXT));
    assert.ok(buffer.toString('latin1').endsWith('byte 0x000003d0\nbyte 0x0'));
  });

  it('takes a Uint8Array and a Uint8ClampedArray', () => {
    for (const bytes of [new Uint8Array(256), new Uint8ClampedArray(256)]) {
      const count = exchangeDataInPlace(/** @type {Uint8Array} */ (bytes));
      assert.equal(new TextDecoder().decode(bytes.slice(0, count)), TEXT);
    }
  });

  it('refuses a buffer that is too small, says what is needed, and writes nothing', () => {
    for (const size of [0, 1, TEXT.length - 1]) {
      const buffer = Buffer.alloc(size, PATTERN);
      assert.throws(() => exchangeDataInPlace(buffer), {
        name: 'RangeError',
        code: 'ERR_BUFFER_TOO_SMALL',
        required: TEXT.length,
      });
      assert.ok(buffer.every((byte) => byte === PATTERN));
    }
  });

  it('refuses what is no view of bytes, and says what to pass', () => {
    for (const [value, words] of [
      [undefined, 'undefined'],
      [null, 'null'],
      [256, 'a number'],
      ['text', 'a string'],
      [{ length: 256 }, 'another kind of object'],
      [[1, 2, 3], 'an array'],
      [new ArrayBuffer(256), 'an ArrayBuffer'],
      [new DataView(new ArrayBuffer(256)), 'a DataView'],
      [new Float64Array(32), 'a view of wider or signed elements'],
      [new Proxy(Buffer.alloc(256), {}), 'another kind of object'],
    ]) {
      assert.throws(
        () => exchangeDataInPlace(/** @type {any} */ (value)),
        (/** @type {any} */ error) =>
          error instanceof TypeError &&
          /** @type {any} */ (error).code === 'ERR_INVALID_BUFFER' &&
          error.message.includes(`${words} was given`),
      );
    }
  });

  it('refuses a detached buffer', () => {
    const bytes = new Uint8Array(256);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    assert.throws(() => exchangeDataInPlace(bytes), { name: 'TypeError', code: 'ERR_BUFFER_DETACHED' });
  });

  it('gives an error, and no crash, with the stack all but used up', () => {
    /** Calls itself until the stack is used up, and `call` in the frames beyond `from`. @param {number} from @param {() => void} call */
    const descend = (from, call) => {
      let depth = 0;
      const deeper = () => {
        depth += 1;
        if (depth > from) call();
        deeper();
      };
      assert.throws(deeper, RangeError);
      return depth;
    };
    for (const [expected, call] of /** @type {[string, () => unknown][]} */ ([
      ['ERR_LIBRARY_PATH', () => openLibrary('relative')],
      ['ERR_INVALID_BUFFER', () => exchangeDataInPlace(/** @type {any} */ (null))],
    ])) {
      const codes = new Set();
      descend(0.9 * descend(Number.POSITIVE_INFINITY, () => {}), () => {
        try {
          call();
        } catch (error) {
          codes.add(/** @type {any} */ (error).code);
        }
      });
      assert.ok(codes.has(expected), `${expected}: ${[...codes].join(', ')}`);
    }
  });

  it('gives its own error whatever has been done to the prototypes', () => {
    const planted = ['code', 'path', 'required', 'cause'];
    const circular = { cause: {} };
    circular.cause = circular;
    const called = /** @type {string[]} */ ([]);
    for (const name of planted) {
      Object.defineProperty(Object.prototype, name, {
        configurable: true,
        get: () => circular,
        set: () => called.push(name),
      });
    }
    try {
      assert.throws(
        () => exchangeDataInPlace(Buffer.alloc(1)),
        (/** @type {any} */ { required }) => required === TEXT.length,
      );
      assert.throws(
        () => openLibrary('relative'),
        (/** @type {any} */ { code, path }) => code === 'ERR_LIBRARY_PATH' && path === 'relative',
      );
    } finally {
      for (const name of planted) Reflect.deleteProperty(Object.prototype, name);
    }
    assert.deepEqual(called, []);
  });

  it('says where memory is only of what can be lent', () => {
    const detached = new Uint8Array(8);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    assert.throws(() => addressOf(/** @type {any} */ (undefined)), { name: 'TypeError', code: 'ERR_INVALID_BUFFER' });
    assert.throws(() => addressOf(/** @type {any} */ (new Float64Array(8))), { code: 'ERR_INVALID_BUFFER' });
    assert.throws(() => addressOf(detached), { name: 'TypeError', code: 'ERR_BUFFER_DETACHED' });
    const shared = new SharedArrayBuffer(64);
    assert.equal(addressOf(new Uint8Array(shared, 8)) - addressOf(new Uint8Array(shared)), 8n);
  });

  it('opening a library again and again costs no memory that stays', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc');
    /** Resident memory after so many more openings. @param {number} times */
    const residentAfter = async (times) => {
      for (let i = 0; i < times; i += 1) {
        openLibrary(fixtureLibrary('zero'));
        if (i % 1000 === 0) {
          collect();
          await new Promise((resolve) => setImmediate(resolve)); // Node frees what belongs to a function between turns
        }
      }
      return process.memoryUsage.rss();
    };
    const before = await residentAfter(40_000);
    const grown = (await residentAfter(40_000)) - before;
    assert.ok(grown < 4 * 1024 * 1024, `${grown} bytes for 40,000 openings`);
  });
});
