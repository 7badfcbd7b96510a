// The errors of this package, by their `code`. docs/errors.md has their causes.

/** What the error of each code has besides `message`, `code` and `buffer`. */
export interface ErrorFields {
  ERR_INVALID_BUFFER: unknown;
  ERR_BUFFER_DETACHED: unknown;
  ERR_BUFFER_TOO_SMALL: { readonly path: string; readonly required: number };
  /** Without a `path` if that was not a string. */
  ERR_LIBRARY_PATH: { readonly path?: string };
  ERR_LIBRARY_NOT_FOUND: { readonly path: string };
  ERR_LIBRARY_LOAD: { readonly path: string };
  ERR_LIBRARY_CLAIMED: { readonly path: string };
  ERR_LIBRARY_SYMBOL: { readonly path: string; readonly symbol: string };
  ERR_LIBRARY_ABI: { readonly path: string; readonly libraryVersion: number; readonly hostVersion: number };
  ERR_LIBRARY_COUNT: { readonly path: string; readonly count: bigint };
  /** The `status` is a bigint where a number would lose precision; the `words` are the library's own, if it gave any. */
  ERR_LIBRARY_FAILED: { readonly path: string; readonly status: number | bigint; readonly words?: string };
  /** Without a `path` and an `operation` if the preload exposes functions of its own. */
  ERR_OPERATION_UNKNOWN: { readonly path?: string; readonly operation?: string };
  ERR_LIBRARY_BUSY: { readonly path: string };
  ERR_LIBRARY_THREAD: { readonly path: string };
  /**
   * The `signal` is a name such as `'SIGSEGV'`. It has either that or the `exitCode`, or neither if it is not known. On Windows
   * the `exitCode` after a crash is that of the exception, such as 0xC0000005.
   */
  ERR_LIBRARY_CRASHED: {
    readonly path: string;
    readonly signal?: string;
    readonly exitCode?: number;
    readonly restarts: number;
  };
  ERR_LIBRARY_TIMEOUT: { readonly path: string };
  ERR_LIBRARY_STOPPED: { readonly path: string };
  ERR_PROCESS_UNAVAILABLE: { readonly path: string };
  ERR_INVALID_ARG_TYPE: unknown;
  ABORT_ERR: { readonly cause?: unknown };
  ERR_EVENT_LOOP: unknown;
  ERR_LIBRARY_UNKNOWN: unknown;
  ERR_ADDON: unknown;
  ERR_NOT_EXPOSED: { readonly reason: 'worker' | 'frame' | 'isolation' | 'origin' | 'opener' | 'preload' };
  ERR_ALREADY_CONNECTED: unknown;
  ERR_NOT_ISOLATED: unknown;
  ERR_OUT_OF_RANGE: unknown;
  ERR_MEMORY_ALLOCATION_FAILED: unknown;
  ERR_INVALID_ARG_VALUE: unknown;
  ERR_STREAM_LAYOUT: unknown;
}

export type ErrorCode = keyof ErrorFields;

interface CodedError<Code extends ErrorCode, T extends ArrayBufferLike> extends Error {
  readonly code: Code;
  /** The memory of an asynchronous exchange or of one of the page API, unless docs/errors.md says that it has none. */
  readonly buffer?: Uint8Array<T>;
}

/**
 * An error of this package. Its `code` tells which fields it has:
 *
 * ```ts
 * try {
 *   await exchange(memory);
 * } catch (error) {
 *   const failure = error as ExchangeError;
 *   if (failure.code === 'ERR_BUFFER_TOO_SMALL') await exchange(new Uint8Array(failure.required));
 *   else throw error;
 * }
 * ```
 *
 * `T` is the kind of memory that was lent: its `buffer` is of that kind.
 */
export type ExchangeError<T extends ArrayBufferLike = ArrayBufferLike> = {
  [Code in ErrorCode]: CodedError<Code, T> & ErrorFields[Code];
}[ErrorCode];
