// What a page is given by `inplace-exchange/page`. Nothing here needs Node, or knows of native code.

/** Bytes that can be lent: all of an ArrayBuffer, or a view of all of it. */
export type Memory = Uint8Array | Uint8ClampedArray | ArrayBufferLike;

export interface ExchangeOptions {
  /** The key under which the preload exposes the library; `'default'` if left out. */
  library?: string;
  /**
   * Where the library runs. `'worker'`, which is meant if it is left out: on another thread, and the page goes on.
   * `'main'`: on the page's own thread, which stands still meanwhile, while the way there and back is a quarter as long;
   * for libraries that take microseconds.
   */
  thread?: 'worker' | 'main';
  /**
   * Drops the exchange while it waits for its turn, and asks the library to stop once it runs. On the main thread it is
   * too late for both once `exchange` has been called.
   */
  signal?: AbortSignal;
}

/** Synchronous exchange over memory that the page shares with the library. */
export interface Shared {
  /** The memory: the request is written here, and the answer read. A view of a SharedArrayBuffer. */
  readonly bytes: Uint8Array;
  /**
   * Lets the library write, and gives the length of its message in bytes. It returns when the library has. Throws what
   * `exchangeDataInPlace` throws. It needs no `this`.
   */
  readonly exchange: () => number;
}

export interface FramesOptions {
  /** The size of a frame, in bytes: 0 to 2^31-1. */
  byteLength: number;
  /** The key under which the preload exposes the library; `'default'` if left out. */
  library?: string;
  /** How many buffers there are, the one with the consumer included: 1 to 64, and 3 if left out. */
  depth?: number;
  /** Ends the frames, at once, with `ABORT_ERR`. */
  signal?: AbortSignal;
  /**
   * Writes the input of a frame (`index` counts from 0) into its memory, just before this is lent. What stands there
   * otherwise is what an earlier frame has left, or zeroes.
   */
  request?: (bytes: Uint8Array, index: number) => void;
}

/**
 * Frames, for `for await`. Each is a Uint8Array, trimmed to the library's message, and valid until the next one is asked
 * for: then its memory is lent again. A frame that was transferred elsewhere by then is replaced.
 */
export interface Frames extends AsyncGenerator<Uint8Array, void, void> {
  /** The frame at hand is the consumer's for good: it is not filled again, and other memory takes its place. */
  keep(): void;
  /**
   * Gives back memory of a frame that was transferred elsewhere (to a Worker that draws it, say): it is used before any
   * is allocated. Throws `ERR_OUT_OF_RANGE` for memory of another size.
   */
  recycle(memory: Memory): void;
}

/**
 * What `connect` gives. Its functions need no `this`. When the page goes, all that is under way is rejected with `ABORT_ERR`;
 * once it has gone, each function throws that: another window can still call it, and no promise of the page would ever be
 * settled.
 */
export interface Exchange {
  /**
   * Lends memory to a library, which writes into it, and gives it back: a Uint8Array trimmed to the message. Its `buffer`
   * is the whole memory, to be lent again. Nothing is copied.
   *
   * An ArrayBuffer is moved: `data` is detached (its length is 0) from the call on. Up to 48 MiB that takes as long as for
   * 64 bytes. From 64 MiB on each move makes V8 collect garbage (7 to 9 ms), but not for memory of `allocate`, which stays
   * where it is and is lent once at a time. Any number of exchanges may be in flight.
   *
   * Rejects with an Error that has a `code`: those of `exchangeDataAsync` (of `exchangeDataInPlace` on the main thread),
   * and
   * - `ABORT_ERR` (AbortError): `signal` was aborted, or this page is going
   * - `ERR_ADDON` (Error): the addon could not be loaded in the preload
   * - `ERR_LIBRARY_UNKNOWN` (Error): the preload exposes no library by that key
   * - `ERR_INVALID_ARG_VALUE` (TypeError): `thread` is neither `'worker'` nor `'main'`
   *
   * Once memory was given that can be lent, an error has it in its `buffer`, a Uint8Array: nothing is lost.
   */
  readonly exchange: (data: Memory, options?: ExchangeOptions) => Promise<Uint8Array>;
  /**
   * Memory, all zeroes, that is cheap to lend at any size: from 64 MiB on it is shared with the preload at the first
   * exchange, and held there until the page has dropped it. `byteLength` is 0 to 2^31-1.
   *
   * Shared memory has limits: `TextDecoder`, `ImageData`, `Blob` and `crypto.getRandomValues` refuse a view of it.
   *
   * Throws an Error with a `code`:
   * - `ERR_OUT_OF_RANGE` (RangeError): `byteLength` is no such number
   * - `ERR_MEMORY_ALLOCATION_FAILED` (RangeError): there is not so much memory, or not in one piece (Electron 33 gives 1.5
   *   GiB, and not 2)
   * - `ERR_NOT_ISOLATED` (Error): the page may not share memory; the message says what to set
   */
  readonly allocate: (byteLength: number) => Uint8Array;
  /**
   * Memory that the page and a library share, for synchronous exchanges of messages so small that the way counts: it is
   * shared once, and an exchange is then one call across the bridge (0.6 us). `byteLength` is 0 to 2^31-1.
   *
   * Throws as `allocate` does, and the errors of finding and loading the library.
   */
  readonly shared: (byteLength: number, options?: { library?: string }) => Shared;
  /**
   * Frames one after another, filled on other threads while the consumer has earlier ones. There are `depth` buffers, and
   * one is filled again only when the consumer has moved on: a slow consumer slows the library down.
   *
   * Ends on `break`, when `signal` is aborted, and with the first error, which is thrown after the frames before it.
   * Exchanges that are then under way are asked to stop, and no memory is held on to. Nothing is lent before the first
   * frame is asked for.
   *
   * Throws `ERR_OUT_OF_RANGE` and `ERR_INVALID_ARG_TYPE` for its options; the iterator throws what `exchange` rejects with,
   * and what `allocate` and `request` throw.
   */
  readonly frames: (options: FramesOptions) => Frames;
}

/**
 * Connects this page to the libraries that its preload exposes. Once in a document: keep what it gives, and hand it on.
 *
 * Throws an Error with a `code`:
 * - `ERR_NOT_EXPOSED`: the preload has not called `expose()` for this page
 * - `ERR_ALREADY_CONNECTED`: this document has its connection; another script of it was first
 */
export function connect(): Exchange;
