// The layout of a stream's memory, for who makes it (lib/start-stream.mjs) and who reads it (lib/stream.mjs).
// docs/streams.md has it as a contract; host/src/ring.rs is the other side.

/** 'IPXR', as the bytes stand in memory. */
export const MAGIC = 0x52585049;
export const VERSION = 1;

/** In 32-bit words. Each line has one writer, but for the state of a slot. */
const LINE = 16;

/** What the reader has to know of the layout; written before the stream begins. */
export const HEADER = { magic: 0, version: 1, slots: 2, byteLength: 3, stride: 4, data: 5, policy: 6, name: 7 };

/** Of the native side. Counts wrap. */
export const PUBLISHED = LINE;
export const PHASE = LINE + 1;
export const DROPPED = LINE + 2;

/** Phases. */
export const ENDED = 2;
export const FAILED = 3;

/** Of the reader. */
export const STOP = 2 * LINE;
export const EPOCH = 2 * LINE + 1;
/** The epoch of the Worker that reads, which holds a lock. */
export const HELD = 2 * LINE + 2;
/** Always 0: what a reader that waits sleeps on. */
export const IDLE = 2 * LINE + 3;

/** From the line of a slot: its state, and what the native side says of its message. */
export const SEQUENCE = 1;
export const LENGTH = 2;
/** In 64-bit words. */
export const TIMESTAMP = 2;

/** The states of a slot: besides, 3 in the lowest two bits, and a reader's epoch above them. */
export const FREE = 0;
export const READY = 2;
export const READING = 3;

/** By their numbers. @type {readonly ('wait' | 'drop-oldest' | 'drop-newest')[]} */
export const POLICIES = ['wait', 'drop-oldest', 'drop-newest'];

export const MAX_SLOTS = 1024;

/** The line of a slot, in 32-bit words. @param {number} index */
export const lineOf = (index) => (3 + index) * LINE;

/**
 * Where the parts of a ring are, in bytes. The native side computes the same.
 * @param {number} slots @param {number} byteLength of each @param {number} policy
 */
export function layoutOf(slots, byteLength, policy) {
  const stride = Math.ceil(byteLength / 64) * 64;
  const data = Math.ceil((lineOf(slots) * 4) / 4096) * 4096;
  const places = slots + (POLICIES[policy] === 'drop-newest' ? 1 : 0);
  return { stride, data, length: data + stride * places };
}

/** Less cannot be a ring. */
const MIN_BYTES = 4096;

/** What memory says of its layout, which is checked: others may have written it. @param {SharedArrayBuffer} memory */
export function layoutIn(memory) {
  const isShared = typeof SharedArrayBuffer === 'function' && memory instanceof SharedArrayBuffer;
  if (!isShared || memory.byteLength < MIN_BYTES) throw noRing('it is not the memory of a stream');
  const words = new Int32Array(memory, 0, MIN_BYTES / 4);
  const [magic, version, slots, byteLength, stride, data, policy] = words;
  if (magic !== MAGIC) throw noRing('it is not the memory of a stream');
  if (version !== VERSION) throw noRing(`its layout has version ${version}, and this reader knows ${VERSION}`);
  const layout = layoutOf(slots, byteLength, policy);
  const isWhole = slots >= 2 && slots <= MAX_SLOTS && byteLength > 0 && POLICIES[policy] !== undefined;
  if (!isWhole || layout.stride !== stride || layout.data !== data || layout.length > memory.byteLength)
    throw noRing('its sizes do not fit together');
  return { slots, byteLength, stride, data };
}

/** @param {string} why */
const noRing = (why) =>
  Object.assign(
    new TypeError(`This memory cannot be read: ${why}. Pass the \`memory\` of what \`stream()\` of the page returns.`),
    { code: 'ERR_STREAM_LAYOUT' },
  );

/** The lock that a Worker holds while it reads. @param {Int32Array} words @param {number} epoch */
export const lockOf = (words, epoch) =>
  `inplace-exchange-stream-${words[HEADER.name]}-${words[HEADER.name + 1]}-${epoch}`;
