// Asynchronous exchanges: their order and their cancellation. Runs in Electron's main process, in its renderer process
// and in plain Node.js.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { openLibrary } = require('../../index.js');
const { FOR_EVER, cameraLog, cameraRequest, fixtureLibrary, loadProbe } = require('../support/fixtures.js');

const { addressOf } = loadProbe();
const open = (/** @type {string} */ name) => openLibrary(fixtureLibrary(name));
// Fills the memory; the first 16 bytes are the address and the length that the library received.
const library = open('address');
const WHERE = process.type ?? 'Node.js';
const MAX_THREADS = 4;
const collect = /** @type {() => void} */ (/** @type {any} */ (globalThis).gc);
/** @param {unknown} value @param {unknown} [options] @returns {Promise<Uint8Array>} */
const exchange = (value, options) => /** @type {Function} */ (library.exchangeDataAsync)(value, options);
/** The error that a promise is rejected with. @param {Promise<unknown>} promise @returns {Promise<any>} */
const failure = (promise) =>
  promise.then(
    () => assert.fail('the promise was fulfilled'),
    (error) => error,
  );

describe(`the queue of a library in the ${WHERE} process`, () => {
  it('calls of a library that takes one at a time run in order, never two at once', async () => {
    const log = cameraLog();
    const camera = open('camera');
    /** @type {number[]} */
    const ended = [];
    const calls = Array.from({ length: 10 }, (_, index) =>
      camera.exchangeDataAsync(cameraRequest(2)).then(() => ended.push(index)),
    );
    await Promise.all(calls);
    assert.deepEqual(ended, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const events = log.lines().filter((line) => line !== 'on');
    assert.deepEqual(events, Array.from({ length: 10 }, () => ['begin', 'end']).flat());
  });

  it('a synchronous call is refused while an asynchronous call runs, and works afterwards', async () => {
    const log = cameraLog();
    const camera = open('camera');
    const stop = new AbortController();
    const call = failure(camera.exchangeDataAsync(cameraRequest(FOR_EVER), { signal: stop.signal }));
    await log.until('begin');
    const error = { name: 'Error', code: 'ERR_LIBRARY_BUSY', path: camera.path };
    assert.throws(() => camera.exchangeDataInPlace(cameraRequest(0)), error);
    stop.abort();
    assert.equal((await call).code, 'ABORT_ERR');
    assert.equal(camera.exchangeDataInPlace(cameraRequest(0)), 64);
  });

  it('a running call does not block calls of other libraries', async () => {
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

  it('a library that takes concurrent calls runs on up to four threads', async () => {
    const log = cameraLog();
    const camera = open('camera-concurrent');
    const stop = new AbortController();
    const running = Array.from({ length: MAX_THREADS }, () =>
      failure(camera.exchangeDataAsync(cameraRequest(FOR_EVER), { signal: stop.signal })),
    );
    await log.until('begin', MAX_THREADS);
    const next = camera.exchangeDataAsync(cameraRequest(0));
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(log.count('begin'), MAX_THREADS, 'all its threads are busy');
    assert.equal(camera.exchangeDataInPlace(cameraRequest(0)), 64, 'a synchronous call does not need them');
    stop.abort();
    await Promise.all(running);
    assert.equal((await next).byteLength, 64, 'cancelling the other calls did not cancel it');
  });

  it('asynchronous calls of a library that takes one at a time run on one thread of its own', async () => {
    const { exchangeDataAsync, exchangeDataInPlace } = open('which-thread');
    const threadOf = (/** @type {Uint8Array} */ bytes) => new DataView(bytes.buffer).getBigUint64(0, true);
    const calls = await Promise.all(Array.from({ length: 50 }, () => exchangeDataAsync(new Uint8Array(8))));
    const later = await exchangeDataAsync(new Uint8Array(8));
    const here = new Uint8Array(8);
    exchangeDataInPlace(here);
    const threads = new Set([...calls, later].map(threadOf));
    assert.equal(threads.size, 1);
    assert.ok(!threads.has(threadOf(here)));
  });

  it("waiting calls do not occupy Node.js's thread pool", async () => {
    const log = cameraLog();
    const stop = new AbortController();
    const calls = ['camera', 'camera-concurrent'].flatMap((name) =>
      Array.from({ length: 8 }, () =>
        failure(open(name).exchangeDataAsync(cameraRequest(FOR_EVER), { signal: stop.signal })),
      ),
    );
    await log.until('begin', 1 + MAX_THREADS);
    const { ino } = await fs.promises.stat(__filename);
    assert.ok(ino > 0 && log.count('end') === 0);
    stop.abort();
    await Promise.all(calls);
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

  it('a running call is cancelled', async () => {
    const log = cameraLog();
    const call = begin('camera', FOR_EVER);
    await log.until('begin');
    call.abort('enough');
    aborted(await call.outcome, call.address, 'enough');
    // The library is told again until the call has returned, also between its last line and that.
    assert.equal(
      log.lines().findLast((line) => line !== 'cancel'),
      'end',
    );
    assert.ok(log.count('cancel') >= 1);
  });

  it("the guide's example smooth.c can be cancelled", async () => {
    const stop = new AbortController();
    const view = new Uint8Array(1024 * 1024);
    const outcome = failure(open('smooth-c').exchangeDataAsync(view, { signal: stop.signal }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const started = Date.now();
    stop.abort('enough');
    assert.equal((await outcome).code, 'ABORT_ERR');
    assert.ok(Date.now() - started < 5000, 'without cancellation it would take minutes');
  });

  it('a queued call is discarded at once, and the calls behind it move up', async () => {
    const log = cameraLog();
    const [first, second] = [begin('camera', FOR_EVER), begin('camera', FOR_EVER)];
    const third = open('camera').exchangeDataAsync(cameraRequest(0));
    await log.until('begin');
    second.abort('changed my mind');
    aborted(await second.outcome, second.address, 'changed my mind');
    assert.equal(log.count('end'), 0, 'the first call still runs');
    assert.equal(log.count('cancel'), 0, 'and was not cancelled');
    first.abort('enough');
    await first.outcome;
    assert.equal((await third).byteLength, 64);
    assert.equal(log.count('begin'), 2);
  });

  it('a call queued behind four running calls is discarded', async () => {
    const log = cameraLog();
    const running = Array.from({ length: MAX_THREADS }, () => begin('camera-concurrent', FOR_EVER));
    await log.until('begin', MAX_THREADS);
    const queued = begin('camera-concurrent', FOR_EVER);
    queued.abort('too late');
    aborted(await queued.outcome, queued.address, 'too late');
    assert.equal(log.count('end'), 0);
    for (const call of running) call.abort('enough');
    for (const call of running) aborted(await call.outcome, call.address, 'enough');
    assert.equal(log.count('begin'), MAX_THREADS);
  });

  it('a library without exchange_cancel: the promise settles when the call has returned', async () => {
    // On a busy machine a short call may have ended before it is aborted, which is another case.
    for (const milliseconds of [80, 1000, 5000]) {
      const log = cameraLog();
      const call = begin('camera-deaf', milliseconds);
      await log.until('begin');
      call.abort('enough');
      if (log.count('end') > 0 && milliseconds < 5000) {
        await call.outcome.catch(() => {});
        continue;
      }
      aborted(await call.outcome, call.address, 'enough');
      assert.equal(log.count('end'), 1);
      return;
    }
  });

  it('aborting one of several running calls does not cancel the others', async () => {
    const log = cameraLog();
    const kept = open('camera-concurrent').exchangeDataAsync(cameraRequest(120));
    const call = begin('camera-concurrent', FOR_EVER);
    await log.until('begin', 2);
    call.abort('enough');
    assert.equal((await kept).byteLength, 64);
    aborted(await call.outcome, call.address, 'enough');
    assert.ok(log.count('cancel') >= 1, 'it was cancelled when no other call was running');
  });

  it('a call can be aborted immediately after it was made', async () => {
    cameraLog();
    for (let round = 0; round < 100; round += 1) {
      const call = begin(round % 2 ? 'camera' : 'camera-concurrent', FOR_EVER);
      if (round % 3) await null;
      if (round % 5 === 0) await new Promise((resolve) => setTimeout(resolve));
      call.abort(round);
      aborted(await call.outcome, call.address, round);
    }
  });

  it('one signal aborts a hundred calls', async () => {
    cameraLog();
    const stop = new AbortController();
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

  it('an abort after the call has settled has no effect', async () => {
    const stop = new AbortController();
    const result = await exchange(new Uint8Array(64), { signal: stop.signal });
    stop.abort();
    assert.equal(result.byteLength, 64);
    assert.equal((await exchange(result)).byteLength, 64);
  });

  it('listens to the signal only until the call has settled', async () => {
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
    listener(); // a listener called later finds no call
    await failure(exchange(new Uint8Array(63).subarray(1), { signal }));
    assert.equal(signal.listeners.length, 0);
  });

  it('a signal whose aborted getter throws later: the promise is rejected with the thrown value', async () => {
    let reads = 0;
    let removed = 0;
    const thrown = new Error('mine');
    const signal = {
      get aborted() {
        if (reads++ > 0) throw thrown;
        return false;
      },
      addEventListener() {},
      removeEventListener() {
        removed += 1;
      },
    };
    assert.equal(await failure(exchange(new Uint8Array(64), { signal })), thrown);
    assert.equal(removed, 1, 'its listener is removed');
  });

  it('aborts at the end of the stack: every call settles, and no memory is lost', async () => {
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
      } catch {} // the stack is exhausted
      if (listeners.length % 30 !== 1) listeners.pop()?.();
    };
    while (listeners.length > 0) {
      try {
        deep();
      } catch {} // the listener, too, may have no stack left
      listeners.pop()?.();
    }
    for (const { code, buffer } of await Promise.all(calls)) {
      assert.equal(code, 'ABORT_ERR');
      assert.equal(buffer.byteLength, 64);
    }
    first.abort('enough');
    await first.outcome;
  });

  it('a signal with hostile methods does no harm', async () => {
    const base = { aborted: false, removeEventListener() {} };
    const throws = () => {
      throw new Error('mine');
    };
    const view = new Uint8Array(64);
    for (const signal of [
      { ...base, addEventListener: throws },
      { ...base, addEventListener() {}, removeEventListener: throws },
      { ...base, addEventListener() {}, removeEventListener: 1 },
      { ...base, addEventListener: (/** @type {any} */ _type, /** @type {any} */ listener) => listener() },
      { ...base, addEventListener: () => structuredClone(view.buffer, { transfer: [view.buffer] }) },
    ]) {
      await Promise.allSettled([exchange(view.byteLength ? view : new Uint8Array(64), { signal })]);
      collect();
    }
    assert.equal((await exchange(new Uint8Array(64))).byteLength, 64);
  });
});
