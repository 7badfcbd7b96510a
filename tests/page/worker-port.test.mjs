// Workers that make exchanges themselves, over a port of portForWorker().

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { appForAll, connect, facts, link, loaded, rawPort } from '../support/page-api.mjs';

const require = createRequire(import.meta.url);
const { FOR_EVER, cameraLog } = require('../support/fixtures.js');

/** @typedef {import('../support/page-api.mjs').Opened} Opened */
/** A Worker that evaluates functions, with `link` for its connection. @typedef {{ worker: Worker, run(body: string, value?: unknown): Promise<any> }} Connected */

/** @type {(port?: MessagePort) => Promise<Connected>} */
const connectedWorker = /** @type {any} */ (globalThis).connectedWorker;

describe('portForWorker', () => {
  /** @type {Opened} */
  let opened;
  /** @type {import('playwright-core').Page} */
  let page;
  /** @type {ReturnType<typeof cameraLog>} */
  let log;
  before(() => {
    log = cameraLog(); // for the app that starts now
  });
  appForAll((app) => {
    opened = app;
    page = app.page;
  });

  beforeEach(async () => {
    await connect(page);
    await page.evaluate(() => {
      const body = `
        import { connect } from '${location.origin}/lib/page.mjs';
        import { open } from '${location.origin}/lib/stream.mjs';
        const facts = ({ name, code, message, buffer, cause, constructor, ...fields }) =>
          ({ class: constructor.name, name, code, message, memory: buffer?.byteLength, cause: cause?.message, fields });
        let link;
        onmessage = async ({ data: [id, source, value], ports: [port] }) => {
          if (port) link = connect(port);
          try {
            const run = eval('(async (value) => {' + source + '})');
            postMessage([id, await run(value)]);
          } catch (error) {
            postMessage([id, undefined, error.code ?? String(error)]);
          }
        };`;
      Object.assign(globalThis, {
        async connectedWorker(port = link.portForWorker()) {
          const url = URL.createObjectURL(new Blob([body], { type: 'text/javascript' }));
          const worker = new Worker(url, { type: 'module' });
          const waiting = new Map();
          worker.onmessage = ({ data: [id, value, error] }) => {
            const [resolve, reject] = waiting.get(id);
            error === undefined ? resolve(value) : reject(new Error(error));
          };
          let last = 0;
          const run = (
            /** @type {string} */ source,
            /** @type {unknown} */ value,
            /** @type {Transferable[]} */ transfer = [],
          ) =>
            new Promise((resolve, reject) => {
              waiting.set(++last, [resolve, reject]);
              worker.postMessage([last, source, value], transfer);
            });
          await run('', undefined, [port]);
          return { worker, run };
        },
      });
    });
  });

  it('has the functions of the page, but for those that need it', async () => {
    const names = await page.evaluate(async () => (await connectedWorker()).run('return Object.keys(link)'));
    assert.deepEqual(names, ['exchange', 'allocate', 'frames', 'recycle', 'stream']);
  });

  it('exchanges in place, on either thread, with the errors of the page', async () => {
    const seen = await page.evaluate(async () => {
      const { run } = await connectedWorker();
      return run(`
        const results = [];
        for (const thread of ['worker', 'main']) {
          const memory = new TextEncoder().encode('from a worker');
          const { length, buffer } = await link.exchange(memory, { library: 'uppercase-c', thread });
          results.push(memory.length, new TextDecoder().decode(new Uint8Array(buffer, 0, length)));
        }
        results.push((await link.exchange(4096, { library: 'address' })).length);
        for (const options of [{ library: 'too-small' }, { library: 'nobody' }, { library: 1 }, { thread: 'other' }])
          results.push(await link.exchange(new Uint8Array(8), options).catch(facts));
        let count = 0;
        for await (const frame of link.frames({ byteLength: 64, library: 'address' })) if (++count === 20) break;
        results.push(count, link.allocate(70 * 1024 * 1024).buffer instanceof SharedArrayBuffer);
        return results;
      `);
    });
    assert.deepEqual(seen.slice(0, 5), [0, 'FROM A WORKER', 0, 'FROM A WORKER', 4096]);
    const [small, unknown, type, thread] = seen.slice(5, 9);
    assert.deepEqual([small.code, small.class, small.memory], ['ERR_BUFFER_TOO_SMALL', 'RangeError', 8]);
    assert.ok(small.fields.required > 8);
    assert.deepEqual(
      [unknown, type, thread].map(({ code }) => code),
      ['ERR_LIBRARY_UNKNOWN', 'ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE'],
    );
    assert.deepEqual(seen.slice(9), [20, true]);
  });

  it('streams into the Worker that asks for it', async () => {
    const seen = await page.evaluate(async () => {
      const { run } = await connectedWorker();
      return run(`
        const { memory, ended, stop } = link.stream({ library: 'counter', byteLength: 64 });
        const reader = open(memory);
        const sequences = [];
        while (sequences.length < 100) {
          const slot = reader.next();
          if (slot) sequences.push(slot.sequence), slot.release();
          else await new Promise((resolve) => setTimeout(resolve));
        }
        await stop();
        await ended;
        return sequences.every((sequence, index) => sequence === index);
      `);
    });
    assert.equal(seen, true);
  });

  it('aborts the calls of a Worker that asks for it, and of one that is terminated', async () => {
    const aborted = await page.evaluate(async (forEver) => {
      const { worker, run } = await connectedWorker();
      const aborted = await run(
        `const controller = new AbortController();
        const call = link.exchange(new Uint8Array(Uint32Array.of(value).buffer), { library: 'camera', signal: controller.signal });
        setTimeout(() => controller.abort(new Error('enough')), 50);
        return call.catch(facts);`,
        forEver,
      );
      run(
        `link.exchange(new Uint8Array(Uint32Array.of(value).buffer), { library: 'camera' }); return new Promise(() => {});`,
        forEver,
      );
      Object.assign(globalThis, { toTerminate: worker });
      return aborted;
    }, FOR_EVER);
    assert.deepEqual([aborted.code, aborted.cause], ['ABORT_ERR', 'enough']);
    await log.until('begin', 2);
    const cancels = log.count('cancel');
    await page.evaluate(() => /** @type {any} */ (globalThis).toTerminate.terminate());
    await log.until('end', 2);
    assert.ok(log.count('cancel') > cancels);
  });

  it('is open for 16 at a time, and for others when one has ended', async () => {
    const seen = await page.evaluate(async () => {
      const ports = Array.from({ length: 15 }, link.portForWorker);
      const { worker, run } = await connectedWorker();
      const refused = [];
      try {
        link.portForWorker();
      } catch (error) {
        refused.push(facts(error).code);
      }
      const works = await run(`return (await link.exchange(new Uint8Array(16), { library: 'address' })).length`);
      worker.terminate();
      ports[0].close();
      let tries = 0;
      for (let more = 0; more < 2; ) {
        try {
          link.portForWorker();
          more += 1;
        } catch {
          if (++tries > 1000) throw new Error('none is noticed to be closed');
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
      try {
        link.portForWorker();
      } catch (error) {
        refused.push(facts(error).code);
      }
      return { refused, works };
    });
    assert.deepEqual(seen, { refused: ['ERR_OUT_OF_RANGE', 'ERR_OUT_OF_RANGE'], works: 16 });
  });

  it('connects a port once, and refuses what is none', async () => {
    const seen = await page.evaluate(async () => {
      const { connect } = await loaded;
      const port = link.portForWorker();
      const [one, other] = [connect(port), connect(port)];
      const { length } = await connect(port).exchange(new Uint8Array(16), { library: 'address' });
      const codes = [null, 1, {}, 'port'].map((wrong) => {
        try {
          return connect(/** @type {any} */ (wrong));
        } catch (error) {
          return facts(error).code;
        }
      });
      port.close();
      return { same: one === other, length, codes };
    });
    assert.deepEqual(seen, { same: true, length: 16, codes: Array(4).fill('ERR_INVALID_ARG_TYPE') });
  });

  it('gives a hostile page no more than its port: none from the port of a Worker, and no 17th', async () => {
    await page.reload();
    const seen = await page.evaluate(async () => {
      const { post, next } = rawPort();
      const channels = Array.from({ length: 17 }, () => [new MessageChannel(), new MessageChannel()]);
      for (const [{ port2 }, closed] of channels) post(['worker-port'], [port2, closed.port2]);
      const answers = channels.map(
        ([{ port1 }]) =>
          new Promise((resolve) => {
            port1.onmessage = ({ data }) => resolve(data[2]);
            port1.addEventListener('close', () => resolve('closed'));
            port1.postMessage([1, 'address', new ArrayBuffer(16), 'worker']);
          }),
      );
      const results = await Promise.all(answers);
      const [inner, other] = [new MessageChannel(), new MessageChannel()];
      const [[{ port1 }]] = channels;
      const refused = new Promise((resolve) => {
        port1.onmessage = ({ data }) => resolve(data[3]?.fields.code);
      });
      port1.postMessage(['worker-port'], [inner.port2, other.port2]);
      const codes = [await refused];
      post(['worker-port'], [new MessageChannel().port2]);
      codes.push((await next())[3].fields.code);
      return { results, codes };
    });
    assert.deepEqual(seen.results, [...Array(16).fill(16), 'closed']);
    assert.deepEqual(seen.codes, ['ERR_INVALID_ARG_VALUE', 'ERR_INVALID_ARG_VALUE']);
    assert.deepEqual(await opened.app.evaluate(() => /** @type {any} */ (globalThis).gone), []);
  });
});
