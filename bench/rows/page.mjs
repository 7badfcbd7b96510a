// The rows of the page, and the schedule of all rows: sizes one after another, and for each size rounds that measure
// every row. The order of the rows rotates from round to round, so that other activity on the machine affects all rows
// alike.

import { connect } from '../../lib/page.mjs';

const { bench } = /** @type {any} */ (globalThis);
const { exchange, allocate, shared, frames } = connect();

const FILL = 0xa5;
const FILL_8 = 0xa5a5a5a5a5a5a5a5n;
/** A process of a library writes to buffers from this size on itself; shorter ones are copied there and back. */
const MAPPED_FROM_BYTES = 1024 * 1024;

/** @typedef {{ run(times: number): unknown, filled?: () => Uint8Array }} Prepared */

/**
 * A row that lends the same memory in each call.
 * @param {ArrayBufferLike} memory @param {object} options @returns {Prepared}
 */
function lent(memory, options) {
  new Uint8Array(memory).fill(1);
  return {
    async run(times) {
      for (let i = 0; i < times; i += 1) ({ buffer: memory } = await exchange(memory, options));
    },
    filled: () => new Uint8Array(memory),
  };
}

/** @param {number} bytes @param {object} [options] @returns {Prepared} */
function sharing(bytes, options) {
  const { bytes: memory, exchange } = shared(bytes, options);
  return {
    run(times) {
      for (let i = 0; i < times; i += 1) exchange();
    },
    filled: () => memory,
  };
}

/** @param {number} bytes @param {object} [options] @returns {Prepared} */
function streaming(bytes, options) {
  const stream = frames({ byteLength: bytes, ...options });
  /** @type {Uint8Array} */
  let last;
  return {
    async run(times) {
      for (let i = 0; i < times; i += 1) last = (await stream.next()).value ?? last;
    },
    filled: () => last,
  };
}

/** The library in a process of its own. */
const own = { library: 'own' };

/** @type {Record<string, (bytes: number) => Prepared>} */
const rows = {
  'page/exchange-main': (bytes) => lent(new ArrayBuffer(bytes), { thread: 'main' }),
  'page/exchange-worker': (bytes) => lent(new ArrayBuffer(bytes), {}),
  'page/allocated': (bytes) => lent(allocate(bytes).buffer, { thread: 'main' }),
  // Without native work: the cost of lending alone.
  'page/allocated-lend': (bytes) => ({
    run: lent(allocate(bytes).buffer, { thread: 'main', library: 'zero' }).run,
  }),
  'page/shared': (bytes) => sharing(bytes),
  'page/frames': (bytes) => streaming(bytes),
  'page/own-main': (bytes) => lent(allocate(bytes, own).buffer, { thread: 'main', ...own }),
  'page/own-worker': (bytes) => lent(new ArrayBuffer(bytes), own),
  'page/own-shared': (bytes) => sharing(bytes, own),
  'page/own-frames': (bytes) => streaming(bytes, own),
  'electron/context-bridge': (bytes) => {
    const sent = new Uint8Array(bytes).fill(1);
    let last = sent;
    return {
      run(times) {
        for (let i = 0; i < times; i += 1) last = bench.fill(sent);
      },
      filled: () => last,
    };
  },
};

/** @type {Map<string, Prepared>} */
const prepared = new Map();

/** The mean time of a call of a row, in nanoseconds. @param {string} id @param {number} bytes @param {number} times */
async function measure(id, bytes, times) {
  if (!(id in rows)) return bench.measure(id, bytes, times);
  const row = prepared.get(id) ?? rows[id](bytes);
  prepared.set(id, row);
  const warm = row.run(Math.floor(times / 10));
  if (warm) await warm;
  const started = performance.now();
  const running = row.run(times);
  if (running) await running;
  const ns = ((performance.now() - started) * 1e6) / times;
  const filled = row.filled?.();
  if (filled && !isFilled(filled, bytes)) throw new Error(`${id} did not fill ${bytes} bytes`);
  filled?.fill(0);
  if (id.startsWith('page/own-') && bytes >= MAPPED_FROM_BYTES) assertMapped(id, bytes);
  return ns;
}

/**
 * Each row of the library's process has at least one buffer, which has to be memory of that process. Those of earlier
 * sizes are shorter.
 * @param {string} id @param {number} bytes
 */
function assertMapped(id, bytes) {
  const own = [...prepared.keys()].filter((other) => other.startsWith('page/own-')).length;
  const mapped = bench.mappedBuffers(bytes);
  if (mapped < own) throw new Error(`${id}: of ${own} buffers of ${bytes} bytes or more, ${mapped} are mapped`);
}

/** @param {Uint8Array} memory @param {number} bytes */
function isFilled(memory, bytes) {
  if (memory.length !== bytes) return false;
  const words = new BigUint64Array(memory.buffer, 0, bytes >> 3);
  for (let i = 0; i < words.length; i += 1) if (words[i] !== FILL_8) return false;
  for (let i = words.length * 8; i < bytes; i += 1) if (memory[i] !== FILL) return false;
  return true;
}

/** The number of warm calls that fill a batch. @param {string} id @param {number} bytes @param {number} batchMs */
async function calibrated(id, bytes, batchMs) {
  await measure(id, bytes, 1);
  for (let times = 1; ; times *= 4) {
    const ns = await measure(id, bytes, times);
    if (ns * times > (batchMs * 1e6) / 4) return Math.max(1, Math.round((batchMs * 1e6) / ns));
  }
}

async function all() {
  const { sizes, rounds, batchMs } = bench.plan;
  const known = new Set([...bench.rows, ...Object.keys(rows)]);
  bench.send({ versions: bench.versions });
  for (const { bytes, ids } of sizes) {
    bench.begin(bytes);
    prepared.clear();
    /** @type {Map<string, number>} */
    const times = new Map();
    for (const id of ids) {
      if (!known.has(id)) throw new Error(`there is no row ${id}`);
      try {
        times.set(id, await calibrated(id, bytes, batchMs));
      } catch (error) {
        bench.send({ readings: [{ id, bytes, error: /** @type {Error} */ (error).message }] });
      }
    }
    const order = [...times.keys()];
    /** @type {{ id: string, bytes: number, ns: number }[]} */
    const readings = [];
    for (let round = 0; round < rounds; round += 1) {
      for (let turn = 0; turn < order.length; turn += 1) {
        const id = order[(round + turn) % order.length];
        const ns = await measure(id, bytes, /** @type {number} */ (times.get(id)));
        readings.push({ id, bytes, ns });
      }
      bench.send({ readings: readings.splice(0) }); // once a round: sending uses CPU time elsewhere
    }
  }
}

all().then(bench.done, (error) => bench.failed(error.stack));
