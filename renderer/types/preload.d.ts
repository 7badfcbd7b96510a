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
   * The origins of the documents that get it, such as `'app://my-app'`. Left out: whatever this window shows, which is right
   * only for a window that cannot be navigated elsewhere.
   */
  origins?: string[];
}

/**
 * Lets the page of this window exchange data with native libraries; the page calls `connect()` of
 * `inplace-exchange/page`. One connection for each document, and none for frames in it. A window that a page opened with
 * `window.open` gets nothing either, as it shares the page's process (with `noopener` it has its own, and gets it).
 *
 * Call it at the top of the preload script. It must listen before any script of the page does, or that one would be
 * handed the same port. Context isolation must be on, and `sandbox: false` set, as a sandboxed preload cannot load any
 * native addon.
 */
export function expose(options?: ExposeOptions): void;
