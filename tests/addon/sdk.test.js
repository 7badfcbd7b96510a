// A library that was written with the SDK, as JavaScript sees it: the fixture sdk.rs. Runs in Electron's main process, in
// its renderer process, in plain Node.js, and with the library in a process of its own.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { once } = require('node:events');
const path = require('node:path');
const addon = require('../../index.js');
const { differs, itHere } = require('../support/differences.js');
const { fixtureLibrary, temporaryFolder } = require('../support/fixtures.js');

const { openLibrary } = addon;
const inRenderer = /** @type {any} */ (process).type === 'renderer';
const library = () => openLibrary(fixtureLibrary('sdk'));

/** @param {string} text @param {number} [length] @param {ArrayBufferLike} [memory] */
const bytesOf = (text, length = Math.max(text.length, 64), memory = new ArrayBuffer(length)) => {
  const bytes = new Uint8Array(memory);
  bytes.set(new TextEncoder().encode(text));
  return bytes;
};
const shared = (/** @type {string} */ text, length = 64) => bytesOf(text, length, new SharedArrayBuffer(length));
const textOf = (/** @type {Uint8Array} */ bytes) => Buffer.from(bytes).toString();

/** Both ways to call an operation: the message. */
const WAYS = /** @type {const} */ ({
  'at once': async (/** @type {string} */ name, /** @type {Uint8Array} */ bytes, /** @type {number} */ input) =>
    bytes.subarray(0, library().operation(name)(bytes, input)),
  'on a thread': (/** @type {string} */ name, /** @type {Uint8Array} */ bytes, /** @type {number} */ input) =>
    library().operation(name).async(bytes, { input }),
});

/** The error of a call. @param {() => unknown} call @returns {Promise<any>} */
async function failure(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return assert.fail('it did not fail');
}

