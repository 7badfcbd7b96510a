// Helpers for tests of the window: open it, go to a panel, press a button, read text.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import { openWindow } from '../../scripts/lib/window.mjs';

const require = createRequire(import.meta.url);
const AXE = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** @typedef {Awaited<ReturnType<typeof openWindow>>} Window */
/** @typedef {import('playwright-core').Page} Page */

/** Opens a window for the tests of this block. @param {Record<string, string>} [environment] */
export function windowForAll(environment) {
  const opened = /** @type {Window} */ ({});
  before(async () => {
    Object.assign(opened, await openWindow({ environment }));
    await opened.page.locator('#exchange:focus').waitFor();
  });
  after(() => opened.app?.close());
  return opened;
}

/**
 * Opens a window for one test.
 * @param {Record<string, string>} environment @param {(page: Page, window: Window) => Promise<void>} test
 */
export const inWindow = (environment, test) => async () => {
  const window = await openWindow({ environment });
  try {
    await window.page.locator('#exchange:focus').waitFor();
    await test(window.page, window);
  } finally {
    await window.app.close();
  }
};

/** @param {Page} page @param {string} name */
export const go = (page, name) => page.getByRole('link', { name }).click();

/** @param {Page} page */
export const press = (page) => page.getByRole('button', { name: 'Exchange Data' }).click();

/** @param {Page} page @param {string} id */
export const textOf = (page, id) => page.locator(`#${id}`).innerText();

/** @param {Page} page @param {string} name of a radio button */
export const choose = (page, name) => page.getByText(name, { exact: true }).click();

/** Presses the button, and waits for the outcome of that press. @param {Page} page @param {number} number */
export async function pressed(page, number) {
  await press(page);
  await page.locator('#call', { hasText: new RegExp(`^press ${number}\\b`) }).waitFor();
}

/** Waits for a visible error, and returns it. @param {Page} page */
export async function shownError(page, place = 'error') {
  await page.locator(`#${place}:visible`).waitFor();
  return { code: await textOf(page, `${place}-code`), message: await textOf(page, `${place}-message`) };
}

/** The violations that axe-core reports, with all of its rules. @param {Page} page */
export async function violations(page) {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { violations } = await /** @type {any} */ (globalThis).axe.run(document, {
      resultTypes: ['violations'],
    });
    return violations.map(
      (/** @type {any} */ { id, nodes }) => `${id}: ${nodes.map((/** @type {any} */ n) => n.html)}`,
    );
  });
}
