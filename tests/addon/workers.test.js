// Several JavaScript environments on one library. Runs in Electron's main process: a renderer has no Node workers.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const path = require('node:path');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const { openLibrary } = require('../../index.js');
const { FOR_EVER, cameraLog, cameraRequest, fixtureLibrary, until } = require('../support/fixtures.js');

/**
 * A worker that opens a library, exchanges the memory it is given, and says the count or the code.
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
  return { answer: once(worker, 'message').then(([message]) => message), ended };
}

const shared = (/** @type {number} */ length) => new Uint8Array(new SharedArrayBuffer(length));

describe('several environments', () => {
  it('a worker exchanges in its own memory', async () => {
    const bytes = shared(64);
    const { answer, ended } = exchangeInWorker('address', bytes);
    assert.deepEqual(await answer, { count: 64 });
    assert.equal(bytes[16], 0xa5);
    await ended;
  });

  it('eight workers load, use and leave the same libraries at once', async () => {
    const workers = Array.from({ length: 8 }, (_, index) =>
      exchangeInWorker(index % 2 ? 'address' : 'uppercase-rs', shared(64)),
    );
    for (const { answer, ended } of workers) {
      assert.deepEqual(await answer, { count: 64 });
      await ended;
    }
    assert.equal(openLibrary(fixtureLibrary('address')).exchangeDataInPlace(Buffer.alloc(64)), 64);
  });

  it('a library is opened in each environment before its first exchange, and closed when that ends', async () => {
    const counts = Buffer.alloc(2);
    const here = openLibrary(fixtureLibrary('life'));
    here.exchangeDataInPlace(counts);
    assert.deepEqual([...counts], [1, 0]);
    const there = shared(2);
    const { answer, ended } = exchangeInWorker('life', there);
    assert.deepEqual(await answer, { count: 2 });
    assert.deepEqual([...there], [2, 0]);
    await ended;
    here.exchangeDataInPlace(counts);
    assert.deepEqual([...counts], [2, 1]);
  });

  it('a library that takes one call at a time refuses a second one, and works again after the first', async () => {
    const bytes = shared(2);
    const { answer, ended } = exchangeInWorker('slow', bytes);
    await until(() => bytes[0] === 1);
    const { exchangeDataInPlace, path: file } = openLibrary(fixtureLibrary('slow'));
    const mine = Buffer.from([0, 1]);
    assert.throws(() => exchangeDataInPlace(mine), { name: 'Error', code: 'ERR_LIBRARY_BUSY', path: file });
    bytes[1] = 1;
    assert.deepEqual(await answer, { count: 2 });
    assert.equal(exchangeDataInPlace(mine), 2);
    await ended;
  });
});

/**
 * A worker that makes calls of a camera fixture, and says when it has made them and what came of each.
 * @param {{ library: string, milliseconds: number[], synchronous?: number }} what
 */
function cameraWorker(what) {
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
  const library = fixtureLibrary(what.library);
  const worker = new Worker(source, { eval: true, workerData: { ...what, addon, fixtures, library } });
  /** @type {unknown[]} */
  const messages = [];
  worker.on('message', (message) => messages.push(message));
  return { worker, messages, ended: once(worker, 'exit'), called: () => until(() => messages.includes('called')) };
}

const RUNNING_AND_TEN_QUEUED = Array(11).fill(FOR_EVER);

