// Exchanges on another thread. Runs in Electron's main process, in its renderer process and in plain Node.js.

const assert = require('node:assert/strict');
const events = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { exchangeDataAsync, openLibrary } = require('../../index.js');
const {
  FOR_EVER,
  assertDocumented,
  cameraLog,
  cameraRequest,
  fixtureLibrary,
  loadProbe,
  temporaryFolder,
} = require('../support/fixtures.js');

const { addressOf } = loadProbe();
const open = (/** @type {string} */ name) => openLibrary(fixtureLibrary(name));
// It fills all it is lent, and starts with the address and the length that it was given.
const library = open('address');

const WHERE = process.type ?? 'Node.js';
const POOL_THREADS = 4;
const FILL = 0xa5;
const collect = /** @type {() => void} */ (/** @type {any} */ (globalThis).gc);

/** @param {unknown} value @param {unknown} [options] @returns {Promise<Uint8Array>} */
const exchange = (value, options) => /** @type {Function} */ (library.exchangeDataAsync)(value, options);

/** The error that a promise is rejected with. @param {Promise<unknown>} promise @returns {Promise<any>} */
const failure = (promise) =>
  promise.then(
    () => assert.fail('it was fulfilled'),
    (error) => error,
  );

/** @param {Uint8Array} result @param {bigint} address @param {number} length */
function filled(result, address, length) {
  assert.equal(Object.getPrototypeOf(result), Uint8Array.prototype);
  assert.equal(result.byteLength, length);
  assert.equal(addressOf(result), address, 'the memory has not moved');
  const seen = new DataView(result.buffer, result.byteOffset, 16);
  assert.equal(seen.getBigUint64(0, true), address, 'the library was given this memory');
  assert.equal(seen.getBigUint64(8, true), BigInt(length));
  assert.ok(Buffer.from(result.buffer, result.byteOffset + 16, length - 16).every((byte) => byte === FILL));
}

/** The library is given the memory of this view, which nobody can reach meanwhile. @param {Uint8Array | Uint8ClampedArray} view */
async function moved(view) {
  const [address, length] = [addressOf(view), view.byteLength];
  const { buffer } = view;
  const promise = exchange(view);
  assert.equal(view.byteLength, 0, 'the view is detached');
  assert.equal(buffer.byteLength, 0, 'its ArrayBuffer is detached');
  const result = await promise;
  filled(result, address, length);
  assert.equal(result.byteOffset, 0);
  assert.equal(result.buffer.byteLength, length);
}

/** The library is given the memory of this view, which stays where it is. @param {Uint8Array} view */
async function shared(view) {
  const { buffer, byteOffset, byteLength } = view;
  const address = addressOf(view);
  const result = await exchange(view);
  filled(result, address, byteLength);
  assert.equal(result.buffer, buffer);
  assert.equal(result.byteOffset, byteOffset);
  assert.equal(view.byteLength, byteLength, 'the view still holds');
}

/** @param {string} name @param {string} code @param {RegExp} message */
const refused = (name, code, message) => async (/** @type {any} */ value) => {
  const length = value.byteLength;
  const error = await failure(exchange(value));
  assert.deepEqual([error.name, error.code], [name, code]);
  assert.match(error.message, message);
  assert.equal(error.buffer, length === 0 ? undefined : value, 'the error has the memory, if there is any');
  assert.equal(value.byteLength, length, 'nothing was taken');
};
const inPart = refused('TypeError', 'ERR_INVALID_BUFFER', /covers \d+ of the \d+ bytes of its ArrayBuffer/);
const isResizable = refused('TypeError', 'ERR_INVALID_BUFFER', /is resizable/);
const immovable = refused('TypeError', 'ERR_INVALID_BUFFER', /cannot be detached/);
const detached = refused('TypeError', 'ERR_BUFFER_DETACHED', /was transferred elsewhere/);

