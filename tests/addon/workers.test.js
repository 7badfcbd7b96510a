// Several JavaScript environments that use one library. Runs in Electron's main process: a renderer has no Node.js
// workers.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const path = require('node:path');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const { openLibrary } = require('../../index.js');
const { itHere } = require('../support/differences.js');
const {
  FOR_EVER,
  RUNTIME,
  cameraLog,
  cameraRequest,
  fixtureLibrary,
  testUnless,
  until,
} = require('../support/fixtures.js');

/**
 * A worker that opens a library, exchanges its memory, and posts the count or the error code.
 * @param {string} library @param {Uint8Array} bytes
 */
function exchangeInWorker(library, bytes) {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { openLibrary } = require(workerData.addon);
    try {
      parentPort.postMessage({ count: openLibrary(workerData.library).exchangeDataInPlace(workerData.bytes) });
    } catch ({ code }) {
      parentPort.postMessage({ code });
    }`;
  const addon = path.join(__dirname, '..', '..', 'index.js');
  const worker = new Worker(source, { eval: true, workerData: { addon, library: fixtureLibrary(library), bytes } });
  const ended = once(worker, 'exit');
  return { result: once(worker, 'message').then(([message]) => message), ended };
}

const shared = (/** @type {number} */ length) => new Uint8Array(new SharedArrayBuffer(length));

describe('several environments', () => {
  it('a worker exchanges its own memory', async () => {
    const bytes = shared(64);
    const { result, ended } = exchangeInWorker('address', bytes);
    assert.deepEqual(await result, { count: 64 });
    assert.equal(bytes[16], 0xa5);
    await ended;
  });

  it('eight workers load and use the same libraries at once', async () => {
    const workers = Array.from({ length: 8 }, (_, index) =>
      exchangeInWorker(index % 2 ? 'address' : 'uppercase-rs', shared(64)),
    );
    let count = 0;
    for (const { result, ended } of workers) {
      const outcome = await result;
      // They take one call at a time: two synchronous calls at the same moment are not both made.
      if (outcome.code !== 'ERR_LIBRARY_BUSY') assert.deepEqual(outcome, { count: 64 });
      count += outcome.count ? 1 : 0;
      await ended;
    }
    assert.ok(count >= 2);
    assert.equal(openLibrary(fixtureLibrary('address')).exchangeDataInPlace(Buffer.alloc(64)), 64);
  });

  it('exchange_open runs before the first exchange of an environment, exchange_close when it ends', async () => {
    const counts = Buffer.alloc(2);
    const here = openLibrary(fixtureLibrary('life'));
    here.exchangeDataInPlace(counts);
    assert.deepEqual([...counts], [1, 0]);
    const there = shared(2);
    const { result, ended } = exchangeInWorker('life', there);
    assert.deepEqual(await result, { count: 2 });
    assert.deepEqual([...there], [2, 0]);
    await ended;
    here.exchangeDataInPlace(counts);
    assert.deepEqual([...counts], [2, 1]);
  });

  itHere(
    'shared',
    'a library that takes one call at a time refuses a concurrent call, and works again afterwards',
    async () => {
      const bytes = shared(2);
      const { result, ended } = exchangeInWorker('slow', bytes);
      await until(() => bytes[0] === 1);
      const { exchangeDataInPlace, path: file } = openLibrary(fixtureLibrary('slow'));
      const mine = Buffer.from([0, 1]);
      assert.throws(() => exchangeDataInPlace(mine), { name: 'Error', code: 'ERR_LIBRARY_BUSY', path: file });
      bytes[1] = 1;
      assert.deepEqual(await result, { count: 2 });
      assert.equal(exchangeDataInPlace(mine), 2);
      await ended;
    },
  );
});

/**
 * A worker that makes calls of a camera fixture. It posts the outcome of each, and 'called' when all have been made.
 * @param {{ library: string, milliseconds: number[], synchronous?: number }} calls
 */
function cameraWorker(calls) {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { openLibrary } = require(workerData.addon);
    const { cameraRequest } = require(workerData.fixtures);
    const camera = openLibrary(workerData.library);
    const outcomes = workerData.milliseconds.map((milliseconds) =>
      camera.exchangeDataAsync(cameraRequest(milliseconds)).then(
        (result) => { parentPort.postMessage(result.byteLength); },
        (error) => { parentPort.postMessage(error.code); }));
    for (let call = 0; call < workerData.synchronous; call += 1) {
      try {
        parentPort.postMessage(camera.exchangeDataInPlace(cameraRequest(0)));
      } catch (error) {
        parentPort.postMessage(error.code);
      }
    }
    parentPort.postMessage('called');`;
  const [addon, fixtures] = [
    path.join(__dirname, '..', '..', 'index.js'),
    path.join(__dirname, '..', 'support', 'fixtures.js'),
  ];
  const library = fixtureLibrary(calls.library);
  const worker = new Worker(source, { eval: true, workerData: { ...calls, addon, fixtures, library } });
  /** @type {unknown[]} */
  const messages = [];
  worker.on('message', (message) => messages.push(message));
  return { worker, messages, ended: once(worker, 'exit'), called: () => until(() => messages.includes('called')) };
}

