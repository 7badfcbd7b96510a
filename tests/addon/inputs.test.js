// Everything that JavaScript can pass as a buffer. Runs in Electron's main process and in its renderer process.

const assert = require('node:assert/strict');
const { exchangeDataInPlace, openLibrary } = require('../../index.js');
const { differs } = require('../support/differences.js');
const { assertDocumented, each, fixtureLibrary, loadProbe } = require('../support/fixtures.js');

const { addressOf } = loadProbe();
// Fills the memory; the first 16 bytes are the address and the length that the library received.
const library = openLibrary(fixtureLibrary('address'));

const FILL = 0xa5;
const AROUND = 0x5a;

/** Calls with any arguments. @param {unknown} value @param {unknown[]} rest */
const exchange = (value, ...rest) => /** @type {Function} */ (library.exchangeDataInPlace)(value, ...rest);

/**
 * Checks that the library received exactly this view, and that no byte around it has changed.
 * @param {Uint8Array | Uint8ClampedArray} view
 * @param {(view: any) => unknown} [call]
 */
function accepted(view, call = exchange) {
  const whole = new Uint8Array(view.buffer);
  whole.fill(AROUND);
  const count = call(view);
  if (call === exchange) assert.equal(count, view.byteLength);
  const seen = new DataView(view.buffer, view.byteOffset, 16);
  if (!differs('address')) assert.equal(seen.getBigUint64(0, true), addressOf(view));
  assert.equal(seen.getBigUint64(8, true), BigInt(view.byteLength));
  assert.ok(Buffer.from(view.buffer, view.byteOffset + 16, view.byteLength - 16).every((byte) => byte === FILL));
  const around = [whole.subarray(0, view.byteOffset), whole.subarray(view.byteOffset + view.byteLength)];
  for (const part of around) assert.ok(Buffer.from(part).equals(Buffer.alloc(part.length, AROUND)));
}

/** @param {string} name @param {string} code @param {Record<string, unknown>} [fields] */
const refused = (name, code, fields) => (/** @type {unknown} */ value) =>
  assert.throws(() => exchange(value), { name, code, ...fields });

const invalid = refused('TypeError', 'ERR_INVALID_BUFFER');
const detached = refused('TypeError', 'ERR_BUFFER_DETACHED');
/** Accepted as a view of zero bytes, which is too small for the 16 bytes of this library. */
const empty = refused('RangeError', 'ERR_BUFFER_TOO_SMALL', { required: 16 });

/** @param {ArrayBuffer} buffer */
const detach = (buffer) => structuredClone(buffer, { transfer: [buffer] });

/** @param {number} length @param {number} maxByteLength */
const resizable = (length, maxByteLength) =>
  /** @type {ArrayBuffer} */ (new /** @type {any} */ (ArrayBuffer)(length, { maxByteLength }));

/** @param {ArrayBuffer} buffer @param {number} size */
const resize = (buffer, size) => /** @type {any} */ (buffer).resize(size);

class Frame extends Uint8Array {}