/** @param {number} now @param {number} most */
const resizable = (now, most) =>
  /** @type {ArrayBuffer} */ (new /** @type {any} */ (ArrayBuffer)(now, { maxByteLength: most }));

class Frame extends Uint8Array {}

/** @param {unknown} options @param {string} given */
async function badOptions(options, given) {
  const view = new Uint8Array(64);
  const error = await failure(exchange(view, options));
  assert.deepEqual([error.name, error.code, error.buffer], ['TypeError', 'ERR_INVALID_ARG_TYPE', view]);
  assert.ok(error.message.endsWith(`, or left out, and ${given} was given.`), error.message);
  assert.equal(view.byteLength, 64);
}

/** @type {[what: string, gives: string, test: () => Promise<unknown> | undefined][]} */
const MATRIX = [
  [
    'no view of bytes: nothing, a number, an ArrayBuffer, a Float64Array, a Proxy, ...',
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
  ['a Buffer with memory of its own', 'moved, and given back', () => moved(Buffer.alloc(4096))],
  ['a Uint8Array', 'moved, and given back', () => moved(new Uint8Array(4096))],
  ['16 bytes, which V8 first keeps in its own heap', 'moved, and given back', () => moved(new Uint8Array(16))],
  ['a Uint8ClampedArray', 'moved, and given back as a Uint8Array', () => moved(new Uint8ClampedArray(4096))],
  ['a subclass of Uint8Array', 'moved, and given back as a Uint8Array', () => moved(new Frame(4096))],
  ['64 MiB', 'moved, and given back', () => moved(new Uint8Array(64 * 1024 * 1024))],
  [
    'an empty one',
    'the library is asked with length 0',
    async () => {
      const error = await failure(exchange(new Uint8Array(0)));
      assert.deepEqual([error.code, error.required, error.buffer.byteLength], ['ERR_BUFFER_TOO_SMALL', 16, 0]);
    },
  ],
  [
    'a SharedArrayBuffer, or a part of it',
    'used where it is',
    async () => {
      await shared(new Uint8Array(new SharedArrayBuffer(4096)));
      await shared(new Uint8Array(new SharedArrayBuffer(4096), 17, 1001));
    },
  ],
  [
    'a growable SharedArrayBuffer',
    'used where it is, as long as it was',
    () => shared(new Uint8Array(new /** @type {any} */ (SharedArrayBuffer)(4096, { maxByteLength: 8192 }), 16)),
  ],
  [
    'shared WebAssembly.Memory',
    'used where it is',
    () => shared(new Uint8Array(new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }).buffer, 8, 1024)),
  ],
  [
    'a pooled Buffer',
    '`ERR_INVALID_BUFFER`: it is a part of an ArrayBuffer; Node.js keeps its pool',
    async () => {
      await inPart(Buffer.from('a'.repeat(64)));
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
        await inPart(new Uint8Array(4096).subarray(from, to));
      const { code } = await failure(exchange(new Uint8Array(4096).subarray(4096)));
      assert.equal(code, 'ERR_INVALID_BUFFER', 'an empty one too');
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
    '`ERR_INVALID_BUFFER`: it cannot be detached; the memory goes on working',
    async () => {
      const memory = new WebAssembly.Memory({ initial: 1 });
      await immovable(new Uint8Array(memory.buffer));
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
    'a buffer that an exchange has',
    '`ERR_BUFFER_DETACHED`; the exchange goes on',
    async () => {
      const view = new Uint8Array(64);
      const first = exchange(view);
      await detached(view);
      assert.throws(() => library.exchangeDataInPlace(view), { code: 'ERR_BUFFER_DETACHED' });
      assert.equal((await first).byteLength, 64);
    },
  ],
  [
    'options that are no object, a signal that is none',
    '`ERR_INVALID_ARG_TYPE`',
    async () => {
      const object = 'another kind of object';
      for (const [value, given] of /** @type {[unknown, string][]} */ ([
        [null, 'null'],
        [1, 'a number'],
        ['signal', 'a string'],
        [true, 'a boolean'],
      ])) {
        await badOptions(value, given);
        await badOptions({ signal: value }, given);
      }
      for (const signal of [{}, new EventTarget(), { aborted: false }]) await badOptions({ signal }, object);
    },
  ],
  [
    'options without a signal',
    'moved, and given back',
    async () => {
      for (const options of [undefined, {}, { signal: undefined }])
        assert.equal((await exchange(new Uint8Array(64), options)).byteLength, 64);
    },
  ],
  [
    'options with a getter that throws',
    'rejected with what it throws',
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
    'options with a getter that takes the memory away',
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
    'a signal that was aborted before',
    '`ABORT_ERR`; nothing is taken',
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
  for (const [what, gives, test] of MATRIX) it(`${what}: ${gives}`, test);

  it('docs/errors.md shows this table', () =>
    assertDocumented(
      ['buffer or options', 'gives'],
      MATRIX.map(([what, gives]) => [what, gives]),
    ));

  it('the default library fulfils with its message, trimmed', async () => {
    const result = await exchangeDataAsync(Buffer.alloc(4096));
    assert.match(new TextDecoder().decode(result), /^Hello from Rust!.*owns\.$/);
    assert.equal(result.buffer.byteLength, 4096, 'all of the memory is there');
  });

  it('never throws', () => {
    const call = /** @type {Function} */ (exchangeDataAsync);
    return Promise.all([failure(call()), failure(call(1, 2)), failure(call(new Uint8Array(64), 2))]);
  });

  it('JavaScript goes on while the library works', async () => {
    cameraLog();
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
    }, 5);
    await open('camera').exchangeDataAsync(cameraRequest(200));
    clearInterval(timer);
    assert.ok(ticks >= 10, `${ticks} ticks of a timer of 5 ms in 200 ms`);
  });

  it('what runs keeps its memory, whatever is collected meanwhile', async () => {
    cameraLog();
    const camera = open('camera-concurrent');
    const promises = Array.from({ length: POOL_THREADS }, () =>
      camera.exchangeDataAsync(cameraRequest(60, new ArrayBuffer(1024 * 1024))),
    );
    for (let round = 0; round < 10; round += 1) {
      new Uint8Array(8 * 1024 * 1024).fill(1); // what is freed would be used again
      collect();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const result of await Promise.all(promises))
      assert.ok(Buffer.from(result.buffer, 4).every((byte) => byte === FILL));
  });
});

