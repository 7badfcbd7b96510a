// Reads a stream at random, in a page or in a Worker, and checks what comes; or overwrites its memory.

import { open } from '../../../lib/stream.mjs';
import { randomFrom } from '../../soak/random.mjs';

/** @import { Reader, Slot } from '../../../lib/types/stream.mjs' */

/** The word by which a reader ends the stream (lib/ring.mjs). */
const STOP = 32;
/** A message of more bytes is looked at here and there. */
const MAX_CHECKED = 5000;
/** The bytes at the start of a message that say which it is. */
const HEAD = 8;

/**
 * What a reader has to know of a stream.
 * @typedef {object} Expected
 * @property {number} byteLength
 * @property {'wait' | 'drop-oldest' | 'drop-newest'} policy
 * @property {'counter' | 'pushes'} [stamps] what its messages are known by
 * @property {boolean} isSound whether nobody else writes to its memory
 * @property {boolean} isShared whether another reader may take over
 *
 * How far its readers are, one after another. `skips`: whether one has left out messages.
 * @typedef {{ last: number, taken: number, count: number, skips: boolean }} Progress
 */

/** @returns {Progress} */
export const none = () => ({ last: -1, taken: 0, count: 0, skips: false });

/** @param {number} seed */
export function drawing(seed) {
  const random = randomFrom(seed);
  const below = (/** @type {number} */ n) => Math.floor(random() * n);
  /** @template T @param {readonly T[]} list @returns {T} */
  const pick = (list) => list[below(list.length)];
  return { below, pick, chance: (/** @type {number} */ p) => random() < p };
}

/** @typedef {ReturnType<typeof drawing>} Random */

export const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Checks a message: that it is whole, and that its turn has come.
 * @param {Slot} slot @param {Expected} expected @param {Progress} progress @param {boolean} isLatest
 */
function check({ bytes, length, sequence, timestamp }, expected, progress, isLatest) {
  const { byteLength, policy, stamps, isSound, isShared } = expected;
  const where = `message ${sequence} of ${length} bytes, after ${progress.last}`;
  if (bytes.length !== byteLength || length > byteLength) throw new Error(`${where}: more than a slot`);
  if (!isSound) return;
  const next = progress.last + 1;
  const mayLeaveOut = isLatest || isShared || policy === 'drop-oldest';
  if (mayLeaveOut ? sequence < next : sequence !== next) throw new Error(`${where}: out of order`);
  const age = performance.timeOrigin + performance.now() - timestamp;
  if (!(age > -2 && age < 60_000)) throw new Error(`${where}: it is ${age} ms old`);
  progress.last = sequence;
  progress.taken += 1;
  if (isShared || !stamps) return;
  if (length !== byteLength) throw new Error(`${where}: less than a slot`);
  if (length < HEAD) return;
  const count = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  // Other streams of the library may have had messages in between, and so may readers of nothing.
  const least = progress.count + sequence - next + 1;
  if (stamps === 'pushes' && policy !== 'drop-newest' ? count !== sequence + 1 : count < least)
    throw new Error(`${where}: its count is ${count}, and at least ${least}`);
  progress.count = count;
  const value = count & 255;
  const step = length > MAX_CHECKED ? 61 : 1;
  for (let at = HEAD; at < length; at += step)
    if (bytes[at] !== value) throw new Error(`${where}: byte ${at} is ${bytes[at]}, and not ${value}`);
  if (length > HEAD && bytes[length - 1] !== value) throw new Error(`${where}: its last byte`);
}

/** Slots that a reader has, each with the bytes that it must still have when it is given back. */
class Held {
  /** @type {Map<Slot, Uint8Array | undefined>} */
  #slots = new Map();
  #isSound;

  /** @param {Expected} expected */
  constructor({ isSound, isShared }) {
    this.#isSound = isSound && !isShared;
  }

  /** @param {Slot} slot */
  add(slot) {
    this.#slots.set(slot, this.#isSound && slot.bytes.length <= MAX_CHECKED ? slot.bytes.slice() : undefined);
  }

  /** Gives some of them back, or all, in any order, some of them twice. @param {Random} r @param {boolean} all */
  release(r, all) {
    for (const [slot, before] of this.#slots) {
      if (!all && r.chance(0.5)) continue;
      if (before?.some((byte, at) => byte !== slot.bytes[at])) throw new Error('a slot that was held has changed');
      slot.release();
      if (r.chance(0.3)) slot.release();
      this.#slots.delete(slot);
    }
  }

