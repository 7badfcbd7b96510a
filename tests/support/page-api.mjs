// The fixture app with isolated windows, and helpers for its pages.

import assert from 'node:assert/strict';
import path from 'node:path';
import { _electron } from 'playwright-core';
import { electronFlags } from '../../scripts/lib/electron.mjs';
import { killOnExit } from '../../scripts/lib/process-tree.mjs';

const APP = path.join(import.meta.dirname, '..', 'fixtures', 'page-api');

/**
 * The globals of the page, for functions that tests evaluate in it: link is the result of connect(), the others are
 * defined in tests/fixtures/page-api/page.html.
 * @type {{
 *   link: import('../../lib/types/page.mjs').Exchange,
 *   loaded: Promise<typeof import('../../lib/page.mjs')>,
 *   facts(error: unknown): any,
 *   outcome(call: () => unknown): Promise<any>,
 *   whereIs(memory: ArrayBufferLike): Promise<[bigint, ArrayBufferLike]>,
 *   rawPort(): { post(message: unknown, transfer?: Transferable[]): void, next(): Promise<any> },
 *   heard: unknown[],
 * }}
 */
export const { link, loaded, facts, outcome, whereIs, rawPort, heard } = /** @type {any} */ (globalThis);

/** @param {Record<string, string>} [environment] */
export async function launch(environment = {}) {
  const app = await _electron.launch({
    args: [...electronFlags(), '--js-flags=--expose-gc', APP],
    env: /** @type {Record<string, string>} */ ({ ...process.env, ...environment }),
  });
  killOnExit(app.process());
  const page = await app.firstWindow();
  await page.waitForURL((url) => url.protocol !== 'about:'); // before that, the page cannot be reloaded
  return { app, page };
}

/** @typedef {Awaited<ReturnType<typeof launch>>} Opened */

/**
 * @param {Opened} opened @param {string} url
 * @param {import('../fixtures/page-api/main.js').WindowOptions} [options]
 */
export async function openPage({ app }, url, options) {
  const opening = app.waitForEvent('window');
  await app.evaluate(
    (_, [url, options]) => /** @type {any} */ (globalThis).openWindow(url, options),
    /** @type {const} */ ([url, options]),
  );
  return opening;
}

/** @param {import('playwright-core').Page} page */
export const connect = (page) =>
  page.evaluate(async () => {
    Object.assign(globalThis, { link: (await loaded).connect() });
  });

/** @param {import('playwright-core').Page} page */
export const connectOutcome = (page) =>
  page.evaluate(async () => {
    const { connect } = await loaded;
    try {
      return Object.keys(connect());
    } catch (error) {
      return facts(error).code;
    }
  });

/**
 * Launches the app for the tests of this block, and reloads its page before each.
 * @param {(opened: Opened) => void} use
 */
export function appForAll(use) {
  /** @type {Opened} */
  let opened;
  before(async () => {
    opened = await launch();
    use(opened);
  });
  after(() => opened?.app.close());
  beforeEach(async () => {
    await opened.page.reload();
  });
  afterEach(async () => {
    assert.deepEqual(
      await opened.app.evaluate(() => /** @type {any} */ (globalThis).gone),
      [],
      'no renderer process has ended',
    );
  });
}
