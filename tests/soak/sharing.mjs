// Calls of libraries that other windows use as well, of which one crashes: they are open once, take calls in turn, and go on.

import { open } from '../../lib/stream.mjs';
import { page } from './connection.mjs';

/** @import { Context } from './page.mjs' */

const TURN_US = 200;
const ENDLESS_MS = 2 ** 32 - 1;
const MiB = 2 ** 20;

/** @param {Context} context */
export async function loadSharing(context) {
  await Promise.all([keepOpen(context), count(context), abort(context), fill(context), stream(context)]);
}

/** Opened once, never closed: the other windows have it open, too. @param {Context} context */
async function keepOpen({ tracked, pause, below, fault }) {
  for (;;) {
    const counts = await tracked('sharing', () => page.exchange(new Uint8Array(2), { library: 'life' }), []);
    if (counts && (counts[0] !== 1 || counts[1] !== 0)) fault(`sharing: opened and closed ${counts} times`);
    await pause(20 + below(50));
  }
}

/** No two calls are in it at a time, or it fails; each window's calls stay in order. @param {Context} context */
async function count({ tracked, pause, below, fault }) {
  const request = new Uint8Array(new Uint32Array([TURN_US, 0, 0, 0]).buffer);
  const options = { library: 'counter', input: 8 };
  let last = 0;
  for (;;) {
    const bytes = await tracked('sharing', () => page.exchange(request.slice(), options), []);
    const now = bytes ? new DataView(bytes.buffer).getUint32(0, true) : 0;
    if (bytes && now <= last) fault(`sharing: call ${now} after ${last}`);
    last = now;
    await pause(5 + below(10));
  }
}

/** An endless call that this window aborts, or that ends with it. @param {Context} context */
async function abort({ tracked, pause, below }) {
  const request = new Uint8Array(new Uint32Array([ENDLESS_MS, 0]).buffer);
  for (;;) {
    const signal = AbortSignal.timeout(1 + below(100));
    await tracked('sharing', () => page.exchange(request.slice(), { library: 'camera', signal }), ['ABORT_ERR']);
    await pause(below(50));
  }
}

/** Megabytes that are mapped. @param {Context} context */
async function fill({ tracked, pause, below, fault }) {
  for (;;) {
    const letters = new Uint8Array(MiB + below(MiB)).fill(97 + below(26));
    const [letter, { length }] = [letters[0] ?? 0, letters];
    const bytes = await tracked('sharing', () => page.exchange(letters, { library: 'uppercase-c' }), []);
    if (bytes && (bytes.length !== length || bytes.some((byte) => byte !== letter - 32))) fault('sharing: wrong bytes');
    await pause(20 + below(50));
  }
}

/** Messages that all windows have, from when each has joined: none is missing. @param {Context} context */
async function stream({ tracked, pause, below, fault }) {
  for (;;) {
    const { memory, stop } = page.stream({ library: 'pushes', byteLength: 1 << 18, slots: 8 });
    const reader = open(memory);
    let last = 0;
    await tracked('sharing', async () => {
      for (let taken = 0; taken < 200; ) {
        for (let slot = reader.next(); slot && taken < 200; slot = reader.next()) {
          const [count = 0] = new Uint32Array(slot.bytes.buffer, slot.bytes.byteOffset, 1);
          if (last > 0 && count !== last + 1) fault(`sharing: message ${count} after ${last}`);
          last = count;
          taken += 1;
          slot.release();
        }
        if (reader.state !== 'running') throw new Error(`the stream is ${reader.state}`);
        await pause(5);
      }
    }, []);
    await tracked('sharing', stop, []);
    await pause(below(100));
  }
}
