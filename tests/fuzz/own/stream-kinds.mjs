// The streams that a page asks for at random, right and wrong ones, and how each may end.

/** @import { StreamOptions } from '../../../lib/types/page.mjs' */
/** @import { Random } from './random-reading.mjs' */

const POLICIES = /** @type {const} */ (['wait', 'drop-oldest', 'drop-newest']);
/** The most that a slot of an ordinary stream has. */
const MAX_BYTES = 100_000;
const MiB = 2 ** 20;

/** How many calls run at a time, by library: each has so many threads at most. */
export const THREADS = {
  ...{ counter: 1, 'counter-concurrent': 4, 'own-counter': 1 },
  ...{ pushes: 1, 'pushes-concurrent': 4, 'sdk-pushes': 1, 'sdk-cc-pushes': 1 },
  ...{ camera: 1, 'camera-concurrent': 4, perform: 1, 'perform-concurrent': 4 },
  ...{ one: 1, limited: 1, several: 4 },
  ...{ 'too-small': 1, negative: 1, 'int64-max': 1, 'uppercase-c': 1 },
};

/**
 * @typedef {object} Kind
 * @property {StreamOptions & { library: string, byteLength: number }} options
 * @property {string[]} codes the errors with which it may end; '' if it may end well by itself
 * @property {boolean} [ends] whether it ends by itself in any case, if its messages are read
 * @property {'counter' | 'pushes'} [stamps] what its messages are known by
 * @property {boolean} [trustsInput] whether the library may hang if others write to its memory
 */

/** Longer than any slot. */
const LONG = new Uint8Array(4 * MiB + 1);

const numbers = (/** @type {number[]} */ ...values) => new Uint8Array(new Uint32Array(values).buffer);
const text = (/** @type {string} */ value) => new TextEncoder().encode(value);

/** @param {Random} r @param {number} least */
function size(r, least) {
  const length = r.pick([1, 3, 8, 16, 64, 65, 100, 4096, 1 + r.below(MAX_BYTES), r.chance(0.1) ? 4 * MiB : 1024]);
  return Math.max(length, least);
}

/** @param {Random} r @param {string} library @param {number} [least] bytes of a slot */
function options(r, library, least = 1) {
  const byteLength = size(r, least);
  const slots = byteLength > MAX_BYTES ? 2 : r.pick([2, 3, 4, 2 + r.below(20), r.chance(0.1) ? 1024 : 64]);
  return { library, byteLength, slots, policy: r.pick(POLICIES) };
}

/** Counts its calls, and may fail at one of them. @param {Random} r @returns {Kind} */
function counter(r) {
  const base = options(r, r.pick(['counter', 'counter-concurrent', 'own-counter']));
  const failsAt = r.chance(0.2) ? 1 + r.below(100) : 0;
  const said = base.byteLength > 8 && r.chance(0.7);
  const input = said ? numbers(r.pick([0, 0, 50, 500, 20_000]), failsAt) : undefined;
  return { options: { ...base, input }, codes: said && failsAt ? ['ERR_LIBRARY_FAILED'] : [], stamps: 'counter' };
}

/** Makes the messages by itself; ends, or fails, after some. @param {Random} r @returns {Kind} */
function pushes(r) {
  const library = r.pick(['pushes', 'pushes-concurrent', 'sdk-pushes', 'sdk-cc-pushes']);
  const what = r.pick([0, 0, 1, 3]);
  const when = what === 1 || r.chance(0.3) ? 1 + r.below(300) : 0;
  const input = r.chance(0.8) ? numbers(what, when) : undefined;
  const ending = input && when > 0 ? [what === 1 ? 'ERR_LIBRARY_FAILED' : ''] : [];
  const busy = library === 'pushes-concurrent' ? [] : ['ERR_LIBRARY_BUSY'];
  const codes = [...ending, ...busy];
  return { options: { ...options(r, library, 16), input }, codes, ends: ending.length > 0, stamps: 'pushes' };
}

/** Runs until it is cancelled. @param {Random} r @returns {Kind} */
function waits(r) {
  const library = r.pick(['camera', 'camera-concurrent', 'perform', 'perform-concurrent']);
  const base = options(r, library, 4);
  if (library.startsWith('perform')) return { options: { ...base, operation: 'until' }, codes: [] };
  return { options: { ...base, input: numbers(2 ** 32 - 1) }, codes: [] };
}

