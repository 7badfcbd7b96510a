// The API of `inplace-exchange/page`, for the page. It needs no Node.js and contains no native code.

export type { ErrorCode, ExchangeError } from './errors.js';

/** Memory that can be lent: an ArrayBuffer or SharedArrayBuffer, or a view that covers all of one. */
export type Memory<T extends ArrayBufferLike = ArrayBufferLike> = T | Uint8Array<T> | Uint8ClampedArray<T>;

export interface ExchangeOptions {
  /** The key under which the preload exposes the library. `'default'` if omitted. */
  library?: string | undefined;
  /** Which of the library's operations. None if omitted: a library that has no `exchange_perform` has none. */
  operation?: string | undefined;
  /** How many bytes at the start of the memory are the input, for a library that has `exchange_perform`. All if omitted. */
  input?: number | undefined;
  /**
   * Called with how far the library says it is, in its own measure; `total` is 0 if it does not know. With the latest values,
   * at most every 50 ms, and never after the promise has been settled. On the main thread it is not called.
   */
  onProgress?: ((done: number, total: number) => void) | undefined;
  /**
   * Where the library runs. `'worker'`, the default: on another thread; the page keeps running. `'main'`: on the page's
   * main thread, which is blocked meanwhile; the round trip takes a quarter of the time. For libraries that take
   * microseconds.
   */
  thread?: 'worker' | 'main' | undefined;
  /**
   * Cancels the exchange while it is queued, and asks the library to stop once it runs. On the main thread it has no
   * effect after `exchange` has been called.
   */
  signal?: AbortSignal | undefined;
}

/** Synchronous exchanges over memory that the page shares with the library. */
export interface Shared {
  /** The memory, for the input and for the library's message. */
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /**
   * Calls the library, and returns the length of its message in bytes. Throws what `exchangeDataInPlace` throws. Does
   * not use `this`. `input` is how many bytes at the start of the memory are the input, for a library that has
   * `exchange_perform`; all if omitted.
   */
  readonly exchange: (input?: number) => number;
}

export interface FramesOptions<T extends ArrayBufferLike = ArrayBufferLike> {
  /** The size of a buffer in bytes, 0 to 2^31-1. */
  byteLength: number;
  /**
   * Whether the frames are shared memory. If omitted, those of 64 MiB and more are, as with `allocate`. With `false` none
   * is: `ImageData`, `TextDecoder` and `Blob` take them at any size, and from 64 MiB on each makes V8 collect garbage (7
   * to 9 ms).
   */
  shared?: boolean | undefined;
  /** The key under which the preload exposes the library. `'default'` if omitted. */
  library?: string | undefined;
  /** Which of the library's operations. None if omitted. */
  operation?: string | undefined;
  /** The number of buffers, 1 to 64, including the one that the consumer has. 3 if omitted. */
  depth?: number | undefined;
  /** Ends the frames immediately, with `ABORT_ERR`. */
  signal?: AbortSignal | undefined;
  /**
   * Writes the input of a frame (`index` counts from 0) into its memory, just before it is lent. Without it, the memory
   * holds what an earlier frame left there, or zeros.
   */
  request?: ((bytes: Uint8Array<T>, index: number) => void) | undefined;
  /** How many bytes the input of a frame has, for a library that has `exchange_perform`. All of the memory if omitted. */
  input?: number | undefined;
}

/**
 * Frames, for `for await`. Each is a Uint8Array, trimmed to the library's message, and valid until the next one is
 * requested: then its memory is lent again. If it was transferred elsewhere by then, other memory takes its place.
 */
export interface Frames<T extends ArrayBufferLike = ArrayBufferLike> extends AsyncGenerator<Uint8Array<T>, void, void> {
  /** The current frame stays the consumer's: its memory is not lent again, and other memory takes its place. */
  keep(): void;
  /**
   * Returns the memory of a frame that was transferred elsewhere, such as to a Worker that draws it. It is lent before
   * any is allocated. Throws `ERR_OUT_OF_RANGE` for memory of another size.
   */
  recycle(memory: Memory<T>): void;
}