const RUNNING_AND_TEN_QUEUED = Array(11).fill(FOR_EVER);

describe('a worker terminated during its calls', () => {
  for (const [library, running] of /** @type {[string, number][]} */ ([
    ['camera', 1],
    ['camera-concurrent', 4],
  ])) {
    it(`${library}: running calls are cancelled, queued calls are discarded`, async () => {
      const log = cameraLog();
      const { worker, messages, called } = cameraWorker({ library, milliseconds: RUNNING_AND_TEN_QUEUED });
      await called();
      await log.until('begin', running);
      await worker.terminate();
      assert.deepEqual(messages, ['called']);
      assert.equal(log.count('begin'), running);
      assert.equal(log.count('end'), running);
      assert.deepEqual([log.count('on'), log.count('off')], [1, 1]);
      assert.equal(log.lines().at(-1), 'off');
    });
  }

  it('a library without exchange_cancel: the worker ends when the running call has returned', async () => {
    const log = cameraLog();
    const { worker } = cameraWorker({ library: 'camera-deaf', milliseconds: Array(11).fill(1500) });
    await log.until('begin');
    await worker.terminate();
    assert.deepEqual(log.lines(), ['on', 'begin', 'end', 'off']);
  });

  it('immediately after its calls were made, 20 times: every open is closed', async () => {
    const log = cameraLog();
    for (let time = 0; time < 20; time += 1) {
      const library = time % 2 ? 'camera' : 'camera-concurrent';
      const { worker, called } = cameraWorker({ library, milliseconds: RUNNING_AND_TEN_QUEUED });
      await called();
      await worker.terminate();
    }
    assert.equal(log.count('off'), log.count('on'));
    assert.equal(log.count('end'), log.count('begin'));
  });

  it('while its calls wait behind one of another environment: the calls behind them move up', async () => {
    const log = cameraLog();
    const camera = openLibrary(fixtureLibrary('camera'));
    const stop = new AbortController();
    const first = camera.exchangeDataAsync(cameraRequest(FOR_EVER), { signal: stop.signal });
    await log.until('begin');
    const { worker, called } = cameraWorker({ library: 'camera', milliseconds: [FOR_EVER, FOR_EVER] });
    await called();
    const last = camera.exchangeDataAsync(cameraRequest(0));
    await worker.terminate();
    assert.equal(log.count('end'), 0, 'the worker ended without waiting for the call of the other environment');
    stop.abort();
    await assert.rejects(first, { code: 'ABORT_ERR' });
    assert.equal((await last).byteLength, 64);
    assert.equal(log.count('begin'), 2);
  });
});

