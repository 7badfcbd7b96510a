// Libraries that export exchange_perform: operations, the length of the input, progress, words, and cancelling one call.
// Runs in Electron's main process, in its renderer process and in plain Node.js.

const assert = require('node:assert/strict');
const addon = require('../../index.js');
const { differs, itHere } = require('../support/differences.js');
const { fixtureLibrary } = require('../support/fixtures.js');

const { openLibrary } = addon;
const NAMES = ['upper', 'fail', 'unsaid', 'steps', 'until', 'count'];
const open = (/** @type {string} */ name) => openLibrary(fixtureLibrary(name));
const bytesOf = (/** @type {string} */ text, length = text.length) => {
  const bytes = new Uint8Array(length);
  bytes.set(new TextEncoder().encode(text));
  return bytes;
};
const textOf = (/** @type {Uint8Array} */ bytes) => Buffer.from(bytes).toString();

/** What a library says of a call without an operation. @param {Uint8Array} bytes @param {(bytes: Uint8Array) => number} call */
const described = (bytes, call) => JSON.parse(textOf(bytes.slice(0, call(bytes))));

/** The error of a call. @param {() => unknown} call @returns {Promise<any>} */
async function failure(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return assert.fail('it did not fail');
}

/** Each way to call an operation, with the memory that comes back. */
const WAYS = /** @type {const} */ ({
  'an operation': async (
    /** @type {import('../../index.js').Operation} */ call,
    /** @type {Uint8Array} */ bytes,
    /** @type {number | undefined} */ input,
  ) => bytes.subarray(0, call(bytes, input)),
  'its asynchronous sister': (
    /** @type {import('../../index.js').Operation} */ call,
    /** @type {Uint8Array} */ bytes,
    /** @type {number | undefined} */ input,
  ) => call.async(bytes, { input }),
});

