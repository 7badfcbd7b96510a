// Windows that a page opens. One without noopener runs in the page's process, on the page's event loop.

import { page } from './connection.mjs';

/** @import { Context } from './page.mjs' */

/** @param {Context} context @param {boolean} alone */
export async function makePopup({ below, pause, fault }, alone) {
  for (;;) {
    const popup = open(`/popup?${alone ? 'alone' : 'opened'}`, '_blank', alone ? 'popup,noopener' : 'popup');
    if (!alone && !popup) fault('popup-opener: it was not opened');
    await pause(300 + below(700));
    popup?.close(); // one with noopener closes itself
    await pause(below(300));
  }
}

/** @param {Context} context */
export async function makePopupPreload({ below, pause }) {
  for (;;) {
    const popup = open('/popup?preload', '_blank', 'popup');
    await pause(1000 + below(500));
    popup?.close();
    await pause(500);
  }
}

/**
 * Leaves functions that reach native code where the popup finds them, and goes. The popup calls them then, and closes.
 * @param {Context} context
 */
export async function makePopupGone({ count, pause, report }) {
  await pause(5000); // the popup of the page before has closed
  const kept = [page.shared(256).exchange, count];
  for (const call of kept) call();
  Object.assign(globalThis, { kept });
  open('/popup?gone', '_blank', 'popup');
  await pause(1500);
  report();
  location.reload();
}
