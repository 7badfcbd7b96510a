// The API of `inplace-exchange/preload`, for the preload script.

import type { ExchangeAsyncOptions, LibraryOptions, Operation } from '../../index.js';

export type { ErrorCode, ExchangeError } from './errors.js';

/** A library as the page API calls it: what `openLibrary` returns, the addon itself, or functions of your own. */
export interface ExposedLibrary {
  exchangeDataInPlace(bytes: Uint8Array): number;
  exchangeDataAsync(bytes: Uint8Array, options?: ExchangeAsyncOptions): Promise<Uint8Array>;
  /** If it has operations, or takes a length of the input. */
  operation?(name?: string): Operation;
}

/** A library's file, and in which process it runs. Opened at the page's first use. */
export interface LibraryFile extends LibraryOptions {
  /** Absolute. */
  path: string;
}

export interface ExposeOptions {
  /**
   * The libraries that the page may use, by the key under which the page names them: an absolute path (opened at the
   * page's first use), the same with options, what `openLibrary` returned, or the addon itself for the library that
   * ships with it. If omitted, that library alone, as `default`.
   */
  libraries?: Record<string, string | LibraryFile | ExposedLibrary> | undefined;
  /**
   * The origins of the documents that may use them, as `globalThis.origin` reports it: `'app://my-app'`,
   * `'http://localhost:5173'`, `'file://'` for all files. A window runs its preload for every document that it is
   * navigated to, and nothing is exposed to documents of other origins. `'*'` allows any document.
   */
  origins: string[] | '*';
}

/**
 * Lets the page of this window exchange data with native libraries; the page calls `connect()` of
 * `inplace-exchange/page`. One connection for each document, and none for frames in it.
 *
 * Call it at the top of the preload script. Its listener must be registered before those of the page, which would
 * receive the same port, and the addon must be loaded before other code can replace built-in functions of this world.
 * Context isolation must be on, and `sandbox: false` set, because a sandboxed preload cannot load a native addon.
 *
 * A document of another origin is exposed nothing. It can read the list of `origins`, with which its `connect()` says
 * why.
 *
 * A window that a page opened with `window.open` shares the page's process. Before Electron 44, exchanges on other
 * threads are refused there (`ERR_EVENT_LOOP`); opened with `noopener` it has a process of its own.
 *
 * Throws an error with a `code`, in any document:
 * - `ERR_INVALID_ARG_TYPE` (TypeError): there are no `origins`
 * - `ERR_INVALID_ARG_VALUE` (TypeError): an entry is not an origin, such as one with a path
 * - `ERR_NOT_EXPOSED` (Error): context isolation is off
 */
export function expose(options: ExposeOptions): void;

/**
 * Wraps a function that you expose through a bridge of your own: once the page was unloaded, it throws in place of
 * calling `fn`.
 *
 * A window that the page opened may keep the function over a reload of the page. Without the wrapper, its call would
 * reach native code of the unloaded page through freed memory, and crash the process that both share. Wrap every
 * exposed function that reaches native code, this addon's or any other's. The check takes a few nanoseconds.
 *
 * The error has the `code` `ABORT_ERR` (contextBridge drops codes, and keeps the message). If the addon cannot be
 * loaded, the function throws why.
 */
export function whileAlive<Arguments extends unknown[], Result>(
  fn: (...args: Arguments) => Result,
): (...args: Arguments) => Result;