describe('a worker that is terminated in the middle of its calls', () => {
  for (const [library, running] of /** @type {[string, number][]} */ ([
    ['camera', 1],
    ['camera-concurrent', 4],
  ])) {
    it(`${library}: what runs is asked to stop, what is queued is not made`, async () => {
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

  it('a library that ignores it: the worker ends when the one that runs has returned', async () => {
    const log = cameraLog();
    const { worker } = cameraWorker({ library: 'camera-deaf', milliseconds: Array(11).fill(300) });
    await log.until('begin');
    await worker.terminate();
    assert.deepEqual(log.lines(), ['on', 'begin', 'end', 'off']);
  });

  it('as soon as it has begun, again and again', async () => {
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

  it('while its calls are queued behind that of another: those behind it move up', async () => {
    const log = cameraLog();
    const camera = openLibrary(fixtureLibrary('camera'));
    const stop = new AbortController();
    const first = camera.exchangeDataAsync(cameraRequest(FOR_EVER), { signal: stop.signal });
    await log.until('begin');
    const { worker, called } = cameraWorker({ library: 'camera', milliseconds: [FOR_EVER, FOR_EVER] });
    await called();
    const last = camera.exchangeDataAsync(cameraRequest(0));
    await worker.terminate();
    assert.equal(log.count('end'), 0, 'the worker did not have to wait for the call of another');
    stop.abort();
    await assert.rejects(first, { code: 'ABORT_ERR' });
    assert.equal((await last).byteLength, 64);
    assert.equal(log.count('begin'), 2);
  });
});

describe('the queue of a library, with several environments', () => {
  it('calls are made in the order in which they came', async () => {
    const log = cameraLog();
    const camera = openLibrary(fixtureLibrary('camera'));
    /** @type {string[]} */
    const ended = [];
    const first = camera.exchangeDataAsync(cameraRequest(200)).then(() => ended.push('here'));
    await log.until('begin');
    const there = cameraWorker({ library: 'camera', milliseconds: [100] });
    there.worker.on('message', (message) => message === 64 && ended.push('there'));
    await there.called();
    const last = camera.exchangeDataAsync(cameraRequest(100)).then(() => ended.push('here again'));
    await Promise.all([first, last, there.ended]);
    assert.deepEqual(ended, ['here', 'there', 'here again']);
    assert.deepEqual(there.messages, ['called', 64], 'a worker lives until its calls are settled');
  });

  it('eight threads at once: never two in the library, and each call gets its answer', async () => {
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

  it('eight threads at once in a library that takes several', async () => {
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

describe('an environment that is busy holds up nobody', () => {
  /** A worker that makes calls and then blocks its thread. @param {string} body */
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

  it('with calls that are queued: they are made, and those behind them', async () => {
    const log = cameraLog();
    const worker = blockedWorker(`
      for (let call = 0; call < 5; call += 1) camera.exchangeDataAsync(cameraRequest(20)).catch(() => {});
      block(30_000);`);
    await log.until('begin');
    const camera = openLibrary(fixtureLibrary('camera'));
    const started = Date.now();
    await camera.exchangeDataAsync(cameraRequest(0));
    assert.equal(log.count('end'), 6, 'in the order in which they were made');
    for (let call = 0; call < 5; call += 1) await camera.exchangeDataAsync(cameraRequest(0));
    assert.ok(Date.now() - started < 1000, `${Date.now() - started} ms`);
    assert.equal(camera.exchangeDataInPlace(cameraRequest(0)), 64, 'the library is free');
    await worker.terminate();
  });

  it('with a synchronous call: one that waits for it can be aborted, and its worker terminated', async () => {
    const log = cameraLog();
    const worker = blockedWorker('camera.exchangeDataInPlace(cameraRequest(1500));');
    await log.until('begin');
    const stop = new AbortController();
    const camera = openLibrary(fixtureLibrary('camera'));
    const waits = camera.exchangeDataAsync(cameraRequest(0), { signal: stop.signal });
    const other = cameraWorker({ library: 'camera', milliseconds: [0] });
    await other.called();
    await new Promise((resolve) => setTimeout(resolve, 50));
    stop.abort();
    await assert.rejects(waits, { code: 'ABORT_ERR' });
    await other.worker.terminate();
    assert.equal(log.count('end'), 0, 'the synchronous call still runs');
    await once(worker, 'exit');
  });

  it('with a steady stream of asynchronous calls: synchronous ones get their chance', async () => {
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

  for (const [what, script, status] of /** @type {[string, string, number][]} */ ([
    ['in the middle of many calls', `${CALLS} setTimeout(() => process.exit(7), 100);`, 7],
    ['when it is quiet', 'camera.exchangeDataInPlace(cameraRequest(0)); process.exit(7);', 7],
    ['by itself, when its calls are over', 'camera.exchangeDataAsync(cameraRequest(10));', 0],
    [
      'when its page is busy while two calls are made',
      `for (const ms of [20, 20]) camera.exchangeDataAsync(cameraRequest(ms)).catch(() => {}); (${BLOCK})(200); process.exit(7);`,
      7,
    ],
    [
      "when libuv's pool is busy",
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
    ['by an exception that nobody catches', `${CALLS} setTimeout(() => { throw 1; }, 100);`, 1],
    [
      'in the middle of a call of a library that ignores being asked',
      `openLibrary(fixtureLibrary('camera-deaf')).exchangeDataAsync(cameraRequest(800)).catch(() => {});
       setTimeout(() => process.exit(7), 100);`,
      7,
    ],
  ])) {
    it(`${what}: it leaves nothing switched on`, async () => {
      const log = cameraLog();
      assert.deepEqual(await inNode(script), [status, null]);
      assert.ok(log.count('on') > 0);
      assert.equal(log.count('off'), log.count('on'));
      assert.equal(log.count('end'), log.count('begin'));
      assert.equal(log.lines().at(-1), 'off');
    });
  }

  it('async_hooks that call the addon while it makes its first call do no harm', async () => {
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

  it('a worker in which the addon cannot be prepared ends as any other', async () => {
    const script = `
      const { Worker } = require('node:worker_threads');
      const source = 'globalThis.WeakMap = undefined; require(' + JSON.stringify(process.argv[1]) + ');';
      let failed = false;
      new Worker(source, { eval: true })
        .on('error', () => { failed = true; })
        .on('exit', () => process.exit(failed ? 7 : 2));`;
    assert.deepEqual(await inNode(script), [7, null]);
  });

  it('an ArrayBuffer.prototype.transfer that is not what it says does no harm', async () => {
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
 * Runs a script in a Node.js of its own, and answers how that ended.
 * @param {string} script @param {string} [before] what it runs before it loads the addon
 */
async function inNode(script, before = '') {
  const source = `
    ${before}
    const { openLibrary } = require(process.argv[1]);
    const { FOR_EVER, cameraRequest, fixtureLibrary } = require(process.argv[2]);
    const camera = openLibrary(fixtureLibrary('camera'));
    ${script}`;
  const files = [path.join(__dirname, '..', '..', 'index.js'), path.join(__dirname, '..', 'support', 'fixtures.js')];
  const child = spawn(process.execPath, ['-e', source, ...files], {
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    stdio: 'ignore',
  });
  return once(child, 'close');
}
