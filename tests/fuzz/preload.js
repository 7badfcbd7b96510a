// A page of the fuzzer: makes random calls, and checks the invariants of every call.

const assert = require('node:assert/strict');
const { ipcRenderer } = require('electron');
const addon = require('../../index.js');
const { FOR_EVER, cameraRequest, fixtureLibrary, loadProbe } = require('../support/fixtures.js');

const { addressOf } = loadProbe();
const collect = /** @type {() => void} */ (/** @type {any} */ (globalThis).gc);

const MAX_IN_FLIGHT = 40;
const MAX_CALLS = 2000;

/**
 * A seeded random number generator (Mulberry32, by Tommy Ettinger, public domain).
 * @param {number} seed
 */
function random(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (/** @type {number} */ n) => Math.floor(next() * n);
  /** @template T @param {T[]} list @returns {T} */
  const pick = (list) => list[below(list.length)];
  const chance = (/** @type {number} */ p) => next() < p;
  return { below, pick, chance };
}

/** @typedef {ReturnType<typeof random>} Random */

const open = (/** @type {string} */ name) => addon.openLibrary(fixtureLibrary(name));
/** Writes the address and the length that it received. */
const ADDRESS = open('address');
/** Their calls take the requested time: one call at a time, and concurrent. */
const CAMERAS = [open('camera'), open('camera-concurrent')];
/** They export exchange_perform. */
const PERFORMERS = [open('perform'), open('perform-concurrent')];
const OTHERS = [
  addon,
  ...['zero', 'too-small', 'negative', 'negative-message', 'int64-max', 'int64-min', 'uppercase-c', 'throws'].map(open),
];

const CODES = new Set([
  'ERR_INVALID_BUFFER',
  'ERR_BUFFER_DETACHED',
  'ERR_BUFFER_TOO_SMALL',
  'ERR_LIBRARY_COUNT',
  'ERR_LIBRARY_FAILED',
  'ERR_LIBRARY_BUSY',
  'ERR_INVALID_ARG_TYPE',
  'ERR_OUT_OF_RANGE',
  'ABORT_ERR',
]);

/** @param {Random} r */
function size(r) {
  return r.chance(0.02) ? r.below(1024 * 1024) : r.pick([0, 1, 4, 15, 16, 17, 64, 87, 100, 4096, r.below(70_000)]);
}

const detach = (/** @type {ArrayBufferLike} */ memory) =>
  structuredClone(memory, { transfer: [/** @type {ArrayBuffer} */ (memory)] });

/** A random argument. @param {Random} r @returns {any} */
function buffer(r) {
  const length = size(r);
  const growable = { maxByteLength: length + r.below(5000) };
  /** A view of the whole memory, or of a part. @param {any} memory */
  const view = (memory) => {
    const View = r.pick([Uint8Array, Uint8Array, Uint8ClampedArray]);
    if (r.chance(0.7)) return new View(memory);
    const from = r.below(memory.byteLength + 1);
    return new View(memory, from, r.below(memory.byteLength - from + 1));
  };
  return r.pick([
    () => view(new ArrayBuffer(length)),
    () => view(new ArrayBuffer(length)),
    () => new Uint8Array(length),
    () => Buffer.alloc(length),
    () => Buffer.allocUnsafe(length),
    () => Buffer.from('x'.repeat(r.below(200))),
    () => view(new SharedArrayBuffer(length)),
    () => view(new /** @type {any} */ (SharedArrayBuffer)(length, growable)),
    () => view(new /** @type {any} */ (ArrayBuffer)(length, growable)),
    () => view(new WebAssembly.Memory({ initial: 1 }).buffer),
    () => view(new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }).buffer),
    () => {
      const detached = view(new ArrayBuffer(length));
      detach(detached.buffer);
      return detached;
    },
    () => r.pick([undefined, null, length, 'text', {}, [1], 1n, Symbol('x'), () => {}]),
    () => r.pick([new ArrayBuffer(length), new Float64Array(8), new Int8Array(8), new DataView(new ArrayBuffer(8))]),
    () => r.pick([new Proxy(Buffer.alloc(8), {}), Object.create(Uint8Array.prototype)]),
  ])();
}

const isBytes = (/** @type {unknown} */ value) => value instanceof Uint8Array || value instanceof Uint8ClampedArray;
const isReal = (/** @type {any} */ value) => ArrayBuffer.isView(value) && isBytes(value);

/** Modifies a buffer that an exchange may be using. @param {Random} r @param {any} value */
function disturb(r, value) {
  if (!ArrayBuffer.isView(value) || Buffer.isBuffer(value)) return; // detaching Node.js's pool would break Node.js
  const memory = /** @type {any} */ (value.buffer);
  try {
    r.pick([
      () => detach(memory),
      () => memory.resize(r.below(memory.maxByteLength + 1)),
      () => memory.grow(r.below(memory.maxByteLength + 1)),
      () => new Uint8Array(memory).fill(1),
    ])();
  } catch (error) {
    assert.ok(error instanceof Error); // most memory allows only some of these
  }
}

/**
 * A random operation of a library that has them, with a random input, as if it were a library.
 * @param {Random} r @param {boolean} stops whether the call will be aborted
 */