/** @type {[input: string, outcome: string, test: () => void][]} */
const MATRIX = [
  [
    'no argument',
    '`ERR_INVALID_BUFFER`',
    () =>
      assert.throws(() => /** @type {any} */ (library).exchangeDataInPlace(), {
        code: 'ERR_INVALID_BUFFER',
        message: /undefined was given/,
      }),
  ],
  ['undefined', '`ERR_INVALID_BUFFER`', () => invalid(undefined)],
  ['null', '`ERR_INVALID_BUFFER`', () => invalid(null)],
  ['a number', '`ERR_INVALID_BUFFER`', () => invalid(4096)],
  ['a string', '`ERR_INVALID_BUFFER`', () => invalid('bytes')],
  [
    'a bigint, a boolean, a symbol, a function',
    '`ERR_INVALID_BUFFER`',
    () => each([1n, true, Symbol('x'), () => {}], invalid),
  ],
  [
    'a plain object',
    '`ERR_INVALID_BUFFER`',
    () => invalid({ length: 64, byteLength: 64, buffer: new ArrayBuffer(64) }),
  ],
  ['an Array', '`ERR_INVALID_BUFFER`', () => invalid([1, 2, 3])],
  ['a DataView', '`ERR_INVALID_BUFFER`', () => invalid(new DataView(new ArrayBuffer(64)))],
  [
    'a Float64Array, or another view of wider or signed elements',
    '`ERR_INVALID_BUFFER`',
    () =>
      each(
        ['Float64', 'Float32', 'Float16', 'Int8', 'Int16', 'Uint16', 'Int32', 'Uint32', 'BigInt64', 'BigUint64'],
        (kind) => {
          const View = /** @type {any} */ (globalThis)[`${kind}Array`];
          assert.ok(View || kind === 'Float16', 'only Float16Array may be missing in a supported Electron');
          if (View) invalid(new View(64));
        },
      ),
  ],
  [
    'an ArrayBuffer or a SharedArrayBuffer itself',
    '`ERR_INVALID_BUFFER`',
    () => each([new ArrayBuffer(64), new SharedArrayBuffer(64)], invalid),
  ],
  ['a Proxy of a Buffer', '`ERR_INVALID_BUFFER`', () => invalid(new Proxy(Buffer.alloc(64), {}))],
  [
    "an object with Buffer's prototype",
    '`ERR_INVALID_BUFFER`',
    () => each([Object.create(Buffer.prototype), Object.setPrototypeOf({}, Uint8Array.prototype)], invalid),
  ],
  ['a Buffer', 'accepted', () => accepted(Buffer.alloc(4096))],
  ['a Uint8Array', 'accepted', () => accepted(new Uint8Array(4096))],
  ['a Uint8ClampedArray', 'accepted', () => accepted(new Uint8ClampedArray(4096))],
  ['a subclass of Uint8Array', 'accepted', () => accepted(new Frame(4096))],
  [
    'a Uint8Array with another prototype',
    'accepted: the type is checked, not the prototype',
    () => {
      const view = new Uint8Array(64);
      accepted(view, () => {
        exchange(Object.setPrototypeOf(view, null));
        Object.setPrototypeOf(view, Uint8Array.prototype); // for the checks
      });
    },
  ],
  [
    'a pooled Buffer',
    'accepted; the other Buffers in the pool stay unchanged',
    () => {
      const [before, view, after] = ['a', 'b', 'c'].map((letter) => Buffer.from(letter.repeat(64)));
      assert.equal(exchange(view), 64);
      if (!differs('address')) assert.equal(view.readBigUInt64LE(0), addressOf(view));
      assert.equal(before.toString() + after.toString(), 'a'.repeat(64) + 'c'.repeat(64));
    },
  ],
  [
    'a subarray with an offset',
    'accepted; the bytes around it stay unchanged',
    () => accepted(new Uint8Array(4096).subarray(1001, 2002)),
  ],
  [
    'a view of zero bytes',
    'accepted; the library is called with length 0',
    () => each([Buffer.alloc(0), new Uint8Array(64).subarray(64)], empty),
  ],
  [
    '1 byte',
    'accepted; too small for this library',
    () => refused('RangeError', 'ERR_BUFFER_TOO_SMALL', { required: 16 })(new Uint8Array(1)),
  ],
  ['64 MiB', 'accepted', () => accepted(new Uint8Array(64 * 1024 * 1024))],
  [
    'a detached view',
    '`ERR_BUFFER_DETACHED`',
    () => {
      const view = new Uint8Array(64);
      detach(view.buffer);
      detached(view);
    },
  ],
  [
    'a view of zero bytes on a detached buffer',
    '`ERR_BUFFER_DETACHED`',
    () => {
      const buffer = new ArrayBuffer(64);
      const view = new Uint8Array(buffer, 32, 0);
      detach(buffer);
      detached(view);
    },
  ],
  ['backed by a SharedArrayBuffer', 'accepted', () => accepted(new Uint8Array(new SharedArrayBuffer(4096), 16, 1024))],
  [
    'backed by WebAssembly.Memory',
    'accepted',
    () => accepted(new Uint8Array(new WebAssembly.Memory({ initial: 1 }).buffer, 8, 1024)),
  ],
  [
    'backed by WebAssembly.Memory that has grown since',
    '`ERR_BUFFER_DETACHED`',
    () => {
      const memory = new WebAssembly.Memory({ initial: 1 });
      const view = new Uint8Array(memory.buffer);
      memory.grow(1);
      detached(view);
    },
  ],
  ['resizable, with a fixed length', 'accepted', () => accepted(new Uint8Array(resizable(4096, 8192), 16, 1024))],
  ['resizable and length-tracking', 'accepted', () => accepted(new Uint8Array(resizable(4096, 8192), 16))],
  [
    'resizable and length-tracking, grown',
    'accepted with its current length',
    () => {
      const buffer = resizable(4096, 8192);
      const view = new Uint8Array(buffer, 16);
      resize(buffer, 8192);
      assert.equal(view.length, 8176);
      accepted(view);
    },
  ],
  [
    'resizable and length-tracking, shrunk',
    'accepted with its current length',
    () => {
      const buffer = resizable(4096, 8192);
      const view = new Uint8Array(buffer, 16);
      resize(buffer, 64);
      assert.equal(view.length, 48);
      accepted(view);
    },
  ],
  [
    'resizable, with a fixed length, shrunk but still in bounds',
    'accepted',
    () => {
      const buffer = resizable(4096, 8192);
      const view = new Uint8Array(buffer, 16, 1024);
      resize(buffer, 1040);
      accepted(view);
    },
  ],
  [
    'resizable, out of bounds',
    'accepted as a view of zero bytes, which is what JavaScript sees',
    () => {
      const buffer = resizable(4096, 8192);
      const view = new Uint8Array(buffer, 16, 1024);
      resize(buffer, 32);
      assert.equal(view.length, 0);
      empty(view);
      resize(buffer, 4096);
      accepted(view);
    },
  ],
  [
    'additional arguments',
    'accepted; they are ignored',
    () => accepted(new Uint8Array(64), (view) => exchange(view, null, 1, {})),
  ],
  [
    'called with another `this`',
    'accepted; it is ignored',
    () =>
      each([undefined, null, 1, {}], (self) =>
        accepted(new Uint8Array(64), (view) => library.exchangeDataInPlace.call(self, view)),
      ),
  ],
  [
    'called with `new`',
    'accepted; the count is lost, because `new` returns an object',
    () =>
      accepted(new Uint8Array(64), (view) =>
        assert.equal(typeof new /** @type {any} */ (library.exchangeDataInPlace)(view), 'object'),
      ),
  ],
];

