// open(memory): the reader of a stream, for a page, a Worker or an AudioWorklet. No Node.js, no DOM, no timers; once it is
// open, it makes no garbage.
//
// Slots are taken and given back by atomics. Others that have the memory may change all of it: a reader that is deceived
// gets other messages, and nothing worse.

import {
  DROPPED,
  ENDED,
  EPOCH,
  FAILED,
  FREE,
  HELD,
  IDLE,
  LENGTH,
  layoutIn,
  lineOf,
  lockOf,
  PHASE,
  PUBLISHED,
  READING,
  READY,
  SEQUENCE,
  STOP,
  TIMESTAMP,
} from './ring.mjs';

/** How long a reader that waits sleeps, in ms: at first as for audio, after a while as for a camera. */
const SHORT_SLEEP = 0.1;
const LONG_SLEEP = 1;
const SHORT_SLEEPS = 100;

class Slot {
  length = 0;
  sequence = 0;
  timestamp = 0;
  #words;
  #line;
  #mine;

  /** @param {Int32Array} words @param {number} line @param {number} mine @param {Uint8Array<SharedArrayBuffer>} bytes */
  constructor(words, line, mine, bytes) {
    this.#words = words;
    this.#line = line;
    this.#mine = mine;
    this.bytes = bytes;
  }

  /** Without effect if another reader has taken over, which has given it back. */
  release() {
    Atomics.compareExchange(this.#words, this.#line, this.#mine, FREE);
  }
}

class Reader {
  #words;
  #times;
  #slots;
  #epoch;
  /** The state of a slot that this reader has. */
  #mine;
  /** The number of the last message that was taken, as it is in memory, where it wraps. */
  #last;
  /** As it is said. */
  #sequence;
  /** The slot after that of the last message: it has the next one, unless some were left out. */
  #cursor = 0;
  #dropped = 0;
  #droppedBefore = 0;
  #letGo = () => {};
  #isClosed = false;
  opened = Promise.resolve();

