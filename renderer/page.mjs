// The page of the window: four panels, one of which is visible. It has no Node.js and no native code, only what the
// preload exposes.

import { byId } from './dom.mjs';
import { host } from './host.mjs';
import { start } from './panels/exchange.mjs';

/** @typedef {{ enter(): void, leave(): void }} Panel */

/** Loads a panel at its first visit. @type {Record<string, () => Promise<Panel>>} */
const panels = {
  exchange: async () => ({ enter() {}, leave() {} }),
  live: async () => (await import('./panels/live.mjs')).panel(notices.live, !quarantined.includes('live')),
  streams: async () => (await import('./panels/streams.mjs')).panel(),
  about: async () => (await import('./panels/about.mjs')).panel(),
};
/** @type {Map<string, Promise<Panel>>} */
const loaded = new Map();
let current = 'exchange';

/** @param {string} name */
function panel(name) {
  const known = loaded.get(name) ?? panels[name]();
  loaded.set(name, known);
  return known;
}

/** Shows the panel that the address names. */
async function show() {
  const name = location.hash.slice(2);
  const next = Object.hasOwn(panels, name) ? name : 'exchange';
  const previous = current;
  current = next;
  for (const id of Object.keys(panels)) byId(`panel-${id}`).hidden = id !== next;
  for (const link of document.querySelectorAll('[data-panel]')) {
    if (link.getAttribute('data-panel') !== next) link.removeAttribute('aria-current');
    else {
      link.setAttribute('aria-current', 'page');
      document.title = `${link.textContent} – Inplace Exchange`;
    }
  }
  // The focused element may have been hidden with its panel.
  if (previous !== next && document.activeElement === document.body) byId(`panel-${next}`).focus();
  if (previous !== next) (await panel(previous)).leave();
  const entered = await panel(next);
  if (current === next) entered.enter();
}

const { notices, quarantined } = await host.start();
globalThis.addEventListener('hashchange', show);
show();
await start(notices.exchange, !quarantined.includes('default'));
performance.mark('usable');
