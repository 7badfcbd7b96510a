// What a preload is given by `inplace-exchange/preload`.

import type { ExchangeLibrary } from '../../index.js';

export interface ExposeOptions {
  /**
   * Which libraries the page may use, each by the key with which the page names it: an absolute path (opened when the
   * page first uses it), what `openLibrary` gave, or the addon itself for the library that ships with it. Left out: that
   * one alone, as `default`.
   */
  libraries?: Record<string, string | Pick<ExchangeLibrary, 'exchangeDataInPlace' | 'exchangeDataAsync'>>;
  /**
   * The origins of the documents that get it, as they call themselves: `'app://my-app'`, `'http://localhost:5173'`,
   * `'file://'` for all files. A window runs its preload again for whatever it is navigated to, and only these documents
   * are exposed anything. `'*'` is any document.
   */
  origins: string[] | '*';
}

/**
 * Lets the page of this window exchange data with native libraries; the page calls `connect()` of
 * `inplace-exchange/page`. One connection for each document, and none for frames in it.
 *
 * Call it at the top of the preload script. It must listen before any script of the page does, or that one would be
 * handed the same port, and it loads the addon, which relies on what it finds in this world. Context isolation must be
 * on, and `sandbox: false` set, as a sandboxed preload cannot load any native addon.
 *
 * A window that a page opened with `window.open` shares the page's process. There, exchanges on other threads are refused
 * (`ERR_EVENT_LOOP`) before Electron 44; with `noopener` it has a process of its own.
 *
 * Throws a TypeError with a `code`, in whatever document it is called: `ERR_INVALID_ARG_TYPE` without `origins`, and
 * `ERR_INVALID_ARG_VALUE` for an entry that is no origin, such as one with a path.
 */
export function expose(options: ExposeOptions): void;

/**
 * The same function, for a bridge of one's own to expose: it throws once its page has gone, in place of calling `fn`.
 *
 * Without it, a page that holds such a function of another page (a window that it has opened, after a reload of its own)
 * can crash the process that both share: native code that belongs to the page that has gone is called through freed
 * memory. Wrap every exposed function that reaches native code, this addon's or any other's. It costs a few nanoseconds.
 *
 * The error has the `code` `ABORT_ERR` (contextBridge drops codes, and keeps the message). Where the addon cannot be
 * loaded, the function throws why.
 */
export function whileAlive<Arguments extends unknown[], Result>(
  fn: (...args: Arguments) => Result,
): (...args: Arguments) => Result;
