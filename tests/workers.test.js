// Several JavaScript environments on one library. Runs in Electron's main process: a renderer has no Node workers.

const assert = require('node:assert/strict');
const path = require('node:path');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const { openLibrary } = require('../index.js');
const { fixtureLibrary, until } = require('./fixtures.js');

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
  const addon = path.join(__dirname, '..', 'index.js');
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