describe('the queue of a library with several environments', () => {
  it('runs calls in the order in which they were submitted', async () => {
    const log = cameraLog();
    const camera = openLibrary(fixtureLibrary('camera'));
    const [stopFirst, stopLast] = [new AbortController(), new AbortController()];
    const first = camera.exchangeDataAsync(cameraRequest(FOR_EVER), { signal: stopFirst.signal });
    await log.until('begin');
    const there = cameraWorker({ library: 'camera', milliseconds: [0] });
    await there.called();
    const last = camera.exchangeDataAsync(cameraRequest(10_000), { signal: stopLast.signal });
    stopFirst.abort();
    await assert.rejects(first, { code: 'ABORT_ERR' });
    await there.ended;
    assert.deepEqual(there.messages, ['called', 64], 'a worker stays alive until its calls have settled');
    assert.equal(log.count('end'), 2, 'the last call was not made before that of the worker');
    stopLast.abort();
    await assert.rejects(last, { code: 'ABORT_ERR' });
  });

  it('eight threads at once: never two calls at a time, and each call gets its result', async () => {
    const log = cameraLog();
    const milliseconds = Array.from({ length: 25 }, (_, call) => call % 3);
    const workers = Array.from({ length: 8 }, () => cameraWorker({ library: 'camera', milliseconds, synchronous: 50 }));
    for (const { ended, messages } of workers) {
      await ended;
      const counts = messages.filter((message) => message === 64).length;
      const busy = messages.filter((message) => message === 'ERR_LIBRARY_BUSY').length;
      assert.equal(messages.length, 25 + 50 + 1);
      assert.equal(counts + busy, 25 + 50, String(messages));
      assert.ok(counts >= 25, 'no asynchronous call is refused');
    }
    assert.equal(log.count('on'), 8);
    assert.equal(log.count('off'), 8);
  });

  it('eight threads at once with a concurrent library: no call is refused', async () => {
    cameraLog();
    const milliseconds = Array.from({ length: 25 }, (_, call) => call % 3);
    const workers = Array.from({ length: 8 }, () =>
      cameraWorker({ library: 'camera-concurrent', milliseconds, synchronous: 50 }),
    );
    for (const { ended, messages } of workers) {
      await ended;
      assert.equal(messages.filter((message) => message === 64).length, 25 + 50);
    }
  });
});

