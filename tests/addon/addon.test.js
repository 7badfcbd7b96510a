// The addon with the default library. Runs in Electron's main process and in its renderer process.

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
  it('returns the length of the message, which is at the start of the buffer', () => {
    const buffer = Buffer.alloc(256, PATTERN);
    const count = exchangeDataInPlace(buffer);
    assert.equal(count, Buffer.byteLength(TEXT));
    assert.equal(buffer.subarray(0, count).toString('utf8'), TEXT);
    assert.ok(buffer.subarray(count).every((byte) => byte === PATTERN));
  });

  it('fills a buffer that has exactly the length of the message', () => {
    const buffer = Buffer.alloc(TEXT.length);
    assert.equal(exchangeDataInPlace(buffer), TEXT.length);
    assert.equal(buffer.toString('utf8'), TEXT);
  });

  it('accepts 8 MiB, and leaves the bytes after the message unchanged', () => {
    const buffer = Buffer.alloc(8 * 1024 * 1024, PATTERN);
    const count = exchangeDataInPlace(buffer);
    assert.equal(buffer.subarray(0, count).toString('utf8'), TEXT);
    assert.ok(Buffer.alloc(buffer.length - count, PATTERN).equals(buffer.subarray(count)));
  });

  it('fills the whole buffer if it begins with "fill"', () => {
    const buffer = Buffer.alloc(1000, PATTERN);
    buffer.write('fill');
    assert.equal(exchangeDataInPlace(buffer), 1000);
    assert.ok(buffer.toString('latin1').startsWith(TEXT));
    assert.ok(buffer.toString('latin1').endsWith('byte 0x000003d0\nbyte 0x0'));
  });

  it('accepts a Uint8Array and a Uint8ClampedArray', () => {
    for (const bytes of [new Uint8Array(256), new Uint8ClampedArray(256)]) {
      const count = exchangeDataInPlace(/** @type {Uint8Array} */ (bytes));
      assert.equal(new TextDecoder().decode(bytes.slice(0, count)), TEXT);
    }
  });

  it('refuses a buffer that is too small, with the required size, and writes nothing', () => {
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

  it('refuses a value that is not a view of bytes, and names its type', () => {
    for (const [value, type] of [
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
          error.message.includes(`${type} was given`),
      );
    }
  });

  it('refuses a detached buffer', () => {
    const bytes = new Uint8Array(256);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    assert.throws(() => exchangeDataInPlace(bytes), { name: 'TypeError', code: 'ERR_BUFFER_DETACHED' });
  });

  it('throws its error, and does not crash, when the stack is almost exhausted', () => {
    /**
     * Recurses until the stack is exhausted; calls `call` in frames deeper than `from`.
     * @param {number} from @param {() => void} call
     */
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

  it('throws its own error when Object.prototype has accessors of the same names', () => {
    const names = ['code', 'path', 'required', 'cause'];
    const circular = { cause: {} };
    circular.cause = circular;
    const setterCalls = /** @type {string[]} */ ([]);
    for (const name of names) {
      Object.defineProperty(Object.prototype, name, {
        configurable: true,
        get: () => circular,
        set: () => setterCalls.push(name),
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
      for (const name of names) Reflect.deleteProperty(Object.prototype, name);
    }
    assert.deepEqual(setterCalls, []);
  });

  it('addressOf refuses values that are not views of bytes, and detached views', () => {
    const detached = new Uint8Array(8);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    assert.throws(() => addressOf(/** @type {any} */ (undefined)), { name: 'TypeError', code: 'ERR_INVALID_BUFFER' });
    assert.throws(() => addressOf(/** @type {any} */ (new Float64Array(8))), { code: 'ERR_INVALID_BUFFER' });
    assert.throws(() => addressOf(detached), { name: 'TypeError', code: 'ERR_BUFFER_DETACHED' });
    const shared = new SharedArrayBuffer(64);
    assert.equal(addressOf(new Uint8Array(shared, 8)) - addressOf(new Uint8Array(shared)), 8n);
  });

  it('opening a library 40,000 times leaks no memory', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc');
    /** Resident memory after opening the library again. @param {number} times */
    const residentAfter = async (times) => {
      for (let i = 0; i < times; i += 1) {
        openLibrary(fixtureLibrary('zero'));
        if (i % 1000 === 0) {
          collect();
          await new Promise((resolve) => setImmediate(resolve)); // Node.js frees the data of functions between turns
        }
      }
      return process.memoryUsage.rss();
    };
    const before = await residentAfter(40_000);
    const grown = (await residentAfter(40_000)) - before;
    assert.ok(grown < 4 * 1024 * 1024, `grew by ${grown} bytes`);
  });
});