describe('operations', () => {
  it('are named by the library, in order, without those that it leaves out', () => {
    assert.deepEqual(open('perform').operations, NAMES);
    for (const [name, operations] of Object.entries({
      'perform-none': [],
      'perform-null': [],
      'perform-doubles': ['upper', 'upper'],
      zero: [], // has no exchange_perform
    }))
      assert.deepEqual(open(name).operations, operations, name);
  });

  it('are one function each', () => {
    const library = open('perform');
    assert.equal(library.operation('upper'), library.operation('upper'));
    assert.equal(library.operation(), library.operation());
    assert.notEqual(library.operation('upper'), library.operation('fail'));
    assert.equal(open('perform').operation('upper')(bytesOf('a', 2), 1), 2, 'of another handle');
  });

  for (const [way, run] of Object.entries(WAYS)) {
    it(`${way} is called with its number and its input`, async () => {
      const { operation } = open('perform');
      assert.equal(textOf(await run(operation('upper'), bytesOf('abc..', 6), 3)), 'ABC!');
      assert.equal(textOf(await run(operation('upper'), bytesOf('abc', 6), 0)), '!');
      const said = JSON.parse(textOf(await run(operation(), new Uint8Array(200), 7)));
      assert.equal(said.operation, 0);
      assert.equal(said.input, 7);
      assert.equal(said.capacity, 200);
    });

    it(`${way}: the first of two that have one name is meant`, async () => {
      assert.equal(textOf(await run(open('perform-doubles').operation('upper'), bytesOf('abc', 4), 3)), 'ABC!');
    });

    it(`${way}: memory that is too small leaves the input as it was, and says what is needed`, async () => {
      const bytes = bytesOf('abc');
      const error = await failure(() => run(open('perform').operation('upper'), bytes, 3));
      assert.equal(error.code, 'ERR_BUFFER_TOO_SMALL');
      assert.equal(error.required, 4);
      assert.equal(textOf(error.buffer ?? bytes), 'abc');
    });

    for (const [what, input, code] of /** @type {[string, any, string][]} */ ([
      ['a negative number', -1, 'ERR_OUT_OF_RANGE'],
      ['more than there is', 5, 'ERR_OUT_OF_RANGE'],
      ['half a byte', 0.5, 'ERR_OUT_OF_RANGE'],
      ['NaN', Number.NaN, 'ERR_OUT_OF_RANGE'],
      ['infinity', Number.POSITIVE_INFINITY, 'ERR_OUT_OF_RANGE'],
      ['2^32', 2 ** 32, 'ERR_OUT_OF_RANGE'],
      ['null', null, 'ERR_INVALID_ARG_TYPE'],
      ['a string', '3', 'ERR_INVALID_ARG_TYPE'],
      ['a bigint', 3n, 'ERR_INVALID_ARG_TYPE'],
      ['an object', { valueOf: () => 3 }, 'ERR_INVALID_ARG_TYPE'],
      ['a symbol', Symbol('3'), 'ERR_INVALID_ARG_TYPE'],
    ]))
      it(`${way} refuses an input that is ${what}, with the memory in place`, async () => {
        const bytes = bytesOf('abcd');
        const error = await failure(() => run(open('perform').operation('upper'), bytes, input));
        assert.equal(error.code, code);
        assert.equal(error.name, code === 'ERR_OUT_OF_RANGE' ? 'RangeError' : 'TypeError');
        assert.equal(textOf(bytes), 'abcd');
      });

    it(`${way} of a library that has only exchange_inplace is refused by the symbol that it lacks`, async () => {
      const error = await failure(() => run(open('zero').operation(), new Uint8Array(4), 2));
      assert.equal(error.code, 'ERR_LIBRARY_SYMBOL');
      assert.equal(error.symbol, 'exchange_perform');
    });

    it(`${way} of a library that has only exchange_inplace makes its exchange, if no input is given`, async () => {
      const { operation } = open('address');
      for (let turn = 0; turn < 3; turn++) {
        const message = await run(operation(), new Uint8Array(64), undefined);
        assert.equal(message.length, 64);
        assert.ok(message.subarray(16).every((byte) => byte === 0xa5));
      }
    });

    it(`${way} fails with the words of the call, those for the status, or none`, async () => {
      const { operation } = open('perform');
      const words = async (/** @type {string} */ name, /** @type {string} */ text) => {
        const { code, status, message } = await failure(() => run(operation(name), bytesOf(text, 64), text.length));
        assert.equal(code, 'ERR_LIBRARY_FAILED');
        assert.equal(status, -5);
        return message.slice(message.indexOf(': ') + 2);
      };
      assert.equal(await words('fail', 'the lens cap is on'), 'the lens cap is on');
      assert.equal(await words('fail', ''), 'words for all');
      assert.equal(await words('unsaid', 'x'), 'words for all');
    });
  }

  it('that are not there are refused by name, with those that there are', () => {
    const { operation, path } = open('perform');
    for (const name of ['encode', '', 'UPPER', 'upper\n', 'constructor', '__proto__'])
      assert.throws(() => operation(name), {
        code: 'ERR_OPERATION_UNKNOWN',
        operation: name,
        path,
        message: /It has: upper, fail, unsaid, steps, until, count\./,
      });
    assert.throws(() => open('zero').operation('upper'), { code: 'ERR_OPERATION_UNKNOWN', message: /It names none/ });
  });

  it('are named by a string', () => {
    for (const name of [0, 1, null, {}, Symbol('upper'), ['upper']])
      assert.throws(() => open('perform').operation(/** @type {any} */ (name)), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  it('of the default library are found when that is loaded', () => {
    assert.throws(() => addon.operation('no operation of the default library'), { code: 'ERR_OPERATION_UNKNOWN' });
  });
});

describe('a library that exports exchange_perform', () => {
  for (const name of ['perform', 'perform-both', 'perform-concurrent', 'perform-none'])
    it(`is called through it by the functions without operations: ${name}`, async () => {
      const { exchangeDataInPlace, exchangeDataAsync } = open(name);
      const said = { size: 72, capacity: 300, input: 300, operation: 0, flags: 0, cancelled: 0 };
      assert.deepEqual(described(new Uint8Array(300), exchangeDataInPlace), said);
      assert.deepEqual(described(new Uint8Array(300), exchangeDataInPlace), said, 'again, now that it is open');
      assert.deepEqual(JSON.parse(textOf(await exchangeDataAsync(new Uint8Array(300)))), said);
      const input = await exchangeDataAsync(new Uint8Array(300), { input: 12 });
      assert.deepEqual(JSON.parse(textOf(input)), { ...said, input: 12 });
    });

  it('gets no index of Array.prototype.forEach as an operation or an input', () => {
    const { exchangeDataInPlace } = open('perform');
    const memories = [0, 1, 2, 3].map(() => new Uint8Array(200));
    memories.forEach(exchangeDataInPlace);
    for (const bytes of memories) {
      const { operation, input } = JSON.parse(textOf(bytes).replace(/\0+$/, ''));
      assert.deepEqual([operation, input], [0, 200]);
    }
  });

  it('learns whether other threads may write to the memory', async () => {
    const { exchangeDataInPlace, exchangeDataAsync } = open('perform');
    const shared = () => new Uint8Array(new SharedArrayBuffer(300));
    // A process of its own has a copy.
    const flags = differs('shared') ? 0 : 1;
    assert.equal(described(shared(), exchangeDataInPlace).flags, flags);
    assert.equal(JSON.parse(textOf(await exchangeDataAsync(shared()))).flags, flags);
  });

  it('may answer with any number', async () => {
    const { operation } = open('perform');
    const answer = (/** @type {bigint} */ count) => {
      const bytes = new Uint8Array(64);
      new DataView(bytes.buffer).setBigInt64(0, count, true);
      return Promise.all(
        Object.values(WAYS).map(async (run) => {
          try {
            return (await run(operation('count'), bytes.slice(), 8)).length;
          } catch (error) {
            return /** @type {any} */ (error).code;
          }
        }),
      );
    };
    for (const [count, outcome] of /** @type {[bigint, number | string][]} */ ([
      [0n, 0],
      [64n, 64],
      [65n, 'ERR_BUFFER_TOO_SMALL'],
      [2n ** 31n - 1n, 'ERR_BUFFER_TOO_SMALL'],
      [2n ** 31n, 'ERR_LIBRARY_COUNT'],
      [2n ** 63n - 1n, 'ERR_LIBRARY_COUNT'],
      [-1n, 'ERR_LIBRARY_FAILED'],
      [-(2n ** 63n), 'ERR_LIBRARY_FAILED'],
    ]))
      assert.deepEqual(await answer(count), [outcome, outcome], String(count));
  });

  itHere('address', 'is lent the memory itself', () => {
    const bytes = bytesOf('abc', 8);
    const before = addon.addressOf(bytes);
    assert.equal(open('perform').operation('upper')(bytes, 3), 4);
    assert.equal(addon.addressOf(bytes), before);
    assert.equal(textOf(bytes.subarray(0, 4)), 'ABC!');
  });
});

describe('progress', () => {
  /** @param {any} options @param {number} ms of each step */
  const steps = (options, ms = 5) =>
    open('perform')
      .operation('steps')
      .async(new Uint8Array([ms]), options);

  it('is reported at most every 50 ms, with the latest values, and not after the end', async () => {
    /** @type {[done: number, total: number, at: number][]} */
    const seen = [];
    let settled = false;
    const onProgress = (/** @type {number} */ done, /** @type {number} */ total) => {
      assert.equal(settled, false, 'after the promise was settled');
      seen.push([done, total, performance.now()]);
    };
    const started = performance.now();
    await steps({ onProgress });
    settled = true;
    const took = performance.now() - started;
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.ok(seen.length >= 2 && seen.length <= took / 50 + 1, `${seen.length} reports in ${took} ms`);
    const done = seen.map(([done]) => done);
    assert.deepEqual(
      done,
      [...new Set(done)].sort((a, b) => a - b),
      'forward, and none twice',
    );
    for (const [done, total] of seen) assert.ok(done >= 1 && done <= 100 && total === 100);
  });

  it('of calls at the same time is that of each', async () => {
    /** @type {number[][][]} */
    const seen = [[], []];
    const { operation } = open('perform-concurrent');
    await Promise.all(
      [1, 2].map((more, index) =>
        operation('steps').async(new Uint8Array([3, more]), {
          onProgress: (/** @type {number[]} */ ...values) => seen[index].push(values),
        }),
      ),
    );
    for (const [index, reports] of seen.entries()) {
      assert.ok(reports.length > 0);
      const done = reports.map(([done]) => done);
      assert.deepEqual(
        done,
        done.toSorted((a, b) => a - b),
      );
      assert.deepEqual([...new Set(reports.map(([, total]) => total))], [101 + index], 'none is of the other call');
    }
  });

  it('is left out by a library that reports none', async () => {
    let reports = 0;
    const options = { input: 0, onProgress: () => (reports += 1) };
    assert.equal((await open('perform').operation('upper').async(new Uint8Array(4), options)).length, 1);
    await open('zero').exchangeDataAsync(new Uint8Array(4), { onProgress: () => (reports += 1) });
    assert.equal(reports, 0);
  });

  it('that is no function is refused, with the memory', async () => {
    const bytes = new Uint8Array(4);
    for (const onProgress of [1, null, {}, 'report']) {
      const error = await failure(() => steps({ onProgress: /** @type {any} */ (onProgress) }));
      assert.equal(error.code, 'ERR_INVALID_ARG_TYPE');
      const refused = await failure(() =>
        open('perform').exchangeDataAsync(bytes, { onProgress: /** @type {any} */ (onProgress) }),
      );
      assert.equal(refused.buffer, bytes);
    }
  });

  it('whose getter throws rejects with that', async () => {
    const thrown = new Error('a getter');
    for (const property of ['onProgress', 'input', 'signal', 'progress']) {
      const options = Object.defineProperty({}, property, {
        get() {
          throw thrown;
        },
      });
      assert.equal(
        await failure(() => open('perform').exchangeDataAsync(new Uint8Array(4), options)),
        thrown,
        property,
      );
    }
  });
});

describe('cancelling', () => {
  it('reaches the one call that is meant', async () => {
    const { operation } = open('perform-concurrent');
    const first = new AbortController();
    const second = new AbortController();
    let secondEnded = false;
    const calls = [first, second].map(({ signal }) => operation('until').async(new Uint8Array(4), { signal }));
    const other = failure(() => calls[1]).then((error) => {
      secondEnded = true;
      return error;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    first.abort();
    const error = await failure(() => calls[0]);
    assert.equal(error.code, 'ABORT_ERR');
    assert.equal(error.buffer.length, 4);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(secondEnded, false);
    second.abort();
    assert.equal((await other).code, 'ABORT_ERR');
  });

  it('is done within 100 ms', async () => {
    for (const name of ['perform', 'perform-concurrent']) {
      /** @type {number[]} */
      const took = [];
      // A busy machine may take longer now and then.
      while (took.length < 5 && !took.some((ms) => ms < 100)) {
        const controller = new AbortController();
        const call = open(name).operation('until').async(new Uint8Array(4), { signal: controller.signal });
        await new Promise((resolve) => setTimeout(resolve, 30));
        const aborted = performance.now();
        controller.abort();
        assert.equal((await failure(() => call)).code, 'ABORT_ERR');
        took.push(performance.now() - aborted);
      }
      assert.ok(Math.min(...took) < 100, `${name}: ${took} ms`);
    }
  });
});
