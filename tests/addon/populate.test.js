// What populates memory on another thread (lib/addon.js): it changes no byte, and an environment can end in the middle.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');
const { Worker } = require('node:worker_threads');
const { populate } = require('../../lib/addon.js');
const { RUNTIME } = require('../support/fixtures.js');

const MiB = 2 ** 20;
const ADDON = path.join(__dirname, '..', '..', 'lib', 'addon.js');

describe('populating', () => {
  for (const length of [0, 1, 4095, 4096, 3 * MiB + 1, 9 * MiB])
    it(`${length} bytes changes none of them, and detaches the memory meanwhile`, async () => {
      const bytes = new Uint8Array(length).map((_, index) => index % 251);
      const call = populate(bytes);
      assert.equal(bytes.length, 0);
      const back = await call;
      assert.equal(back.length, length);
      assert.ok(back.every((byte, index) => byte === index % 251));
    });

  it('has the pages made', async function () {
    if (process.platform !== 'linux') this.skip();
    /** @type {any} */ (globalThis).gc(); // or memory of the tests before is freed meanwhile
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = process.memoryUsage.rss();
    const bytes = await populate(new Uint8Array(100 * MiB));
    const more = process.memoryUsage.rss() - before;
    assert.ok(more > 90 * MiB, String(more));
    assert.equal(bytes[50 * MiB], 0);
  });

  it('can be aborted', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const memories = Array.from({ length: 8 }, () => new Uint8Array(64 * MiB));
    const calls = memories.map((memory) => populate(memory, { signal }));
    controller.abort();
    const outcomes = await Promise.allSettled(calls);
    // On a busy machine the first ones may have been made by then.
    const aborted = outcomes.filter(({ status }) => status === 'rejected');
    assert.ok(outcomes[7].status === 'rejected' && aborted.length > 1, String(aborted.length));
    for (const call of aborted) {
      assert.equal(/** @type {any} */ (call).reason.code, 'ABORT_ERR');
      assert.equal(/** @type {any} */ (call).reason.buffer.length, 64 * MiB);
    }
  });

  it('a worker can be ended in the middle', async () => {
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { populate } = require(workerData);
      for (let each = 0; each < 4; each += 1) populate(new Uint8Array(${64 * MiB}));
      parentPort.postMessage('begun');`;
    for (let time = 0; time < 5; time += 1) {
      const worker = new Worker(source, { eval: true, workerData: ADDON });
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      await worker.terminate();
    }
    assert.equal((await populate(new Uint8Array(64))).length, 64);
  });

  it('keeps no process alive', async () => {
    const source = `
      const { populate } = require(${JSON.stringify(ADDON)});
      populate(new Uint8Array(1000)).then(({ length }) => {
        process.stdout.write(String(length));
        for (let each = 0; each < 4; each += 1) populate(new Uint8Array(${256 * MiB}));
        setImmediate(() => process.exit(7));
      });`;
    const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
    const { code, stdout, signal } = await promisify(execFile)(RUNTIME, ['-e', source], { env }).catch(
      (error) => error,
    );
    assert.deepEqual([code, stdout, signal], [7, '1000', null]);
    const quiet = `require(${JSON.stringify(ADDON)}).populate(new Uint8Array(1000));`;
    await promisify(execFile)(RUNTIME, ['-e', quiet], { env, timeout: 10_000 });
  });
});