function performer(r, stops) {
  const name = r.pick([undefined, 'upper', 'fail', 'unsaid', 'count', ...(stops ? ['until'] : [])]);
  const perform = r.pick(PERFORMERS).operation(name);
  const input = r.chance(0.5) ? r.below(100) : r.pick([undefined, 0, -1, 0.5, 2 ** 32, Number.NaN, '3', null]);
  const onProgress = r.chance(0.5) ? () => {} : undefined;
  return {
    exchangeDataInPlace: (/** @type {any} */ value) => perform(value, /** @type {any} */ (input)),
    exchangeDataAsync: (/** @type {any} */ value, /** @type {any} */ options) =>
      perform.async(value, { ...options, input: /** @type {any} */ (input), onProgress }),
  };
}

/** @param {any} error @param {Record<string, number>} seen */
function countError(error, seen) {
  assert.ok(error instanceof Error, `a ${typeof error} was thrown`);
  const { code } = /** @type {any} */ (error);
  assert.ok(CODES.has(code), `${code}: ${error.stack}`);
  seen[code] = (seen[code] ?? 0) + 1;
}

/**
 * A synchronous call: its count is valid, and it changes no byte outside the view.
 * @param {any} value @param {any} library @param {Record<string, number>} seen
 */
function exchange(value, library, seen) {
  const around = isReal(value) && value.buffer.byteLength > 0 && value.buffer.byteLength < 100_000;
  const outside = () => {
    const whole = Buffer.from(value.buffer);
    return Buffer.concat([whole.subarray(0, value.byteOffset), whole.subarray(value.byteOffset + value.byteLength)]);
  };
  const before = around && outside();
  try {
    const count = library.exchangeDataInPlace(value);
    assert.ok(Number.isInteger(count) && count >= 0 && count <= value.byteLength, `count ${count}`);
    if (library === ADDRESS)
      assert.equal(new DataView(value.buffer, value.byteOffset).getBigUint64(0, true), addressOf(value));
    seen.ok = (seen.ok ?? 0) + 1;
  } catch (error) {
    countError(error, seen);
  }
  if (before) assert.ok(outside().equals(before), 'the bytes around the view');
}

/**
 * An asynchronous call: it settles, and no memory is lost or moves.
 * @param {any} value @param {any} library @param {AbortSignal | undefined} signal @param {Record<string, number>} seen
 */
async function exchangeAsync(value, library, signal, seen) {
  const real = isReal(value);
  const length = real ? value.byteLength : 0;
  const address = real && value.buffer.byteLength > 0 ? addressOf(value) : undefined;
  const promise = library.exchangeDataAsync(value, signal && { signal });
  const detached = real && value.byteLength !== length;
  try {
    const result = await promise;
    assert.ok(real);
    assert.equal(Object.getPrototypeOf(result), Uint8Array.prototype);
    assert.ok(result.byteLength <= length);
    if (result.byteLength > 0) assert.equal(addressOf(result), address, 'the memory has moved');
    // Other code may have written to shared memory meanwhile (disturb).
    if (library === ADDRESS && detached)
      assert.equal(new DataView(result.buffer, result.byteOffset).getBigUint64(0, true), address);
    seen['ok, async'] = (seen['ok, async'] ?? 0) + 1;
  } catch (error) {
    countError(error, seen);
    const memory = /** @type {any} */ (error).buffer;
    if (!detached) return;
    assert.equal(memory.byteLength, length, 'the error has the memory');
    if (length > 0) assert.equal(addressOf(memory), address, 'the memory has moved');
  }
}

/** @param {{ seed: number, page: number, calls: number }} plan */
async function run({ seed, page, calls }) {
  const r = random(Math.imul(seed, 1_000_003) + page);
  const count = Math.min(calls, 1 + r.below(MAX_CALLS));
  /** @type {Record<string, number>} */
  const seen = {};
  /** @type {Set<Promise<void>>} */
  const inFlight = new Set();
  for (let call = 0; call < count; call += 1) {
    const camera = r.chance(0.2);
    const asynchronous = r.chance(0.6);
    const stop = asynchronous && r.chance(0.4) ? new AbortController() : undefined;
    const other = () => (r.chance(0.3) ? performer(r, stop !== undefined) : r.pick(OTHERS));
    const library = camera ? r.pick(CAMERAS) : r.chance(0.4) ? ADDRESS : other();
    const value = camera ? cameraRequest(stop && r.chance(0.5) ? FOR_EVER : r.below(2)) : buffer(r);
    const when = r.below(5);
    if (when === 0) stop?.abort('before');
    if (asynchronous) {
      const settled = exchangeAsync(value, library, stop?.signal, seen);
      const done = settled.finally(() => inFlight.delete(done));
      inFlight.add(done);
    } else {
      exchange(value, library, seen);
    }
    if (r.chance(0.3)) disturb(r, value);
    if (when === 1) stop?.abort('at once');
    else if (when === 2) Promise.resolve().then(() => stop?.abort('in a moment'));
    else if (when > 2) setTimeout(() => stop?.abort('later'), r.below(4));
    if (r.chance(0.002)) collect();
    while (inFlight.size >= MAX_IN_FLIGHT || (inFlight.size > 0 && r.chance(0.02))) await Promise.race(inFlight);
    if (r.chance(0.01)) await new Promise((resolve) => setTimeout(resolve));
  }
  const settle = r.chance(0.5) || calls <= count;
  const pending = inFlight.size;
  if (settle) await Promise.all(inFlight);
  return { calls: count, seen, abandoned: settle ? 0 : pending };
}

const fail = (/** @type {unknown} */ error) =>
  ipcRenderer.send('failed', error instanceof Error ? error.stack : String(error));
globalThis.addEventListener('unhandledrejection', ({ reason }) => fail(reason));

ipcRenderer
  .invoke('plan')
  .then(run)
  .then((result) => ipcRenderer.send('done', result), fail);