/** Fails at once. @param {Random} r @returns {Kind} */
function fails(r) {
  const [library, code, operation, most] = r.pick(
    /** @type {[library: string, code: string, operation?: string, most?: number][]} */ ([
      ['too-small', 'ERR_BUFFER_TOO_SMALL'],
      ['negative', 'ERR_LIBRARY_FAILED'],
      ['int64-max', 'ERR_LIBRARY_COUNT'],
      ['missing', 'ERR_LIBRARY_NOT_FOUND'],
      ['nobody', 'ERR_LIBRARY_UNKNOWN'],
      ['uppercase-c', 'ERR_OPERATION_UNKNOWN', 'upper'],
      ['perform', 'ERR_OPERATION_UNKNOWN', 'lower'],
      ['perform', 'ERR_LIBRARY_FAILED', 'fail'],
      ['perform-concurrent', 'ERR_LIBRARY_FAILED', 'unsaid'],
      ['perform', 'ERR_BUFFER_TOO_SMALL', undefined, 20],
    ]),
  );
  const base = options(r, library);
  const byteLength = Math.min(base.byteLength, most ?? base.byteLength);
  return { options: { ...base, byteLength, operation }, codes: [code], ends: true };
}

/** Crashes, hangs or goes on, in a process that others use as well. @param {Random} r @returns {Kind} */
function faulty(r) {
  const library = r.pick(['one', 'limited', 'several']);
  const what = r.pick([...'...SKAEFW', library === 'limited' ? 'L' : '.']);
  const codes = ['ERR_LIBRARY_CRASHED'];
  if (what === 'F') codes.push('ERR_LIBRARY_FAILED');
  if (library === 'limited') codes.push('ERR_LIBRARY_TIMEOUT');
  const input = text(what.padEnd(8, '.'));
  return { options: { ...options(r, library, 8), input }, codes, ends: 'SKAEFL'.includes(what), trustsInput: true };
}

/** @param {Random} r @returns {Kind} */
export const draw = (r) =>
  r.pick([counter, counter, counter, counter, pushes, pushes, pushes, waits, fails, faulty])(r);

/** What is thrown for options that make no stream. */
export const REFUSALS = [
  'ERR_OUT_OF_RANGE',
  'ERR_INVALID_ARG_TYPE',
  'ERR_INVALID_ARG_VALUE',
  'ERR_MEMORY_ALLOCATION_FAILED',
];

/** What is thrown by an option that is a getter. */
export const GETTER = new Error('a getter of the page');

/** Options of which one or two are wrong, or only strange. @param {Random} r @param {StreamOptions} options @returns {any} */
export function spoilOptions(r, options) {
  const some = [-1, 0, 0.5, Number.NaN, Infinity, 2 ** 31, 2 ** 32 + 16, 2 ** 53, '16', null, {}, [], true, 1n];
  const strange = [...some, 'x', Symbol('x'), () => {}];
  const bytes = new Uint8Array(8);
  const detached = new Uint8Array(8);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  class Odd extends Uint8Array {
    slice() {
      return /** @type {any} */ (r.pick(strange.filter((value) => typeof value === 'number')));
    }
  }
  const inputs = [
    ...[new ArrayBuffer(8), new Uint16Array(4), new DataView(new ArrayBuffer(8)), LONG],
    ...[detached, new Proxy(bytes, {}), Object.create(Uint8Array.prototype), new Odd(8)],
    ...[new Uint8Array(new SharedArrayBuffer(8)), new Uint8Array(new ArrayBuffer(8, { maxByteLength: 16 }))],
  ];
  const signals = [AbortSignal.abort(Symbol('x')), AbortSignal.timeout(0), Object.create(AbortSignal.prototype)];
  /** @type {Record<string, unknown[]>} */
  const wrong = {
    byteLength: some,
    slots: [...some, 1, 1025, undefined],
    policy: [...strange, 'WAIT', '', undefined],
    input: [...strange, ...inputs, ...inputs],
    library: [...strange, '', '__proto__'],
    operation: [...strange, '', 'x\ny', '\0'],
    signal: [...strange, ...signals, ...signals],
  };
  const spoiled = /** @type {any} */ ({ ...options });
  for (let count = r.chance(0.3) ? 2 : 1; count > 0; count -= 1) {
    const name = r.pick(Object.keys(wrong));
    if (r.chance(0.1)) Object.defineProperty(spoiled, name, { get: raise, configurable: true });
    else Object.defineProperty(spoiled, name, { value: r.pick(wrong[name]), configurable: true });
  }
  return r.chance(0.05) ? r.pick([undefined, null, 1, 'x', { byteLength: 2 ** 31 - 1, slots: 1024 }]) : spoiled;
}

function raise() {
  throw GETTER;
}
