// What a library, its file or another copy of the addon must not be able to do to the process. Runs in Electron's main
// process and in its renderer process.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const { openLibrary } = require('../index.js');
const { cameraLog, fixtureLibrary, temporaryFolder, until } = require('./fixtures.js');

/** A renderer has no Node workers. */
const withWorkers = process.type === 'renderer' ? describe.skip : describe;

/** A file of its own for each test, as a file is loaded once. @param {string} folder @param {string} fixture */
function copyOf(folder, fixture) {
  const file = path.join(folder, path.basename(fixtureLibrary(fixture)));
  fs.copyFileSync(fixtureLibrary(fixture), file);
  return file;
}

/**
 * A worker that opens a library and, if it is given memory, makes a call.
 * @param {string} library @param {{ bytes?: Uint8Array, gate?: Int32Array }} [given] `gate` counts those that are ready in
 *   [1], and opens when [0] is no longer 0
 */
function openInWorker(library, { bytes, gate } = {}) {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { openLibrary } = require(workerData.addon);
    if (workerData.gate) {
      Atomics.add(workerData.gate, 1, 1);
      Atomics.wait(workerData.gate, 0, 0);
    }
    const started = Date.now();
    try {
      const { exchangeDataInPlace } = openLibrary(workerData.library);
      const opened = Date.now() - started;
      parentPort.postMessage({ opened, count: workerData.bytes && exchangeDataInPlace(workerData.bytes) });
    } catch ({ code }) {
      parentPort.postMessage({ code });
    }`;
  const addon = path.join(__dirname, '..', 'index.js');
  const worker = new Worker(source, { eval: true, workerData: { addon, library, bytes, gate } });
  const ended = once(worker, 'exit');
  return { answer: once(worker, 'message').then(([message]) => message), ended };
}

const shared = (/** @type {number} */ length) => new Uint8Array(new SharedArrayBuffer(length));

/** Checks that what this thread and a worker have open is one library, which takes one call at a time. @param {string} file */
async function assertOneLibrary(file) {
  const bytes = shared(2);
  const there = openInWorker(file, { bytes });
  await until(() => bytes[0] === 1);
  const here = openLibrary(file);
  try {
    assert.throws(() => here.exchangeDataInPlace(Buffer.from([0, 1])), { code: 'ERR_LIBRARY_BUSY', path: file });
  } finally {
    bytes[1] = 1;
  }
  assert.equal((await there.answer).count, 2);
  await there.ended;
  assert.equal(here.exchangeDataInPlace(Buffer.from([0, 1])), 2);
}

describe(`one file is one library, in the ${process.type} process`, () => {
  const folder = temporaryFolder();

  it('also when it was refused at first', () => {
    const file = copyOf(folder, 'life-late');
    assert.throws(() => openLibrary(file), { code: 'ERR_LIBRARY_ABI', libraryVersion: 99 });
    for (let again = 0; again < 3; again += 1) {
      const counts = Buffer.alloc(2);
      assert.equal(openLibrary(file).exchangeDataInPlace(counts), 2);
      assert.deepEqual([...counts], [1, 0], 'opened once in this environment');
    }
  });

  it('also when its file could not be loaded at first', () => {
    const file = copyOf(folder, 'life');
    const whole = fs.readFileSync(file);
    fs.writeFileSync(file, 'not yet');
    for (let again = 0; again < 2; again += 1) assert.throws(() => openLibrary(file), { code: 'ERR_LIBRARY_LOAD' });
    fs.writeFileSync(file, whole);
    for (let again = 0; again < 2; again += 1) {
      const counts = Buffer.alloc(2);
      openLibrary(file).exchangeDataInPlace(counts);
      assert.deepEqual([...counts], [1, 0]);
    }
  });
});

withWorkers('libraries that several threads open', () => {
  const folder = temporaryFolder();

  it('one that was refused at first takes one call at a time', async () => {
    const file = copyOf(folder, 'slow-late');
    assert.throws(() => openLibrary(file), { code: 'ERR_LIBRARY_ABI', libraryVersion: 99 });
    await assertOneLibrary(file);
  });

  it('one that takes its time to load holds up nobody who opens one that is loaded', async () => {
    const loaded = copyOf(folder, 'zero');
    openLibrary(loaded);
    const log = cameraLog();
    const slow = copyOf(folder, 'slow-start');
    const gate = new Int32Array(new SharedArrayBuffer(8));
    const threads = [openInWorker(slow, { gate }), openInWorker(slow, { gate })];
    await until(() => gate[1] === 2);
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    await log.until('start');
    const started = Date.now();
    assert.equal(openLibrary(loaded).exchangeDataInPlace(Buffer.alloc(1)), 0);
    const opened = Date.now() - started;
    assert.equal(log.count('started'), 0, 'the slow one is still being loaded');
    assert.ok(opened < 500, `${opened} ms`);
    const answers = await Promise.all(threads.map(({ answer }) => answer));
    assert.ok(
      answers.every((answer) => answer.opened > 500),
      JSON.stringify(answers),
    );
    await Promise.all(threads.map(({ ended }) => ended));
    assert.deepEqual(log.lines(), ['start', 'started']);
    await assertOneLibrary(slow);
  });
});
