// The measurement, in a page under context isolation. Each round measures all rows, so that other activity on the
// machine affects all rows alike. A ratio is calculated within a round; the medians are those over all rounds.

import { connect } from '../../lib/page.mjs';
import { memoryRows } from './memory.mjs';

const { bench } = /** @type {any} */ (globalThis);
const { exchange, allocate, shared, frames } = connect();

const ROUNDS = 21;
const SMALL = 64;
const FRAME = { width: 1920, height: 1080, byteLength: 8_294_400 };
const SECONDS = 10;
const MiB = 1024 * 1024;
const collect = /** @type {() => void} */ (/** @type {any} */ (globalThis).gc);

/** The mean time of an asynchronous call, in microseconds. @param {number} batch @param {() => unknown} run */
async function timed(batch, run) {
  const started = performance.now();
  for (let i = 0; i < batch; i += 1) await run();
  return ((performance.now() - started) * 1000) / batch;
}

/** The mean time of a synchronous call, in microseconds. @param {number} batch @param {() => unknown} run */
function timedSync(batch, run) {
  const started = performance.now();
  for (let i = 0; i < batch; i += 1) run();
  return ((performance.now() - started) * 1000) / batch;
}

/**
 * Measures each row in each round, and discards the first round.
 * @param {Record<string, () => number | Promise<number>>} rows a row measures itself
 */
async function inRounds(rows) {
  const names = Object.keys(rows);
  /** @type {Record<string, number[]>} */
  const us = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = -1; round < ROUNDS; round += 1) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(round + 1 + turn) % names.length];
      const took = await rows[name]();
      if (round >= 0) us[name].push(took);
    }
  }
  return us;
}

/** A function that sends memory to a port of the preload, and resolves to the reply. @param {'echo' | 'where'} kind */
function portTo(kind) {
  const { port1, port2 } = new MessageChannel();
  globalThis.postMessage(kind, '/', [port2]);
  return (/** @type {any} */ memory) =>
    new Promise((resolve) => {
      port1.onmessage = ({ data }) => resolve(data);
      port1.postMessage(memory, [memory]);
    });
}

/** A function that lends the same memory in each call. @param {ArrayBufferLike} memory @param {object} [options] */
function lent(memory, options) {
  return async () => {
    ({ buffer: memory } = await exchange(memory, options));
  };
}

/** @param {Uint8Array} bytes */
function checkFilled(bytes) {
  if (bytes.length === 0 || bytes.some((byte) => byte !== 0xa5)) throw new Error('not filled');
}