describe('a library written with the SDK', () => {
  const folder = temporaryFolder();

  it('says its name and its operations', () => {
    assert.equal(library().name, 'written with the SDK');
    const names = ['count', 'panic', 'lives', 'upper', 'fail', 'rectangle', 'steps', 'watch', 'stable'];
    assert.deepEqual(library().operations, names);
  });

  for (const [way, run] of Object.entries(WAYS)) {
    it(`${way}: gets the input, and writes in place`, async () => {
      assert.equal(textOf(await run('upper', bytesOf('abc, and the rest'), 3)), 'ABC');
      assert.equal(textOf(await run('upper', bytesOf('abc'), 0)), '');
    });

    it(`${way}: of shared memory, too`, async () => {
      const bytes = shared('abc, and the rest');
      assert.equal(textOf(await run('upper', bytes, 3)), 'ABC');
      assert.equal(textOf(bytes.subarray(0, 17)), 'ABC, and the rest');
    });

    it(`${way}: keeps its state between calls, until a panic`, async () => {
      const count = async (/** @type {string} */ text) =>
        Number(textOf(await run('count', bytesOf(text), text.length)));
      const before = await count('');
      assert.equal(await count('four'), before + 4);
      assert.equal(await count('+5...'), before + 9);
      const error = await failure(() => run('panic', bytesOf('by mistake'), 10));
      assert.equal(error.code, 'ERR_LIBRARY_FAILED');
      assert.equal(error.status, -3);
      assert.match(error.message, /: the library panicked: by mistake$/);
      assert.equal(await count('1'), 1, 'a new state');
    });

    it(`${way}: fails in the words of its error`, async () => {
      for (const [text, status, words] of /** @type {[string, number, string][]} */ ([
        ['the lens cap is on', -1, 'the lens cap is on'],
        ['4x', -1, 'invalid digit found in string'],
        ['\u{fffd}', -1, '\u{fffd}'],
        ['255', -40, '255 is too large'],
      ])) {
        const input = new TextEncoder().encode(text).length;
        const error = await failure(() => run('fail', bytesOf(text, 64), input));
        assert.equal(error.code, 'ERR_LIBRARY_FAILED');
        assert.equal(error.status, status);
        assert.equal(error.message.slice(error.message.indexOf(': ') + 2), words);
      }
    });

    it(`${way}: reads a typed request, and says how much memory it needs`, async () => {
      for (const Memory of [ArrayBuffer, SharedArrayBuffer]) {
        const request = (/** @type {number} */ width, /** @type {number} */ height) => {
          const bytes = new Uint8Array(new Memory(64));
          const view = new DataView(bytes.buffer);
          bytes[0] = 7;
          view.setUint32(1, width, true);
          view.setUint32(5, height, true);
          return bytes;
        };
        const bytes = request(8, 8);
        const small = await failure(() => run('rectangle', bytes, 9));
        assert.equal(small.code, 'ERR_BUFFER_TOO_SMALL');
        assert.equal(small.required, 73);
        assert.deepEqual(small.buffer ?? bytes, request(8, 8), 'the request is as it was');
        const error = await failure(() => run('rectangle', request(2 ** 16, 2 ** 16), 9));
        assert.match(error.message, /: too many pixels$/);
        const short = await failure(() => run('rectangle', request(1, 1), 8));
        assert.match(short.message, /: the input has 8 bytes; the request has 9$/);
      }
      const bytes = new Uint8Array(64);
      bytes.set([7, 5, 0, 0, 0, 11, 0, 0, 0]);
      const picture = await run('rectangle', bytes, 9);
      assert.deepEqual([...picture.subarray(0, 9)], [7, 11, 0, 0, 0, 5, 0, 0, 0]);
      assert.deepEqual([...picture.subarray(9)], Array(55).fill(7));
    });

    it(`${way}: knows whether the memory is shared`, async () => {
      const described = async (/** @type {Uint8Array} */ bytes) => {
        const { operation } = library();
        if (way === 'at once') return JSON.parse(textOf(bytes.slice(0, operation()(bytes, 5))));
        return JSON.parse(textOf(await operation().async(bytes, { input: 5 })));
      };
      const expected = { input: 5, capacity: 64, shared: false };
      assert.deepEqual(await described(new Uint8Array(64)), expected);
      assert.deepEqual(await described(shared('')), { ...expected, shared: !differs('shared') });
    });
  }

  itHere('address', 'is lent the memory itself', () => {
    const bytes = bytesOf('abc');
    const before = addon.addressOf(bytes);
    library().operation('upper')(bytes, 3);
    assert.equal(addon.addressOf(bytes), before);
  });

  it('reports progress, and ends when it is cancelled', async () => {
    /** @type {[number, number][]} */
    const reports = [];
    const controller = new AbortController();
    const call = library()
      .operation('steps')
      .async(new Uint8Array([20]), {
        signal: controller.signal,
        onProgress: (/** @type {number} */ done, /** @type {number} */ total) => {
          reports.push([done, total]);
          if (reports.length === 2) controller.abort();
        },
      });
    const error = await failure(() => call);
    assert.equal(error.code, 'ABORT_ERR');
    assert.ok(reports.length < 10, `${reports.length} reports: all of them would be forty`);
    for (const [done, total] of reports) assert.ok(done >= 1 && done < 100 && total === 100, `${done} of ${total}`);
    assert.equal(textOf(await WAYS['on a thread']('upper', bytesOf('next'), 4)), 'NEXT');
  });

  itHere('shared', 'sees in a view what another thread writes to shared memory, and is seen', async () => {
    const bytes = shared('');
    const call = library().operation('watch').async(bytes);
    await new Promise((resolve) => setTimeout(resolve, 20));
    Atomics.store(bytes, 0, 1);
    assert.deepEqual([...(await call)], [1, 2]);
    assert.equal(bytes[1], 2);
  });

  it('has slices of shared memory that do not change, whatever another thread writes', async () => {
    for (const length of [61, 1 << 16]) {
      const bytes = shared('', length);
      let ended = false;
      let writes = 0;
      const call = library()
        .operation('stable')
        .async(bytes)
        .finally(() => {
          ended = true;
        });
      while (!ended) {
        bytes.fill(writes % 251);
        writes += 1;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      assert.equal((await call).length, length);
      assert.ok(writes >= 2, `${writes} writes`);
    }
  });

  (inRenderer ? it.skip : it)('drops its state when the last environment has closed it', async () => {
    const { Worker } = require('node:worker_threads');
    // A file of its own, which the other tests of this process do not hold open.
    const file = path.join(folder, path.basename(fixtureLibrary('sdk')));
    fs.copyFileSync(fixtureLibrary('sdk'), file);
    const lives = async () => {
      const source = `
        const { parentPort, workerData } = require('node:worker_threads');
        const { operation } = require(workerData.addon).openLibrary(workerData.file);
        const bytes = new Uint8Array(64);
        parentPort.postMessage(Buffer.from(bytes.subarray(0, operation('lives')(bytes))).toString());`;
      const workerData = { addon: path.join(__dirname, '..', '..', 'index.js'), file };
      const worker = new Worker(source, { eval: true, workerData });
      const ended = once(worker, 'exit');
      const [said] = await once(worker, 'message');
      await ended;
      return said;
    };
    assert.equal(await lives(), '1 0');
    // A process of its own ends with its last environment, and the next one loads the library anew.
    assert.equal(await lives(), differs('build') ? '1 0' : '2 1');
  });
});