  /** Another reader has taken over. */
  forget(/** @type {Random} */ r) {
    for (const slot of this.#slots.keys()) if (r.chance(0.5)) slot.release();
    this.#slots.clear();
  }
}

/** What others write to the memory may have made it none. @param {SharedArrayBuffer} memory @param {Expected} expected */
function openIfWhole(memory, { isSound }) {
  try {
    return open(memory);
  } catch (error) {
    if (isSound || /** @type {any} */ (error).code !== 'ERR_STREAM_LAYOUT') throw error;
  }
}

/**
 * Reads until `isOver`, or until the stream has ended and all was taken. It then closes the stream, if it `closes`.
 * @param {SharedArrayBuffer} memory @param {Expected} expected @param {Progress} progress @param {Random} r
 * @param {{ isOver(): boolean, closes: boolean, reopens?: boolean, onOpen?: () => void }} how
 */
export async function readAtRandom(memory, expected, progress, r, { isOver, closes, reopens = true, onOpen }) {
  const first = openIfWhole(memory, expected);
  const held = new Held(expected);
  const isWorker = typeof document === 'undefined';
  await first?.opened;
  onOpen?.();
  if (!first) return;
  let reader = first;

  const take = (/** @type {boolean} */ latest) => {
    const slot = latest ? reader.latest() : reader.next();
    if (latest) progress.skips = true;
    if (!slot) return false;
    check(slot, expected, progress, latest);
    held.add(slot);
    if (r.chance(0.6)) held.release(r, true);
    return true;
  };
  const steps = [
    () => {
      for (let left = 1 + r.below(200); left > 0 && take(false); left -= 1);
    },
    () => take(false),
    () => take(r.chance(0.5)),
    () => held.release(r, false),
    () => held.release(r, true),
    () => sleep(r.below(5)),
    () => sleep(0),
    () => {
      if (isWorker) reader.wait(r.below(10));
    },
    () => look(reader, expected),
    async () => {
      if (!reopens || r.chance(0.7)) return;
      const before = reader;
      const successor = openIfWhole(memory, expected);
      if (!successor) return;
      reader = successor;
      if (expected.isSound && (before.next() || before.latest() || (isWorker && before.wait(1))))
        throw new Error('a reader that was taken over from has a message');
      held.forget(r);
      if (r.chance(0.3)) before.close();
      await reader.opened;
    },
  ];
  while (!isOver() && (reader.state === 'running' || (expected.isSound && !expected.isShared && reader.waiting > 0))) {
    const ahead = performance.now() + 3;
    while (performance.now() < ahead && !isOver()) {
      await r.pick(steps)();
      // Or else it may hold all slots for ever.
      if (reader.state !== 'running') held.release(r, true);
    }
    await sleep(0);
  }
  if (closes) {
    reader.close();
    if (r.chance(0.3)) reader.close();
    if (reader.next() || reader.latest() || reader.waiting > 0) throw new Error('a closed reader has messages');
  } else held.release(r, true);
}

/** @param {Reader} reader @param {Expected} expected */
function look(reader, { isSound, policy }) {
  const { state, waiting, dropped } = reader;
  if (!['running', 'ended', 'failed'].includes(state) || !(waiting >= 0 && waiting <= 1024) || !(dropped >= 0))
    throw new Error(`state ${state}, waiting ${waiting}, dropped ${dropped}`);
  if (isSound && policy === 'wait' && dropped > 0) throw new Error(`${dropped} were dropped`);
}

/**
 * Takes all that is left of a stream that has ended, and compares with what the native side says of it.
 * @param {SharedArrayBuffer} memory @param {Expected} expected @param {Progress} progress
 */
export function finish(memory, expected, progress) {
  const reader = open(memory);
  for (let slot = reader.next(); slot; slot = reader.next()) {
    check(slot, expected, progress, false);
    slot.release();
  }
  const { state, dropped } = reader;
  const published = new Int32Array(memory)[16];
  const { last, taken, skips } = progress;
  const seen = `${published} were published, ${taken} taken, ${dropped} dropped; the last was ${last}`;
  const lost = expected.policy === 'drop-oldest' ? dropped : 0;
  if (expected.isShared) return state; // the other reader has had its part
  if (last + 1 !== published) throw new Error(`not the last one: ${seen}`);
  if (skips ? taken + lost > published : taken + lost !== published) throw new Error(`not all: ${seen}`);
  if (expected.policy === 'wait' && dropped > 0) throw new Error(`some were dropped: ${seen}`);
  return state;
}

/**
 * Overwrites words of the memory at random.
 * @param {SharedArrayBuffer} memory @param {Random} r @param {number} words @param {boolean} stops
 */
export function overwrite(memory, r, words, stops) {
  const all = new Int32Array(memory, 0, words);
  for (let left = 500; left > 0; left -= 1) {
    const at = r.below(words);
    if (at !== STOP || stops) Atomics.store(all, at, r.chance(0.5) ? r.below(4) : r.below(2 ** 32) | 0);
  }
}