describe(`errors of asynchronous exchanges in the ${WHERE} process`, () => {
  const folder = temporaryFolder();

  /** @param {string} name @param {object} expected */
  async function answers(name, expected) {
    const view = new Uint8Array(64);
    const address = addressOf(view);
    const error = await failure(open(name).exchangeDataAsync(view));
    assert.equal(error instanceof Error, true);
    for (const [field, value] of Object.entries(expected)) assert.equal(error[field], value, field);
    assert.equal(view.byteLength, 0);
    assert.equal(addressOf(error.buffer), address, 'the error has the memory');
    assert.equal(error.buffer.byteLength, 64);
    assert.ok(!Object.keys(error).includes('buffer'), 'and does not fill the console with it');
  }

  it('a message that does not fit', () =>
    answers('too-small', { name: 'RangeError', code: 'ERR_BUFFER_TOO_SMALL', required: 1064 }));
  it('a status with words', () =>
    answers('negative-message', { name: 'Error', code: 'ERR_LIBRARY_FAILED', status: -9 }));
  it('a count beyond the limit', () =>
    answers('int64-max', { name: 'RangeError', code: 'ERR_LIBRARY_COUNT', count: 2n ** 63n - 1n }));
  it('an exception that was caught', () => answers('throws', { code: 'ERR_LIBRARY_FAILED' }));

  it('a library that refuses to be opened: the next call asks again', async () => {
    const file = path.join(folder, path.basename(fixtureLibrary('life-refused')));
    fs.copyFileSync(fixtureLibrary('life-refused'), file); // one that no other test has opened
    const { exchangeDataAsync } = openLibrary(file);
    const error = await failure(exchangeDataAsync(new Uint8Array(2)));
    assert.deepEqual([error.code, error.status, error.buffer.byteLength], ['ERR_LIBRARY_FAILED', -7, 2]);
    assert.deepEqual([...(await exchangeDataAsync(error.buffer))], [2, 0]);
  });
});