const stages = {
  /** The addresses of the page's memory before a call, in the library, and after the call. */
  async identity() {
    const where = portTo('where');
    const addresses = new Set();
    const TRIPS = 1000;
    /** @type {ArrayBufferLike} */
    let memory = new ArrayBuffer(FRAME.byteLength);
    for (let trip = 0; trip < TRIPS; trip += 1) {
      const [before, lent] = await where(memory);
      const bytes = await exchange(lent, { library: 'address', thread: trip % 2 === 0 ? 'main' : 'worker' });
      const [after, returned] = await where(bytes.buffer);
      for (const address of [before, new DataView(returned).getBigUint64(0, true), after]) addresses.add(address);
      memory = returned;
    }
    return { trips: TRIPS, addresses: addresses.size };
  },

  /** The round trip of 64 bytes. */
  async trips() {
    const viaEcho = portTo('echo');
    let memory = new ArrayBuffer(SMALL);
    checkFilled(await exchange(new Uint8Array(SMALL), { thread: 'main' }));
    const main = lent(new ArrayBuffer(SMALL), { thread: 'main' });
    const worker = lent(new ArrayBuffer(SMALL));
    return inRounds({
      'MessagePort echo': () =>
        timed(1000, async () => {
          memory = await viaEcho(memory);
        }),
      'exchange, main thread': () => timed(1000, main),
      'exchange, worker thread': () => timed(300, worker),
    });
  },

  /** The cost of lending without native work, by size. */
  async sizes() {
    const own = { '64 B': SMALL, '32 MiB': 32 * MiB, '48 MiB': 48 * MiB };
    const options = { library: 'zero', thread: 'main' };
    /** @type {Record<string, () => Promise<number>>} */
    const rows = {};
    /** @type {Record<string, number[]>} */
    const collections = {};
    /** @param {string} name @param {() => Promise<void>} run @param {number} batch */
    const row = (name, run, batch) => {
      collections[name] = [];
      rows[name] = async () => {
        let collected = 0;
        let canary = new WeakRef({}); // cleared by a major garbage collection
        const took = await timed(batch, async () => {
          await run();
          if (canary.deref()) return;
          collected += 1;
          canary = new WeakRef({});
        });
        collections[name].push(collected / batch);
        return took;
      };
    };
    for (const [name, byteLength] of Object.entries(own)) row(name, lent(new ArrayBuffer(byteLength), options), 300);
    row('allocate(100 MiB)', lent(allocate(100 * MiB).buffer, options), 300);
    row('allocate(256 MiB)', lent(allocate(256 * MiB).buffer, options), 300);
    const us = await inRounds(rows);
    for (const name of Object.keys(rows)) delete rows[name];
    row('own ArrayBuffer of 100 MiB', lent(new ArrayBuffer(100 * MiB), options), 5); // the case that allocate avoids
    return { us: { ...us, ...(await inRounds(rows)) }, collections };
  },

  /** The round trip of a frame, and the same through the alternatives. */
  async large() {
    const frame = new Uint8Array(FRAME.byteLength).fill(1);
    checkFilled(bench.fill(frame));
    checkFilled(await exchange(new Uint8Array(FRAME.byteLength)));
    const main = lent(new ArrayBuffer(FRAME.byteLength), { thread: 'main' });
    const worker = lent(new ArrayBuffer(FRAME.byteLength));
    return inRounds({
      'exchange, main thread': () => timed(20, main),
      'exchange, worker thread': () => timed(20, worker),
      contextBridge: () => timedSync(2, () => bench.fill(frame)),
      invoke: async () => (await bench.invoke(FRAME.byteLength)) * 1000,
    });
  },

  memory: () => inRounds(memoryRows(FRAME.byteLength)),
  async shared() {
    const small = shared(SMALL);
    small.exchange();
    checkFilled(small.bytes);
    return inRounds({
      'empty contextBridge call': () => timedSync(50_000, bench.empty),
      'shared exchange': () => timedSync(50_000, small.exchange),
      'empty contextBridge call, again': () => timedSync(50_000, bench.empty),
    });
  },

  /** Calls after 2 ms of rest, by when the process of a library sleeps. */
  async rested() {
    const CALLS = 20;
    /** @param {string} library */
    const row = (library) => {
      const { bytes, exchange } = shared(SMALL, { library });
      return async () => {
        let us = 0;
        for (let call = 0; call < CALLS; call += 1) {
          bytes.fill(0);
          await new Promise((wake) => setTimeout(wake, 2));
          us += timedSync(1, exchange);
          checkFilled(bytes);
        }
        return us / CALLS;
      };
    };
    return inRounds({ "page's process": row('default'), 'own process': row('own') });
  },

  /** Without a frame limit. */
  async frames() {
    const memory = () => ({
      heap: /** @type {any} */ (performance).memory.usedJSHeapSize,
      resident: bench.residentBytes(),
    });
    const samples = [];
    let count = 0;
    let bad = 0;
    let started = 0;
    let nextSample = 0;
    for await (const frame of frames({ byteLength: FRAME.byteLength })) {
      const now = performance.now();
      if (count === 100) {
        started = now;
        nextSample = now;
      }
      if (frame[0] !== 0xa5 || frame.length !== FRAME.byteLength || frame[frame.length - 1] !== 0xa5) bad += 1;
      count += 1;
      if (count > 100 && now >= nextSample) {
        collect();
        samples.push({ frames: count - 101, ms: now - started, ...memory() });
        nextSample += 1000;
        if (samples.length > SECONDS) break;
      }
    }
    return { samples, bad };
  },

  /** One for each frame of the display, drawn in a Worker. */
  async drawn() {
    const canvas = Object.assign(document.createElement('canvas'), FRAME);
    document.body.append(canvas);
    const worker = new Worker('/draw.mjs', { type: 'module' });
    const offscreen = canvas.transferControlToOffscreen();
    worker.postMessage({ canvas: offscreen }, [offscreen]);
    /** @type {number[]} */
    const drawnAt = [];
    const stream = frames({ byteLength: FRAME.byteLength });
    worker.onmessage = ({ data }) => {
      drawnAt.push(performance.now());
      stream.recycle(data);
    };
    let shown = 0;
    let busy = 0;
    let started = 0;
    for await (const frame of stream) {
      if (shown === 60) {
        busy = bench.busyMs();
        started = performance.now();
        drawnAt.length = 0;
      }
      worker.postMessage(frame, [frame.buffer]);
      shown += 1;
      await new Promise(requestAnimationFrame);
      if (shown > 60 && performance.now() - started >= SECONDS * 1000) break;
    }
    const took = performance.now() - started;
    return {
      shown: shown - 60,
      took,
      busyShare: (bench.busyMs() - busy) / took,
      frameMs: drawnAt.slice(1).map((at, index) => at - drawnAt[index]),
    };
  },

  /** A twentieth of the long run. It ends with pending calls, with which the next document then begins. */
  async soak() {
    const CALLS = 5000;
    const outcomes = { fulfilled: 0, aborted: 0, refused: 0 };
    /** @type {Promise<void>[]} */
    const pending = [];
    /** @param {Promise<unknown>} call */
    const count = (call) =>
      call.then(
        () => {
          outcomes.fulfilled += 1;
        },
        ({ code }) => {
          if (code === 'ABORT_ERR') outcomes.aborted += 1;
          else if (code === 'ERR_LIBRARY_UNKNOWN') outcomes.refused += 1;
          else throw new Error(code);
        },
      );
    for (let made = 0; made < CALLS; ) {
      const controller = new AbortController();
      const { signal } = controller;
      for (let each = 0; each < 50; each += 1, made += 1) {
        const thread = made % 3 === 0 ? 'main' : 'worker';
        const library = made % 31 === 0 ? 'nobody' : made % 7 === 0 ? 'zero' : 'default';
        const memory = new Uint8Array(made % 100 === 0 ? 4 * MiB : SMALL + (made % 5000));
        pending.push(count(exchange(memory, { thread, library, signal })));
      }
      if (made % 200 === 0) queueMicrotask(() => controller.abort());
      if (made % 500 === 0) {
        collect();
        shared(SMALL).exchange();
        for await (const _ of frames({ byteLength: SMALL, signal: made % 1000 === 0 ? undefined : signal })) break;
      }
      await Promise.all(pending.splice(0, made % 150 === 0 ? 25 : 50));
    }
    await Promise.all(pending);
    collect();
    const resident = bench.residentBytes();
    for (let i = 0; i < 50; i += 1) exchange(new Uint8Array(SMALL)); // still pending when the page is left
    return { calls: CALLS, outcomes, resident };
  },
};

const stage = new URLSearchParams(location.search).get('stage');
stages[/** @type {keyof typeof stages} */ (stage)]().then(
  (result) => bench.done({ versions: bench.versions, measured: result }),
  (error) => bench.failed(error.stack),
);