export interface StreamOptions {
  /** The size of a slot in bytes, 1 to 2^31-1: the longest message. */
  byteLength: number;
  /** The key under which the preload exposes the library. `'default'` if omitted. */
  library?: string | undefined;
  /** Which of the library's operations. None if omitted. */
  operation?: string | undefined;
  /** The number of slots, 2 to 1024. 4 if omitted. */
  slots?: number | undefined;
  /**
   * What happens when no slot is free. `'wait'`, the default: the library is not called until there is one. The other two
   * are for a library that waits for its device, and that has to be called in time: `'drop-oldest'` gives up the oldest
   * message that was not read, `'drop-newest'` the one that the library writes.
   */
  policy?: 'wait' | 'drop-oldest' | 'drop-newest' | undefined;
  /** Written to the start of each slot before the library is called. It is copied now. */
  input?: Uint8Array | undefined;
  /** Ends the stream. `ended` is then rejected with `ABORT_ERR`. */
  signal?: AbortSignal | undefined;
}

/** A stream: a library fills slots of shared memory, for a reader in the page, a Worker or an AudioWorklet. */
export interface Stream {
  /** What `open` of `inplace-exchange/stream` reads. Post it to the Worker, or pass it in `processorOptions`. */
  readonly memory: SharedArrayBuffer;
  /** Fulfilled when the stream was stopped, by `stop` or its reader; rejected with the error that has ended it. */
  readonly ended: Promise<void>;
  /** Ends the stream. Fulfilled when it has ended, in whatever way. Does not use `this`. */
  readonly stop: () => Promise<void>;
}

/**
 * What `connect(port)` returns in a Worker: the functions of the page, but for those that need it. Memory of `allocate` and
 * `stream` is copied for a library in a process of its own.
 */
export type WorkerExchange = Omit<Exchange, 'shared' | 'portForWorker'>;

/**
 * What `connect` returns. The functions do not use `this`. When the page is unloaded, calls in flight are rejected with
 * `ABORT_ERR`. After that, each function throws it: another window may still call them, and V8 settles no promise of an
 * unloaded page.
 */