describe(`turns in the ${WHERE} process`, () => {
  it('a library that takes one call at a time gets them in order', async () => {
    const log = cameraLog();
    const camera = open('camera');
    /** @type {number[]} */
    const ended = [];
    const calls = Array.from({ length: 10 }, (_, index) =>
      camera.exchangeDataAsync(cameraRequest(2)).then(() => ended.push(index)),
    );
    await Promise.all(calls);
    assert.deepEqual(ended, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const seen = log.lines().filter((line) => line !== 'on');
    assert.deepEqual(seen, Array.from({ length: 10 }, () => ['begin', 'end']).flat());
  });

  it('a synchronous call meanwhile is refused, and not after it', async () => {
    const log = cameraLog();
    const camera = open('camera');
    const promise = camera.exchangeDataAsync(cameraRequest(50));
    await log.until('begin');
    const error = { name: 'Error', code: 'ERR_LIBRARY_BUSY', path: camera.path };
    assert.throws(() => camera.exchangeDataInPlace(cameraRequest(0)), error);
    await promise;
    assert.equal(camera.exchangeDataInPlace(cameraRequest(0)), 64);
  });

  it('other libraries are not held up', async () => {
    const log = cameraLog();
    const stop = new AbortController();
    const calls = Array.from({ length: 10 }, () =>
      failure(open('camera').exchangeDataAsync(cameraRequest(FOR_EVER), { signal: stop.signal })),
    );
    await log.until('begin');
    assert.equal((await exchange(new Uint8Array(64))).byteLength, 64);
    stop.abort();
    for (const { code } of await Promise.all(calls)) assert.equal(code, 'ABORT_ERR');
  });

  it('a library that takes several runs on all threads of the pool', async () => {
    const log = cameraLog();
    const camera = open('camera-concurrent');
    const stop = new AbortController();
    const running = Array.from({ length: POOL_THREADS }, () =>
      failure(camera.exchangeDataAsync(cameraRequest(FOR_EVER), { signal: stop.signal })),
    );
    await log.until('begin', POOL_THREADS);
    const next = camera.exchangeDataAsync(cameraRequest(0));
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(log.count('begin'), POOL_THREADS, 'the pool is exhausted');
    assert.equal(camera.exchangeDataInPlace(cameraRequest(0)), 64, 'a synchronous call needs no thread of it');
    stop.abort();
    await Promise.all(running);
    assert.equal((await next).byteLength, 64, 'what was meant for the others did not hit it');
  });
});

describe(`abort in the ${WHERE} process`, () => {
  /** @param {any} error @param {bigint} address @param {unknown} reason */
  function aborted(error, address, reason) {
    assert.equal(error instanceof Error, true);
    assert.deepEqual([error.name, error.code, error.cause], ['AbortError', 'ABORT_ERR', reason]);
    assert.equal(addressOf(error.buffer), address, 'the error has the memory');
    assert.equal(error.buffer.byteLength, 64);
  }

  /** @param {string} name @param {number} milliseconds */
  function begin(name, milliseconds) {
    const stop = new AbortController();
    const view = cameraRequest(milliseconds);
    const address = addressOf(view);
    const outcome = failure(open(name).exchangeDataAsync(view, { signal: stop.signal }));
    return { outcome, abort: (/** @type {unknown} */ reason) => stop.abort(reason), address };
  }

  it('a call that runs is cancelled', async () => {
    const log = cameraLog();
    const call = begin('camera', FOR_EVER);
    await log.until('begin');
    call.abort('enough');
    aborted(await call.outcome, call.address, 'enough');
    assert.deepEqual(log.lines().at(-1), 'end');
    assert.ok(log.count('cancel') >= 1);
  });

  it("the guide's example stops when it is asked", async () => {
    const stop = new AbortController();
    const view = new Uint8Array(1024 * 1024);
    const outcome = failure(open('smooth-c').exchangeDataAsync(view, { signal: stop.signal }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const started = Date.now();
    stop.abort('enough');
    assert.equal((await outcome).code, 'ABORT_ERR');
    assert.ok(Date.now() - started < 5000, 'it would take minutes');
  });

  it('a call that waits is dropped at once, and those behind it move up', async () => {
    const log = cameraLog();
    const [first, second] = [begin('camera', FOR_EVER), begin('camera', FOR_EVER)];
    const third = open('camera').exchangeDataAsync(cameraRequest(0));
    await log.until('begin');
    second.abort('changed my mind');
    aborted(await second.outcome, second.address, 'changed my mind');
    assert.equal(log.count('end'), 0, 'the first one still runs');
    assert.equal(log.count('cancel'), 0, 'and was not disturbed');
    first.abort('enough');
    await first.outcome;
    assert.equal((await third).byteLength, 64);
    assert.equal(log.count('begin'), 2);
  });

  it('a call that has not found a thread is dropped, while the pool is exhausted', async () => {
    const log = cameraLog();
    const running = Array.from({ length: POOL_THREADS }, () => begin('camera-concurrent', FOR_EVER));
    await log.until('begin', POOL_THREADS);
    const queued = begin('camera-concurrent', FOR_EVER);
    queued.abort('too late');
    aborted(await queued.outcome, queued.address, 'too late');
    assert.equal(log.count('end'), 0);
    for (const call of running) call.abort('enough');
    for (const call of running) aborted(await call.outcome, call.address, 'enough');
    assert.equal(log.count('begin'), POOL_THREADS);
  });

  it('a library that ignores it: the promise waits for its return', async () => {
    const log = cameraLog();
    const call = begin('camera-deaf', 80);
    await log.until('begin');
    call.abort('enough');
    aborted(await call.outcome, call.address, 'enough');
    assert.equal(log.count('end'), 1);
  });

  it('of several running calls, one that nobody aborts is not disturbed', async () => {
    const log = cameraLog();
    const kept = open('camera-concurrent').exchangeDataAsync(cameraRequest(120));
    const call = begin('camera-concurrent', FOR_EVER);
    await log.until('begin', 2);
    call.abort('enough');
    assert.equal((await kept).byteLength, 64);
    aborted(await call.outcome, call.address, 'enough');
    assert.ok(log.count('cancel') >= 1, 'it was cancelled when it was alone');
  });

  it('a call that is aborted as soon as it is made', async () => {
    cameraLog();
    for (let round = 0; round < 100; round += 1) {
      const call = begin(round % 2 ? 'camera' : 'camera-concurrent', FOR_EVER);
      if (round % 3) await null;
      if (round % 5 === 0) await new Promise((resolve) => setTimeout(resolve));
      call.abort(round);
      aborted(await call.outcome, call.address, round);
    }
  });

  it('a hundred calls on one signal', async () => {
    cameraLog();
    const stop = new AbortController();
    if (process.type !== 'renderer') events.setMaxListeners(0, stop.signal); // Node.js warns of more than ten
    const calls = Array.from({ length: 100 }, (_, index) =>
      failure(
        open(index % 2 ? 'camera' : 'camera-concurrent').exchangeDataAsync(cameraRequest(FOR_EVER), {
          signal: stop.signal,
        }),
      ),
    );
    stop.abort();
    for (const { code, buffer } of await Promise.all(calls)) {
      assert.equal(code, 'ABORT_ERR');
      assert.equal(buffer.byteLength, 64);
    }
  });

  it('an abort after the end changes nothing', async () => {
    const stop = new AbortController();
    const result = await exchange(new Uint8Array(64), { signal: stop.signal });
    stop.abort();
    assert.equal(result.byteLength, 64);
    assert.equal((await exchange(result)).byteLength, 64);
  });

  it('listens as long as the call lives', async () => {
    class Counted extends EventTarget {
      aborted = false;
      /** @type {unknown[]} */
      listeners = [];
      addEventListener(/** @type {string} */ type, /** @type {any} */ listener) {
        this.listeners.push(listener);
        super.addEventListener(type, listener);
      }
      removeEventListener(/** @type {string} */ type, /** @type {any} */ listener) {
        this.listeners.splice(this.listeners.indexOf(listener), 1);
        super.removeEventListener(type, listener);
      }
    }
    const signal = new Counted();
    const promise = exchange(new Uint8Array(64), { signal });
    assert.equal(signal.listeners.length, 1);
    const listener = /** @type {() => void} */ (signal.listeners[0]);
    await promise;
    assert.equal(signal.listeners.length, 0);
    listener(); // kept by somebody: it finds no call
    await failure(exchange(new Uint8Array(63).subarray(1), { signal }));
    assert.equal(signal.listeners.length, 0);
  });

  it('a signal whose second answer is an exception: that is what the promise is rejected with', async () => {
    let asked = 0;
    let left = 0;
    const thrown = new Error('mine');
    const signal = {
      get aborted() {
        if (asked++ > 0) throw thrown;
        return false;
      },
      addEventListener() {},
      removeEventListener() {
        left += 1;
      },
    };
    assert.equal(await failure(exchange(new Uint8Array(64), { signal })), thrown);
    assert.equal(left, 1, 'it is not listened to any more');
  });

  it('at the end of the stack: every call is settled, and no memory is lost', async () => {
    const log = cameraLog();
    const camera = open('camera');
    const first = begin('camera', FOR_EVER);
    await log.until('begin');
    /** @type {(() => void)[]} */
    const listeners = [];
    const calls = Array.from({ length: 100 }, (_, index) => {
      const signal = /** @type {any} */ ({
        aborted: false,
        addEventListener: (/** @type {string} */ _type, /** @type {() => void} */ listener) => listeners.push(listener),
        removeEventListener() {},
      });
      const memory = index % 2 ? new SharedArrayBuffer(64) : new ArrayBuffer(64);
      return failure(camera.exchangeDataAsync(cameraRequest(FOR_EVER, memory), { signal }));
    });
    const deep = () => {
      try {
        deep();
      } catch {} // the stack is used up
      if (listeners.length % 30 !== 1) listeners.pop()?.();
    };
    while (listeners.length > 0) {
      try {
        deep();
      } catch {} // so is what the listener would need
      listeners.pop()?.();
    }
    for (const { code, buffer } of await Promise.all(calls)) {
      assert.equal(code, 'ABORT_ERR');
      assert.equal(buffer.byteLength, 64);
    }
    first.abort('enough');
    await first.outcome;
  });

  it('a signal that is not what it says can do no harm', async () => {
    const listens = { aborted: false, removeEventListener() {} };
    const throws = () => {
      throw new Error('mine');
    };
    const view = new Uint8Array(64);
    for (const signal of [
      { ...listens, addEventListener: throws },
      { ...listens, addEventListener() {}, removeEventListener: throws },
      { ...listens, addEventListener() {}, removeEventListener: 1 },
      { ...listens, addEventListener: (/** @type {any} */ _type, /** @type {any} */ listener) => listener() },
      { ...listens, addEventListener: () => structuredClone(view.buffer, { transfer: [view.buffer] }) },
    ]) {
      await Promise.allSettled([exchange(view.byteLength ? view : new Uint8Array(64), { signal })]);
      collect();
    }
    assert.equal((await exchange(new Uint8Array(64))).byteLength, 64);
  });
});