  /** @param {SharedArrayBuffer} memory @param {ReturnType<typeof layoutIn>} layout */
  constructor(memory, { slots, byteLength, stride, data }) {
    this.#words = new Int32Array(memory, 0, data / 4);
    this.#times = new Float64Array(memory, 0, data / 8);
    this.#epoch = (Atomics.add(this.#words, EPOCH, 1) + 1) | 0;
    this.#mine = READING | (this.#epoch << 2);
    this.#slots = Array.from({ length: slots }, (_, index) => {
      const bytes = new Uint8Array(memory, data + index * stride, byteLength);
      return new Slot(this.#words, lineOf(index), this.#mine, bytes);
    });
    const published = Atomics.load(this.#words, PUBLISHED);
    let oldest = 0;
    for (let index = 0; index < slots; index++) {
      this.#takeBack(index);
      if (this.#stateOf(index) === READY) oldest = Math.min(oldest, (this.#sequenceOf(index) - published) | 0);
    }
    this.#last = (published + oldest - 1) | 0;
    this.#sequence = ((this.#last + 1) >>> 0) - 1;
    const { locks } = globalThis.navigator ?? {};
    if (typeof document === 'undefined' && locks) this.opened = this.#holdLock(locks);
  }

  get state() {
    const phase = Atomics.load(this.#words, PHASE);
    if (phase === ENDED) return 'ended';
    return phase === FAILED ? 'failed' : 'running';
  }

  get waiting() {
    let count = 0;
    if (!this.#hasNews()) return count;
    for (let index = 0; index < this.#slots.length; index++) if (this.#isNew(index)) count += 1;
    return count;
  }

  get dropped() {
    const dropped = Atomics.load(this.#words, DROPPED);
    this.#dropped += (dropped - this.#droppedBefore) >>> 0;
    this.#droppedBefore = dropped;
    return this.#dropped;
  }

  next() {
    // In turn, as most are: looked at once. Each look at memory that another core writes takes its time.
    const isNext = !this.#isClosed && !this.#isSucceeded() && this.#distance(this.#cursor) === 1;
    let slot = isNext ? this.#take(this.#cursor, true) : undefined;
    while (!slot && this.#hasNews()) {
      const index = this.#oldest();
      if (index < 0) break;
      slot = this.#take(index, true);
    }
    if (!slot) this.#takeBackAll();
    return slot;
  }

  latest() {
    let taken;
    while (this.#hasNews()) {
      const index = this.#newest();
      if (index < 0) break;
      const slot = this.#take(index, false);
      if (!slot) continue;
      taken?.release();
      taken = slot;
    }
    if (!taken) {
      this.#takeBackAll();
      return undefined;
    }
    for (let index = 0; index < this.#slots.length; index++)
      if (this.#stateOf(index) === READY && !this.#isNew(index)) this.#discard(index);
    return taken;
  }

  /** @param {number} ms */
  wait(ms) {
    const end = Date.now() + ms;
    for (let sleeps = 0; ; sleeps++) {
      const { state } = this; // before the messages, of which none comes after the end
      if (this.#hasNews() && this.#oldest() >= 0) return true;
      if (this.#isClosed || state !== 'running') return false;
      const left = end - Date.now();
      if (!(left > 0)) return false;
      // Native code cannot wake JavaScript.
      Atomics.wait(this.#words, IDLE, 0, Math.min(left, sleeps < SHORT_SLEEPS ? SHORT_SLEEP : LONG_SLEEP));
    }
  }

  close() {
    if (this.#isClosed) return;
    const hasSuccessor = this.#isSucceeded();
    this.#isClosed = true;
    for (const slot of this.#slots) slot.release();
    this.#letGo();
    if (!hasSuccessor) Atomics.store(this.#words, STOP, 1);
  }

  /** Another reader has taken over. */
  #isSucceeded() {
    return Atomics.load(this.#words, EPOCH) !== this.#epoch;
  }

  #hasNews() {
    if (this.#isClosed || this.#isSucceeded()) return false;
    return ((Atomics.load(this.#words, PUBLISHED) - 1 - this.#last) | 0) > 0;
  }

  /** @param {number} index */
  #stateOf(index) {
    return Atomics.load(this.#words, lineOf(index));
  }

  /** @param {number} index */
  #sequenceOf(index) {
    return this.#words[lineOf(index) + SEQUENCE];
  }

  /** How many messages after the last one. @param {number} index */
  #distance(index) {
    return (this.#sequenceOf(index) - this.#last) | 0;
  }

  /** Whether a slot has a message that can be taken. @param {number} index */
  #isNew(index) {
    return this.#stateOf(index) === READY && this.#distance(index) > 0;
  }

  /** The slot of the next message, or -1. */
  #oldest() {
    if (this.#isNew(this.#cursor) && this.#distance(this.#cursor) === 1) return this.#cursor;
    let oldest = -1;
    for (let index = 0; index < this.#slots.length; index++)
      if (this.#isNew(index) && (oldest < 0 || this.#distance(index) < this.#distance(oldest))) oldest = index;
    return oldest;
  }

  /** The slot of the latest message, or -1. */
  #newest() {
    let newest = -1;
    for (let index = 0; index < this.#slots.length; index++)
      if (this.#isNew(index) && (newest < 0 || this.#distance(index) > this.#distance(newest))) newest = index;
    return newest;
  }

  /**
   * Takes a slot, unless something has happened to it: the native side may have put a later message there, and another
   * reader may have taken over, and has not seen that this one has the slot.
   * @param {number} index @param {boolean} inOrder not if there are older messages
   */
  #take(index, inOrder) {
    if (!this.#hold(index)) return undefined;
    const distance = this.#distance(index);
    if (this.#isSucceeded() || distance <= 0 || (inOrder && distance > 1 && this.#hasOlder(distance))) {
      this.#putBack(index);
      return undefined;
    }
    const line = lineOf(index);
    const slot = this.#slots[index];
    this.#last = (this.#last + distance) | 0;
    this.#sequence += distance;
    this.#cursor = index + 1 < this.#slots.length ? index + 1 : 0;
    slot.sequence = this.#sequence;
    slot.length = Math.min(this.#words[line + LENGTH] >>> 0, slot.bytes.length);
    slot.timestamp = this.#times[line / 2 + TIMESTAMP];
    return slot;
  }

  /** Whether there is a message before that of so many after the last one. @param {number} distance */
  #hasOlder(distance) {
    const oldest = this.#oldest();
    return oldest >= 0 && this.#distance(oldest) < distance;
  }

  /** Makes a slot this reader's. Until it is given up, its message stays the same. @param {number} index */
  #hold(index) {
    return Atomics.compareExchange(this.#words, lineOf(index), READY, this.#mine) === READY;
  }

  /**
   * Gives up a message. It is not there for a reader that has taken over: that may be past it, and would leave it in the
   * native side's way. Without effect if that reader has freed the slot.
   * @param {number} index
   */
  #putBack(index) {
    Atomics.compareExchange(this.#words, lineOf(index), this.#mine, this.#isSucceeded() ? FREE : READY);
  }

  /** Frees a slot, unless a later message is there by now. @param {number} index */
  #discard(index) {
    if (!this.#hold(index)) return;
    this.#distance(index) > 0 ? this.#putBack(index) : this.#slots[index].release();
  }

  /** What earlier readers have keeps the native side waiting. They may take a slot when this one has already looked. */
  #takeBackAll() {
    for (let index = 0; this.#epoch !== 1 && index < this.#slots.length; index++) this.#takeBack(index);
  }

  /** Frees a slot of a reader that this one has taken over from. @param {number} index */
  #takeBack(index) {
    const state = this.#stateOf(index);
    if ((state & READING) === READING && state !== this.#mine && !this.#isSucceeded())
      Atomics.compareExchange(this.#words, lineOf(index), state, FREE);
  }

  /**
   * Holds the lock by which the page notices that a Worker is gone. Resolves when it has it, or cannot have it.
   * @param {LockManager} locks @returns {Promise<void>}
   */
  #holdLock(locks) {
    const held = new Promise((resolve) => {
      this.#letGo = () => resolve(undefined);
    });
    return new Promise((resolve) => {
      const hold = () => {
        Atomics.store(this.#words, HELD, this.#epoch);
        Atomics.notify(this.#words, HELD);
        resolve();
        return held;
      };
      locks.request(lockOf(this.#words, this.#epoch), hold).catch(() => resolve());
    });
  }
}

/** @type {typeof import('./types/stream.mjs').open} */
export const open = (memory) => new Reader(memory, layoutIn(memory));
