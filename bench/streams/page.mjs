// What is measured of streams. Each stage is a document of its own.

import { connect } from '../../lib/page.mjs';

/**
 * @type {{
 *   seconds: number, busyMs(): number, versions: Record<string, string>, done(result: unknown): void, failed(message: string): void,
 * }}
 */
const bench = /** @type {any} */ (globalThis).bench;
const { exchange, portForWorker, shared, stream } = connect();

const ROUNDS = 5;
const FRAME = { width: 1920, height: 1080, byteLength: 1920 * 1080 * 4 };
const BLOCK = { byteLength: 128 * 4, ms: (128 / 48_000) * 1000 };

/** @param {number} ms */
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Keeps this thread busy for nine tenths of the time, in spells of 100 to 500 ms. @param {number} ms */
async function hold(ms) {
  const end = performance.now() + ms;
  for (let spell = 100; performance.now() < end; spell = spell === 500 ? 100 : spell + 100) {
    const until = performance.now() + spell;
    while (performance.now() < until);
    await sleep(spell / 9);
  }
}

/** @param {string} file @param {unknown} message @param {Transferable[]} transfer @returns {Promise<any>} */
function worker(file, message, transfer = []) {
  const worker = new Worker(file, { type: 'module' });
  worker.postMessage(message, transfer);
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => {
      worker.terminate();
      resolve(data);
    };
    worker.onerror = ({ message }) => reject(new Error(message));
  });
}

/** @param {string} library @returns {Promise<number>} messages a second */
async function count(library) {
  const { memory, ended } = stream({ byteLength: 64, slots: 1024, library });
  const rate = await worker('/counts.mjs', { memory, ms: 1000 });
  await ended;
  return rate;
}

function countShared() {
  const { exchange } = shared(64);
  const begin = performance.now();
  let calls = 0;
  for (; performance.now() - begin < 300; calls += 1000) for (let turn = 0; turn < 1000; turn++) exchange();
  return (calls / (performance.now() - begin)) * 1000;
}

/** How far Date.now(), which is all that a worklet has, is ahead of the time of messages: whole milliseconds, half of one off. */
function clockOf() {
  const now = Date.now();
  while (Date.now() === now);
  return Date.now() - (performance.timeOrigin + performance.now()) - 0.5;
}

/** @param {number} prefilledMs @param {number} ms */
async function play(prefilledMs, ms) {
  const slots = Math.round(prefilledMs / BLOCK.ms);
  const { memory, ended } = stream({ byteLength: BLOCK.byteLength, slots });
  const context = new AudioContext({ sampleRate: 48_000 });
  await context.audioWorklet.addModule('/plays.mjs');
  const clock = clockOf();
  const node = new AudioWorkletNode(context, 'plays', { processorOptions: { memory, ms, clock } });
  node.connect(context.destination);
  const played = new Promise((resolve) => {
    node.port.onmessage = ({ data }) => resolve(data);
  });
  return async () => {
    const { empty, blocks, late } = await played;
    await ended;
    await context.close();
    return { slots, empty, blocks, late: [...late] };
  };
}

/** @param {number} ms */
function draw(ms) {
  const canvas = Object.assign(document.createElement('canvas'), { width: FRAME.width, height: FRAME.height });
  document.body.append(canvas);
  const offscreen = canvas.transferControlToOffscreen();
  const { memory, ended } = stream({
    byteLength: FRAME.byteLength,
    slots: 4,
    policy: 'drop-oldest',
    library: 'paced',
  });
  const drawn = worker('/draws.mjs', { memory, canvas: offscreen, ms }, [offscreen]);
  return async () => {
    const late = await drawn;
    await ended;
    return { late, ms };
  };
}

const stages = {
  async messages() {
    /** @type {Record<string, number[]>} */
    const rows = { 'stream, in a Worker': [], 'stream, own process': [], shared: [] };
    for (let round = 0; round < ROUNDS; round++) {
      rows['stream, in a Worker'].push(await count('default'));
      rows['stream, own process'].push(await count('own'));
      rows.shared.push(countShared());
    }
    return rows;
  },

  /** Microseconds for an exchange of 64 bytes. */
  async workers() {
    /** @type {Record<string, number[]>} */
    const rows = { 'a port of its own': [], 'by way of the page': [] };
    for (let round = 0; round < 2 * ROUNDS; round++) {
      rows['a port of its own'].push(await worker('/exchanges.mjs', false, [portForWorker()]));
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = async ({ data }) => {
        const bytes = await exchange(data);
        port1.postMessage(bytes, [bytes.buffer]);
      };
      rows['by way of the page'].push(await worker('/exchanges.mjs', true, [port2]));
    }
    return rows;
  },

  async audio() {
    const results = [];
    for (const prefilled of [32, 16]) {
      const ms = bench.seconds * 1000;
      const played = await play(prefilled, ms);
      await hold(ms + 500);
      results.push(await played());
    }
    return results;
  },

  async video() {
    const ms = (bench.seconds * 1000) / 3;
    const drawn = draw(ms);
    await sleep(500); // the canvas is on the screen
    await hold(ms);
    return drawn();
  },

  /** The main thread's share when it has nothing to do. */
  async idle() {
    const ms = 10_000;
    const drawn = draw(ms + 2000);
    const played = await play(32, ms + 2000);
    await sleep(1500);
    const [busy, begin] = [bench.busyMs(), performance.now()];
    await sleep(ms - 1000);
    const share = (bench.busyMs() - busy) / (performance.now() - begin);
    const [{ late }, { empty }] = [await drawn(), await played()];
    return { share, frames: late.length, ms: ms + 2000, empty };
  },
};

const stage = new URLSearchParams(location.search).get('stage');
stages[/** @type {keyof typeof stages} */ (stage)]().then(
  (result) => bench.done({ versions: bench.versions, measured: result }),
  (error) => bench.failed(error.stack),
);