describe(`inputs, in the ${process.type} process`, () => {
  for (const [input, outcome, test] of MATRIX) it(`${input}: ${outcome}`, test);

  it('the error names the type that was passed, and what to pass instead', () => {
    for (const [value, message] of /** @type {[unknown, RegExp][]} */ ([
      [
        new DataView(new ArrayBuffer(8)),
        /a DataView was given.*new Uint8Array\(x\.buffer, x\.byteOffset, x\.byteLength\)/,
      ],
      [
        new Float64Array(8),
        /a view of wider or signed elements was given.*new Uint8Array\(x\.buffer, x\.byteOffset, x\.byteLength\)/,
      ],
      [new ArrayBuffer(8), /an ArrayBuffer was given.*new Uint8Array\(x\)/],
      [[1], /an array was given.*Uint8Array\.from\(x\)/],
      [7, /a number was given.*new Uint8Array\(size\)/],
    ])) {
      assert.throws(() => exchange(value), { message });
    }
  });

  it('the default library accepts and refuses the same values', () => {
    const refuse = (/** @type {any} */ value) => () => exchangeDataInPlace(value);
    assert.throws(refuse(null), { name: 'TypeError', code: 'ERR_INVALID_BUFFER' });
    assert.throws(refuse(Buffer.alloc(1)), { name: 'RangeError', code: 'ERR_BUFFER_TOO_SMALL' });
    assert.ok(exchangeDataInPlace(new Frame(4096)) > 0);
  });

  it('docs/errors.md has this table', () =>
    assertDocumented(
      ['buffer', 'gives'],
      MATRIX.map(([input, outcome]) => [input, outcome]),
    ));
});