export interface Exchange {
  /**
   * Lends memory to a library, which writes into it. Resolves to a Uint8Array over the same memory, trimmed to the
   * message; its `buffer` is the whole memory, to be lent again. Nothing is copied.
   *
   * An ArrayBuffer is transferred: `data` is detached (its length is 0) from the call on. Up to 48 MiB that takes as
   * long as for 64 bytes. From 64 MiB on, each transfer makes V8 collect garbage (7 to 9 ms). Memory of `allocate` of
   * that size is shared instead: it is not detached, and can be lent to one exchange at a time. Any number of exchanges
   * may be in flight.
   *
   * A number of bytes, 0 to 2^31-1, stands for memory of that size, which holds zeros or what an earlier message of this page
   * left there. It is memory that was recycled, or a spare that a background thread has prepared since the last exchange
   * of that size, or new. From 64 MiB on it is a SharedArrayBuffer, as with `allocate`.
   *
   * Rejects with an Error that has a `code`: those of `exchangeDataAsync` (of `exchangeDataInPlace` on the main
   * thread), and
   * - `ABORT_ERR` (AbortError): `signal` was aborted, or this page is being unloaded
   * - `ERR_ADDON` (Error): the addon could not be loaded in the preload
   * - `ERR_LIBRARY_UNKNOWN` (Error): the preload exposes no library under that key
   * - `ERR_OPERATION_UNKNOWN` (Error): the library has no `operation` of that name
   * - `ERR_OUT_OF_RANGE` (RangeError): `input` is not a whole number from 0 to the size of the memory, or a number of bytes
   *   is not in its range
   * - for a number of bytes, `ERR_MEMORY_ALLOCATION_FAILED` and `ERR_NOT_ISOLATED`, as `allocate`
   * - `ERR_INVALID_ARG_VALUE` (TypeError): `thread` is neither `'worker'` nor `'main'`
   *
   * The error has the memory in its `buffer`, a Uint8Array, unless an argument was refused or the page is being
   * unloaded.
   */
  readonly exchange: {
    <T extends ArrayBufferLike>(data: Memory<T>, options?: ExchangeOptions): Promise<Uint8Array<T>>;
    (byteLength: number, options?: ExchangeOptions): Promise<Uint8Array>;
  };
  /**
   * Gives memory to the next exchanges of a number of bytes: the result of one, or all of an ArrayBuffer or
   * SharedArrayBuffer. It must not be used from then on: an exchange detaches it or writes to it. What is transferred
   * elsewhere nevertheless is passed over. Up to four pieces of one size are kept, others are dropped.
   *
   * Throws an Error with a `code`:
   * - `ERR_INVALID_BUFFER` (TypeError): it is no such memory
   * - `ERR_BUFFER_DETACHED` (TypeError): it was transferred elsewhere, or is lent
   */
  readonly recycle: (memory: Memory) => void;
  /**
   * Allocates zeroed memory that is cheap to lend at any size: the spare of `exchange`, if there is one of that size. From 64
   * MiB on it is a SharedArrayBuffer, which is posted to the preload at the first exchange, and kept there until the page's
   * reference to it is collected.
   * `byteLength` is 0 to 2^31-1. For a library in a process of its own, name it: shared memory is then lent to it without
   * a copy, which works if it is known before anybody else has the memory.
   *
   * `TextDecoder`, `ImageData`, `Blob` and `crypto.getRandomValues` refuse a view of shared memory.
   *
   * Throws an Error with a `code`:
   * - `ERR_OUT_OF_RANGE` (RangeError): `byteLength` is not in that range
   * - `ERR_MEMORY_ALLOCATION_FAILED` (RangeError): not enough memory, or not in one piece (Electron 33 allocates 1.5
   *   GiB, but not 2)
   * - `ERR_NOT_ISOLATED` (Error): the page may not share memory; the message says what to set
   */
  readonly allocate: (byteLength: number, options?: { library?: string | undefined }) => Uint8Array;
  /**
   * Memory that the page and a library share, for synchronous exchanges of messages so small that the round trip
   * matters. It is shared once; each exchange is then one call across the bridge (0.6 us). `byteLength` is 0 to 2^31-1.
   *
   * Throws the errors of `allocate`, and those of finding and loading the library.
   */
  readonly shared: (
    byteLength: number,
    options?: { library?: string | undefined; operation?: string | undefined },
  ) => Shared;
  /**
   * A sequence of frames, filled on other threads while the consumer works on earlier ones. There are `depth` buffers,
   * and one is filled again only after the consumer has requested the next frame: a slow consumer slows the library
   * down.
   *
   * Ends on `break`, when `signal` is aborted, and with the first error, which is thrown after the frames before it.
   * Exchanges that are then in flight are cancelled, and the memory is released. Nothing is lent before the first frame
   * is requested.
   *
   * Throws `ERR_OUT_OF_RANGE` and `ERR_INVALID_ARG_TYPE` for its options; the iterator throws what `exchange` rejects
   * with, and what `allocate` and `request` throw.
   */
  readonly frames: {
    (options: FramesOptions<ArrayBuffer> & { shared: false }): Frames<ArrayBuffer>;
    (options: FramesOptions<SharedArrayBuffer> & { shared: true }): Frames<SharedArrayBuffer>;
    (options: FramesOptions): Frames;
  };
  /**
   * Has a library fill one slot of shared memory after another, on a thread of its own: nothing passes through the page's
   * main thread. `open(memory)` of `inplace-exchange/stream` reads it.
   *
   * Each message is an exchange, with all of a slot for the memory. A library that takes one call at a time makes other
   * calls in between. The stream ends with the page, by `stop`, with its reader, or with the first error of the library,
   * which `ended` is rejected with: those of `exchange`.
   *
   * Throws `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` for its options, `ERR_NOT_ISOLATED` in a
   * page that may not share memory, and `ERR_MEMORY_ALLOCATION_FAILED`.
   */
  readonly stream: (options: StreamOptions) => Stream;
  /**
   * A port by which a Worker of this page makes exchanges itself, with `connect(port)`: transfer it to the Worker. At most 16
   * are open at a time. When the Worker ends, or closes its port, its calls are cancelled.
   *
   * The preload answers on the page's main thread, so a Worker waits while that is busy; a `stream` does not.
   *
   * Throws `ERR_OUT_OF_RANGE` (RangeError) if 16 are open. A closed one is noticed from Electron 29 on.
   */
  readonly portForWorker: () => MessagePort;
}

/**
 * Connects this page to the libraries that its preload exposes. A document has one connection: every call returns the
 * same object, also for a script that was loaded again (hot reload).
 *
 * Throws an Error with a `code`:
 * - `ERR_NOT_EXPOSED`: the preload exposes nothing to this document. `reason` says why: `'worker'`, `'frame'`,
 *   `'isolation'`, `'origin'`, `'opener'` or `'preload'`, and the message what to do
 * - `ERR_ALREADY_CONNECTED`: another copy of this module, such as one in another bundle, has connected this document
 * - `ABORT_ERR` (AbortError): this page was unloaded
 */
export function connect(): Exchange;
/**
 * In a Worker: connects it by a port of `portForWorker`. Every call with a port returns the same object.
 *
 * Throws `ERR_INVALID_ARG_TYPE` (TypeError) if `port` is none.
 */
export function connect(port: MessagePort): WorkerExchange;
