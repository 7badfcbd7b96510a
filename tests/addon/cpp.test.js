// A library in C++ over exchange.hpp. Runs in Electron's main process, in its renderer process and in plain Node.js.

const assert = require('node:assert/strict');
const { differs } = require('../support/differences.js');
const { openLibrary } = require('../../index.js');
const { fixtureLibrary } = require('../support/fixtures.js');

const open = (name = 'sdk-cc') => openLibrary(fixtureLibrary(name));
const bytesOf = (/** @type {string} */ text, length = text.length) => {
  const bytes = new Uint8Array(length);
  bytes.set(new TextEncoder().encode(text));
  return bytes;
};
const textOf = (/** @type {Uint8Array} */ bytes) => Buffer.from(bytes).toString();

describe('a library in C++', () => {
  it('has its name and its operations', () => {
    const { name, operations } = open();
    assert.equal(name, 'in C++');
    assert.deepEqual(operations, [
      'upper',
      'twice',
      'fail',
      'number',
      'memory',
      'until',
      'move',
      'steady',
      'small',
      'status',
      'stateless',
      'count',
    ]);
  });

  it('is one function in the guide', () => {
    const bytes = bytesOf('abc');
    assert.equal(openLibrary(fixtureLibrary('uppercase-cc')).exchangeDataInPlace(bytes), 3);
    assert.equal(textOf(bytes), 'ABC');
  });

  it('works in place, on its input alone', () => {
    const bytes = bytesOf('abcdef');
    assert.equal(open().operation('upper')(bytes, 3), 3);
    assert.equal(textOf(bytes), 'ABCdef');
    assert.equal(open().operation('upper')(bytes.subarray(6), 0), 0, 'without a byte');
  });

  it('says how much memory it needs, and leaves the input as it was', () => {
    const bytes = bytesOf('abcd', 7);
    assert.throws(() => open().operation('twice')(bytes, 4), { code: 'ERR_BUFFER_TOO_SMALL', required: 8 });
    assert.equal(textOf(bytes), 'abcd\0\0\0');
    const larger = bytesOf('abcd', 8);
    assert.equal(open().operation('twice')(larger, 4), 8);
    assert.equal(textOf(larger), 'aabbccdd');
  });

  for (const [operation, input, words] of [
    ['fail', 'the lens cap is on', 'the lens cap is on'],
    ['number', '', 'it has thrown something that is no std::exception'],
    ['memory', '', 'std::bad_alloc'],
    ['move', '', 'the input has 0 bytes; 1 were expected at offset 0'],
    ['move', '!', 'the input has 1 bytes; 16 were expected at offset 33'],
    ['steady', '', 'the input has 0 bytes; 1 were expected at offset 0'],
    ['small', '', 'it has said that there is too little memory, and there is enough'],
    ['stateless', '', 'the library has no object: its source needs EXCHANGE_STATE with the type'],
  ])
    it(`that throws in ${operation} with ${input.length} bytes of input: ${words}`, async () => {
      const perform = open().operation(operation);
      const expected = { code: 'ERR_LIBRARY_FAILED', status: -1, message: new RegExp(`: ${words}$`) };
      assert.throws(() => perform(bytesOf(input, 64), input.length), expected);
      await assert.rejects(perform.async(bytesOf(input, 64), { input: input.length }), expected);
    });

  it('that throws with a status of its own has that, and its words alone', () => {
    const expected = { code: 'ERR_LIBRARY_FAILED', status: -77, words: 'a status of its own' };
    assert.throws(() => open().operation('status')(new Uint8Array(8)), expected);
  });

  it('called without an operation asks for one', () => {
    assert.throws(() => open().exchangeDataInPlace(new Uint8Array(4)), {
      message: /name an operation: upper, twice, fail/,
    });
  });

  it('reads and writes values that are not aligned', () => {
    const bytes = new Uint8Array(64);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, 3);
    view.setUint32(3, 41, true);
    view.setFloat64(11, 1.5, true);
    assert.equal(open().operation('move')(bytes, 19), 16);
    assert.deepEqual([view.getUint32(0, true), view.getFloat64(8, true)], [42, 2]);
    view.setUint8(0, 4);
    assert.throws(
      () => open().operation('move')(bytes, 19),
      { message: /16 were expected at offset 4/ },
      'a byte beyond its input',
    );
  });

  it('stops when its call is cancelled, and reports progress', async () => {
    const controller = new AbortController();
    /** @type {number[]} */
    const seen = [];
    const onProgress = (/** @type {number} */ done, /** @type {number} */ total) => {
      seen.push(done);
      assert.equal(total, 0);
      if (seen.length === 2) controller.abort();
    };
    const call = open().operation('until').async(new Uint8Array(4), { signal: controller.signal, onProgress });
    await assert.rejects(call, { code: 'ABORT_ERR' });
    assert.ok(seen[1] > seen[0], String(seen));
  });

  it('keeps its state from call to call', async () => {
    const { operation } = open();
    const count = async () =>
      Number(new DataView((await operation('count').async(new Uint8Array(8))).buffer).getBigUint64(0, true));
    const first = await count();
    assert.equal(await count(), first + 1);
  });

  it('whose object cannot be made fails with the words', async () => {
    for (const attempt of [1, 2])
      await assert.rejects(
        open('sdk-cc-refuses').operation('count').async(new Uint8Array(8)),
        { code: 'ERR_LIBRARY_FAILED', message: /no counter is to be had/ },
        String(attempt),
      );
  });

  it('sees no change of shared memory while it runs, and answers into it', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(64));
    let flips = 0;
    const call = open().operation('steady').async(shared, { input: 1 });
    const timer = setInterval(() => {
      shared[0] ^= 1;
      flips += 1;
    }, 1);
    const { length } = await call;
    clearInterval(timer);
    assert.equal(length, 1, `${flips} changes`);
    assert.ok(flips > 3 || differs('shared'));
    shared.set(new TextEncoder().encode('abc'));
    assert.equal(open().operation('upper')(shared, 3), 3);
    assert.equal(textOf(shared.slice(0, 3)), 'ABC');
  });

  it('is called on several threads at once if it says so', async () => {
    const { operation } = open('sdk-cc-concurrent');
    const controller = new AbortController();
    const long = operation('until').async(new Uint8Array(4), { signal: controller.signal });
    assert.equal(textOf(await operation('upper').async(bytesOf('abc'))), 'ABC', 'beside the other');
    controller.abort();
    await assert.rejects(long, { code: 'ABORT_ERR' });
  });
});
