// Windows that a page opens. One without noopener runs in the page's process, on the page's event loop.

import { page } from './connection.mjs';

/** @import { Context } from './page.mjs' */

/** @param {Context} context @param {boolean} alone */
export async function loadPopups({ below, pause, fault }, alone) {
  for (;;) {
    const popup = open(`/popup?${alone ? 'alone' : 'opened'}`, '_blank', alone ? 'popup,noopener' : 'popup');
    if (!alone && !popup) fault('popup-opener: the popup was not opened');
    await pause(300 + below(700));
    popup?.close(); // one with noopener closes itself
    await pause(below(300));
  }
}

/** @param {Context} context */
export async function loadPopupPreload({ below, pause }) {
  for (;;) {
    const popup = open('/popup?preload', '_blank', 'popup');
    await pause(1000 + below(500));
    popup?.close();
    await pause(500);
  }
}

/**
 * Gives functions that call native code to a popup, and reloads the page. The popup then calls them, and closes.
 * @param {Context} context
 */
export async function loadPopupGone({ soak, report, pause }) {
  await pause(2000); // the popup of the previous page has closed
  const kept = [page.shared(256).exchange, soak.count];
  for (const call of kept) call();
  await new Promise((taken) => {
    Object.assign(globalThis, { kept, taken });
    open('/popup?gone', '_blank', 'popup');
  });
  report();
  location.reload();
}
