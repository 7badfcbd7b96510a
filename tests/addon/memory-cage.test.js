// V8's memory cage: the two usual ways of getting native memory into JavaScript, in Electron.

const assert = require('node:assert/strict');
const { externalBuffersAllowed } = require('../../index.js');
const { addressOf, copyNativeMemory, wrapNativeMemory } = require('../support/fixtures.js').loadProbe();

const NAPI_NO_EXTERNAL_BUFFERS_ALLOWED = 22;

describe(`the memory cage, in the ${process.type} process`, () => {
  it('wrapping native memory in a Buffer is refused', () => {
    const { status, message } = wrapNativeMemory();
    assert.equal(status, NAPI_NO_EXTERNAL_BUFFERS_ALLOWED);
    assert.equal(message, 'External buffers are not allowed');
  });

  it('copying native memory works, and the copy has another address', () => {
    const { nativeAddress, buffer } = copyNativeMemory();
    assert.equal(buffer.length, 64);
    assert.ok(buffer.every((byte) => byte === 0x5a));
    assert.notEqual(addressOf(buffer), nativeAddress);
  });

  it('externalBuffersAllowed() is false', () => assert.equal(externalBuffersAllowed(), false));
});
