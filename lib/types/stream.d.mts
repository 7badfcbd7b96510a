// The reader of a stream: `inplace-exchange/stream`, for a page, a Worker or an AudioWorklet.

/** A message in its slot, which is the reader's until it is released. One object for each slot, used again and again. */
export interface Slot {
  /** The whole slot, always one object. The message is its first `length` bytes. The library may see what is written to it. */
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** The length of the message in bytes. */
  readonly length: number;
  /** The number of the message, from 0. Where one is left out, messages were dropped, or taken together by `latest`. */
  readonly sequence: number;
  /** When the library had written it, in ms: compare it with `performance.timeOrigin + performance.now()`. */
  readonly timestamp: number;
  /** Gives the slot back. Without effect if another reader has taken over. Uses `this`. */
  release(): void;
}

/** Reads a stream. Its functions use `this`. They allocate nothing. */
export interface Reader {
  /** The oldest message that was not taken, or `undefined` if there is none. Any number of slots can be held at a time. */
  next(): Slot | undefined;
  /** The latest message, or `undefined` if there is no new one. Those before it are given back unread. */
  latest(): Slot | undefined;
  /**
   * Waits until there is a message, for `ms` milliseconds at most: whether there is one. Returns early, too, when the stream
   * has ended. In a Worker only: elsewhere the engine throws a TypeError, as for `Atomics.wait`.
   *
   * It looks every 0.1 ms, and after 10 ms every millisecond, because native code cannot wake JavaScript.
   */
  wait(ms: number): boolean;
  /**
   * Whether the library still fills slots. `'failed'`: it has returned an error, which `ended` of the stream has. Messages
   * that are there can be taken in any state.
   */
  readonly state: 'running' | 'ended' | 'failed';
  /** How many messages can be taken. Looks at each slot. */
  readonly waiting: number;
  /** How many messages were dropped since the stream has begun, because there was no free slot. */
  readonly dropped: number;
  /**
   * Fulfilled when the page notices the end of the Worker that reads, see `open`. A Worker that then never returns to its
   * event loop, such as one that reads in a loop with `wait`, awaits it first. Elsewhere it is fulfilled at once.
   */
  readonly opened: Promise<void>;
  /** Ends the stream, and gives back all slots. Without effect on a stream that another reader has taken over. */
  close(): void;
}

/**
 * Opens the `memory` of a stream for reading. A stream has one reader: a later one takes over, and finds the messages that
 * were not taken; the earlier one finds none any more, and what it holds is given back.
 *
 * If it is a Worker that reads, and that ends without `close`, the stream ends, too: once `opened` was fulfilled.
 *
 * Throws `ERR_STREAM_LAYOUT` (TypeError) if it is not the memory of a stream.
 */
export function open(memory: SharedArrayBuffer): Reader;
