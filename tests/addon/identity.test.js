// Zero-copy: the library receives the address of the buffer's own bytes. Here the default library is the fixture that
// fills the memory, and writes the address and the length that it received into the first 16 bytes.

const assert = require('node:assert/strict');
const addon = require('../../index.js');
const { addressOf } = require('../support/fixtures.js').loadProbe();

const FILL = 0xa5;
const AROUND = 0x5a;

/**
 * Exchanges a view, and compares the address and length that the library received with those of the view.
 * @param {Uint8Array} view
 */
function exchangeAndCompare(view) {
  const whole = new Uint8Array(view.buffer);
  const before = whole.slice(0, view.byteOffset);
  const after = whole.slice(view.byteOffset + view.byteLength);
  const address = addressOf(view);

  assert.equal(addon.addressOf(view), address, 'addressOf of the addon agrees');

  assert.equal(addon.exchangeDataInPlace(view), view.byteLength);

  const seen = new DataView(view.buffer, view.byteOffset, 16);
  assert.equal(seen.getBigUint64(0, true), address);
  assert.equal(seen.getBigUint64(8, true), BigInt(view.byteLength));
  assert.equal(addressOf(view), address, 'the memory has not moved');
  assert.ok(
    view.subarray(16).every((byte) => byte === FILL),
    'the whole view was written',
  );
  assert.deepEqual(whole.slice(0, view.byteOffset), before, 'bytes before the view');
  assert.deepEqual(whole.slice(view.byteOffset + view.byteLength), after, 'bytes after the view');
}

describe(`pointer identity in the ${process.type} process`, () => {
  it('Buffer.alloc', () => exchangeAndCompare(Buffer.alloc(4096)));

  it('a pooled Buffer.from: the other Buffers in the pool are unchanged', () => {
    const neighbours = [Buffer.from('a'.repeat(64)), Buffer.from('b'.repeat(64)), Buffer.from('c'.repeat(64))];
    assert.equal(neighbours[0].buffer, neighbours[1].buffer, 'they share a pool');
    assert.notEqual(neighbours[1].byteOffset, 0);
    exchangeAndCompare(neighbours[1]);
    assert.equal(neighbours[0].toString(), 'a'.repeat(64));
    assert.equal(neighbours[2].toString(), 'c'.repeat(64));
  });

  it('a subarray with an offset', () => {
    const whole = Buffer.alloc(4096, AROUND);
    exchangeAndCompare(whole.subarray(1001, 2002));
    assert.equal(whole[1000], AROUND);
    assert.equal(whole[1001 + 16], FILL);
    assert.equal(whole[2002], AROUND);
  });

  it('a Uint8Array', () => exchangeAndCompare(new Uint8Array(4096)));

  it('a Uint8Array so small that V8 first keeps it in its own heap', () => exchangeAndCompare(new Uint8Array(16)));

  it('a Uint8Array over a part of an ArrayBuffer', () =>
    exchangeAndCompare(new Uint8Array(new ArrayBuffer(4096), 7, 100)));

  it('8 MiB', () => exchangeAndCompare(Buffer.alloc(8 * 1024 * 1024)));
});