describe('an environment that blocks its thread', () => {
  /** A worker that runs a script, in which `block` blocks its thread. @param {string} body */
  function blockedWorker(body) {
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { openLibrary } = require(workerData.addon);
      const { FOR_EVER, cameraRequest } = require(workerData.fixtures);
      const camera = openLibrary(workerData.library);
      const block = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
      ${body}`;
    const [addon, fixtures] = [
      path.join(__dirname, '..', '..', 'index.js'),
      path.join(__dirname, '..', 'support', 'fixtures.js'),
    ];
    return new Worker(source, { eval: true, workerData: { addon, fixtures, library: fixtureLibrary('camera') } });
  }

  it('with queued calls: they run, and so do the calls of other environments behind them', async () => {
    const log = cameraLog();
    const worker = blockedWorker(`
      for (let call = 0; call < 5; call += 1) camera.exchangeDataAsync(cameraRequest(20)).catch(() => {});
      parentPort.postMessage('queued');
      block(30_000);`);
    await once(worker, 'message');
    const camera = openLibrary(fixtureLibrary('camera'));
    const started = Date.now();
    await camera.exchangeDataAsync(cameraRequest(0));
    assert.equal(log.count('end'), 6, 'in the order in which they were submitted');
    for (let call = 0; call < 5; call += 1) await camera.exchangeDataAsync(cameraRequest(0));
    assert.ok(Date.now() - started < 10_000, `${Date.now() - started} ms`);
    assert.equal(camera.exchangeDataInPlace(cameraRequest(0)), 64, 'the library accepts a synchronous call');
    await worker.terminate();
  });

  it('with a synchronous call: calls that wait for it can be aborted, and their worker terminated', async () => {
    const log = cameraLog();
    const worker = blockedWorker('camera.exchangeDataInPlace(cameraRequest(4000));');
    await log.until('begin');
    const stop = new AbortController();
    const camera = openLibrary(fixtureLibrary('camera'));
    const waiting = camera.exchangeDataAsync(cameraRequest(0), { signal: stop.signal });
    const other = cameraWorker({ library: 'camera', milliseconds: [0] });
    await other.called();
    await new Promise((resolve) => setTimeout(resolve, 50));
    stop.abort();
    await assert.rejects(waiting, { code: 'ABORT_ERR' });
    await other.worker.terminate();
    assert.equal(log.count('end'), 0, 'the synchronous call still runs');
    await once(worker, 'exit');
  });

  it('a continuous stream of asynchronous calls does not starve synchronous calls', async () => {
    cameraLog();
    const worker = blockedWorker(`
      const again = () => camera.exchangeDataAsync(cameraRequest(1)).then(again, () => {});
      again();
      again();
      parentPort.postMessage('begun');`);
    await once(worker, 'message');
    const camera = openLibrary(fixtureLibrary('camera'));
    let made = 0;
    await until(() => {
      try {
        made += camera.exchangeDataInPlace(cameraRequest(0)) === 64 ? 1 : 0;
      } catch (error) {
        assert.equal(/** @type {any} */ (error).code, 'ERR_LIBRARY_BUSY');
      }
      return made >= 10;
    });
    await worker.terminate();
  });
});

describe('a process that exits', () => {
  const CALLS =
    'for (let call = 0; call < 50; call += 1) camera.exchangeDataAsync(cameraRequest(FOR_EVER)).catch(() => {});';
  const BLOCK = '(ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)';

  for (const [condition, script, status, notOn] of /** @type {[string, string, number, Record<string, string>?][]} */ ([
    ['during many calls', `${CALLS} setTimeout(() => process.exit(7), 100);`, 7],
    ['when no call is running', 'camera.exchangeDataInPlace(cameraRequest(0)); process.exit(7);', 7],
    ['by itself, after its calls have settled', 'camera.exchangeDataAsync(cameraRequest(10));', 0],
    [
      'after its thread was blocked during two calls',
      `for (const ms of [20, 20]) camera.exchangeDataAsync(cameraRequest(ms)).catch(() => {}); (${BLOCK})(200); process.exit(7);`,
      7,
    ],
    [
      "while libuv's thread pool is busy",
      `camera.exchangeDataInPlace(cameraRequest(0));
       for (let i = 0; i < 4; i += 1) require('node:crypto').pbkdf2('a', 'b', 200_000, 64, 'sha512', () => {});
       camera.exchangeDataAsync(cameraRequest(0)).catch(() => {});
       process.exit(7);`,
      7,
    ],
    [
      'with a last synchronous call in an exit listener',
      `camera.exchangeDataInPlace(cameraRequest(0));
       process.on('exit', () => camera.exchangeDataInPlace(cameraRequest(0)));
       process.exit(7);`,
      7,
    ],
    [
      'with an asynchronous call in an exit listener, which is refused',
      `camera.exchangeDataInPlace(cameraRequest(0));
       process.on('exit', () => { camera.exchangeDataAsync(cameraRequest(FOR_EVER)).catch(() => {}); });
       process.exit(7);`,
      7,
    ],
    ['by an uncaught exception', `${CALLS} setTimeout(() => { throw 1; }, 100);`, 1],
    [
      'during a call of a library without exchange_cancel',
      `openLibrary(fixtureLibrary('camera-deaf')).exchangeDataAsync(cameraRequest(800)).catch(() => {});
       setTimeout(() => process.exit(7), 100);`,
      7,
      { win32: 'Windows ends the other threads before anything is told of the exit' },
    ],
  ])) {
    const pairs = async () => {
      const log = cameraLog();
      assert.deepEqual(await inNode(script), [status, null]);
      assert.ok(log.count('on') > 0);
      assert.equal(log.count('off'), log.count('on'));
      assert.equal(log.count('end'), log.count('begin'));
      assert.equal(log.lines().at(-1), 'off');
    };
    testUnless(`${condition}: every exchange_open is paired with an exchange_close`, pairs, notOn);
  }

  it('during a call of a library that has static objects in its functions: they are destroyed after it', async () => {
    const script = `
      openLibrary(fixtureLibrary('late-destructor')).exchangeDataAsync(new Uint8Array(1)).catch(() => {});
      setTimeout(() => process.exit(7), 100);`;
    assert.deepEqual(await inNode(script), [7, null]);
  });

  it('during a call that never returns: it is waited for once, however many libraries are loaded', async () => {
    cameraLog();
    const script = `
      for (const name of ['address', 'life', 'named', 'slow', 'zero']) openLibrary(fixtureLibrary(name));
      openLibrary(fixtureLibrary('camera-deaf')).exchangeDataAsync(cameraRequest(FOR_EVER)).catch(() => {});
      setTimeout(() => process.exit(7), 100);`;
    const started = Date.now();
    assert.deepEqual(await inNode(script), [7, null]);
    assert.ok(Date.now() - started < 6000, `${Date.now() - started} ms`);
  });

  it('async_hooks that call the addon during its first call do no harm', async () => {
    const log = cameraLog();
    const script = `
      let calls = 0;
      const init = (_id, type) => {
        if (type === 'exchangeDataAsync' && calls++ < 3) camera.exchangeDataAsync(cameraRequest(1));
      };
      require('node:async_hooks').createHook({ init }).enable();
      camera.exchangeDataAsync(cameraRequest(1));`;
    assert.deepEqual(await inNode(script), [0, null]);
    assert.equal(log.count('end'), 4);
    assert.deepEqual([log.count('on'), log.count('off')], [1, 1]);
  });

  it('a worker in which the addon cannot be prepared ends without an error of its own', async () => {
    const script = `
      const { Worker } = require('node:worker_threads');
      const source = 'globalThis.WeakMap = undefined; require(' + JSON.stringify(process.argv[1]) + ');';
      let failed = false;
      new Worker(source, { eval: true })
        .on('error', () => { failed = true; })
        .on('exit', () => process.exit(failed ? 7 : 2));`;
    assert.deepEqual(await inNode(script), [7, null]);
  });

  it('a hostile ArrayBuffer.prototype.transfer does no harm', async () => {
    cameraLog();
    const before = `
      ArrayBuffer.prototype.transfer = function () {
        structuredClone(this, { transfer: [this] });
        return {};
      };`;
    const script = `
      camera.exchangeDataAsync(cameraRequest(1)).then(
        () => process.exit(1),
        ({ code }) => process.exit(code === 'ERR_INVALID_BUFFER' ? 7 : 2),
      );`;
    assert.deepEqual(await inNode(script, before), [7, null]);
  });
});

/**
 * Runs a script in a Node.js process, and resolves to its exit code and signal.
 * @param {string} script @param {string} [before] code that runs before the addon is loaded
 */
async function inNode(script, before = '') {
  const source = `
    ${before}
    const { openLibrary } = require(process.argv[1]);
    const { FOR_EVER, cameraRequest, fixtureLibrary } = require(process.argv[2]);
    const camera = openLibrary(fixtureLibrary('camera'));
    ${script}`;
  const files = [path.join(__dirname, '..', '..', 'index.js'), path.join(__dirname, '..', 'support', 'fixtures.js')];
  const child = spawn(RUNTIME, ['-e', source, ...files], {
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    stdio: 'ignore',
  });
  return once(child, 'close');
}
