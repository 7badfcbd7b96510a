// Memory that a page gives away does not pile up. Nobody asks for a collection here: what waits for one that does not come
// by itself is a leak.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { connect, launch } from '../support/page-api.mjs';

const MiB = 1024 * 1024;

/**
 * @type {{
 *   link: import('../../lib/types/page.mjs').Exchange,
 * }}
 */
const { link } = /** @type {any} */ (globalThis);

/** How a page uses up memory, so many bytes sixty times a second. @typedef {(given: { bytes: number, workers: Worker[], state: { made: number } }) => Promise<void>} Way */

/** @type {[string, number, Way][]} */
const WAYS = [
  [
    'frames, transferred to a Worker that drops them',
    1,
    async ({ bytes, workers, state }) => {
      for await (const frame of link.frames({ byteLength: bytes, library: 'address' })) {
        workers[0].postMessage(frame.buffer, [frame.buffer]);
        state.made += 1;
        await new Promise((resolve) => setTimeout(resolve, 1000 / 60));
      }
    },
  ],
  [
    'frames, transferred to three Workers in turn',
    3,
    async ({ bytes, workers, state }) => {
      let next = 0;
      for await (const frame of link.frames({ byteLength: bytes, library: 'address' })) {
        workers[next++ % workers.length].postMessage(frame.buffer, [frame.buffer]);
        state.made += 1;
        await new Promise((resolve) => setTimeout(resolve, 1000 / 60));
      }
    },
  ],
  [
    'frames, kept and then dropped',
    0,
    async ({ bytes, state }) => {
      const stream = link.frames({ byteLength: bytes, library: 'address' });
      for await (const _ of stream) {
        stream.keep();
        state.made += 1;
        await new Promise((resolve) => setTimeout(resolve, 1000 / 60));
      }
    },
  ],
  [
    'frames, given back by the Worker, and recycled',
    1,
    async ({ bytes, workers, state }) => {
      const stream = link.frames({ byteLength: bytes, library: 'address' });
      workers[0].onmessage = ({ data }) => stream.recycle(data);
      for await (const frame of stream) {
        workers[0].postMessage(frame.buffer, [frame.buffer]);
        state.made += 1;
        await new Promise((resolve) => setTimeout(resolve, 1000 / 60));
      }
    },
  ],
  [
    'an exchange, whose memory is transferred to a Worker that drops it',
    1,
    async ({ bytes, workers, state }) => {
      for (;;) {
        const { buffer } = await link.exchange(new Uint8Array(bytes), { library: 'address' });
        workers[0].postMessage(buffer, [/** @type {ArrayBuffer} */ (buffer)]);
        state.made += 1;
        await new Promise((resolve) => setTimeout(resolve, 1000 / 60));
      }
    },
  ],
  [
    "an exchange by a function of the app's own, whose memory is transferred to a Worker that drops it",
    1,
    async ({ bytes, workers, state }) => {
      for (;;) {
        const { buffer } = await link.exchange(new Uint8Array(bytes), { library: 'wrapped' });
        workers[0].postMessage(buffer, [/** @type {ArrayBuffer} */ (buffer)]);
        state.made += 1;
        await new Promise((resolve) => setTimeout(resolve, 1000 / 60));
      }
    },
  ],
  [
    'an exchange on the main thread, whose memory is transferred to a Worker that drops it',
    1,
    async ({ bytes, workers, state }) => {
      for (;;) {
        const { buffer } = await link.exchange(new Uint8Array(bytes), { library: 'address', thread: 'main' });
        workers[0].postMessage(buffer, [/** @type {ArrayBuffer} */ (buffer)]);
        state.made += 1;
        await new Promise((resolve) => setTimeout(resolve, 1000 / 60));
      }
    },
  ],
];

/** A frame, and how many at once use up memory without slowing each other down: a fresh one takes 5 ms to be touched. */
const BYTES = 4 * MiB;
const BESIDE = 4;

/** @param {number} pid @returns {number} resident bytes */
const residentBytes = (pid) =>
  Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

/** The highest of the values between two times, in seconds. @param {{ at: number, bytes: number }[]} samples @param {number} from @param {number} to */
const peak = (samples, from, to) =>
  Math.max(...samples.filter(({ at }) => at >= from && at < to).map(({ bytes }) => bytes));

/** In the page. @param {Way} way @param {number} bytes @param {number} count @param {boolean} returned whether Workers give back what they get */
function begin(way, bytes, count, returned) {
  const script = `onmessage = ({ data }) => ${returned} && postMessage(data, [data]);`;
  const url = URL.createObjectURL(new Blob([script]));
  const workers = Array.from({ length: count }, () => new Worker(url));
  const state = { made: 0, error: '' };
  Object.assign(globalThis, { state });
  way({ bytes, workers, state }).catch(({ message }) => {
    state.error = message;
  });
}

/** Ten seconds of a way in a process of its own. @param {number} workers @param {Way} way */
async function use(workers, way) {
  const opened = await launch();
  try {
    const { app, page } = opened;
    await connect(page);
    const pid = await app.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0].webContents.getOSProcessId(),
    );
    await page.evaluate(`(${begin})(${way}, ${BYTES}, ${workers}, ${String(way).includes('recycle')})`);
    const started = performance.now();
    /** @type {{ at: number, bytes: number }[]} */
    const samples = [];
    for (let at = 0; at < 10; at = (performance.now() - started) / 1000) {
      samples.push({ at, bytes: residentBytes(pid) });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { made, error } = await page.evaluate(() => /** @type {any} */ (globalThis).state);
    const electron = await app.evaluate(() => process.versions.electron);
    return { electron, made, error, early: peak(samples, 2, 4), late: peak(samples, 8, 10) };
  } finally {
    await opened.app.close();
  }
}

describe('buffers of 48 MiB that are dropped', () => {
  for (const thread of /** @type {const} */ (['main', 'worker']))
    it(`a thousand of them, exchanged on the ${thread} thread: there is always memory for the next`, async () => {
      const opened = await launch();
      try {
        await connect(opened.page);
        const failed = await opened.page.evaluate(async (thread) => {
          for (let each = 0; each < 1000; each += 1) {
            try {
              const bytes = new Uint8Array(48 * 2 ** 20);
              bytes[0] = 1;
              const { buffer } = await link.exchange(bytes, { library: 'zero', thread });
              if (buffer.byteLength !== 48 * 2 ** 20) return `${each}: other memory`;
            } catch (error) {
              return `${each}: ${error}`;
            }
          }
        }, thread);
        assert.equal(failed, undefined);
      } finally {
        await opened.app.close();
      }
    });
});

// What a process has is read from /proc.
if (process.platform === 'linux') {
  describe('what a page uses up does not pile up', () => {
    for (let first = 0; first < WAYS.length; first += BESIDE) {
      const ways = WAYS.slice(first, first + BESIDE);
      const running = /** @type {ReturnType<typeof use>[]} */ ([]);
      for (const [index, [name]] of ways.entries())
        it(name, async function () {
          if (index === 0) for (const [, workers, way] of ways) running.push(use(workers, way));
          const { electron, made, error, early, late } = await running[index];
          // Electron 27 keeps what structuredClone has moved, too; only memory that is not moved once more is freed there.
          if (name.includes("the app's own") && Number.parseInt(electron, 10) < 33) this.skip();
          assert.equal(error, '');
          assert.ok(made > 200, `only ${made} in ten seconds`);
          const more = Math.round((late - early) / MiB);
          assert.ok(
            more <= 128,
            `${more} MiB more in the last two seconds than in the third and fourth (${made} made)`,
          );
        });
    }
  });
}
