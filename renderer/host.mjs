// What the preload gives this page: the connection to the libraries, which a document has once, and the bridge of the
// app.

import { connect } from '../lib/page.mjs';
import { byId, setTexts } from './dom.mjs';

export const { host } = /** @type {{ host: import('./preload.js').Host }} */ (/** @type {unknown} */ (globalThis));
export const { exchange, allocate, frames, stream } = connect();

// SECURITY: the Content-Security-Policy allows one trusted-types policy. It is created here, for the scripts of two
// workers, before another script could create it, and no reference to it is kept.
const { trustedTypes } = /** @type {any} */ (globalThis);
/** The scripts of the workers that draw, in the panels Live and Streams. */
export const [drawScript, showScript] = ((policy) => ['live', 'streams'].map((name) => policy.createScriptURL(name)))(
  trustedTypes.createPolicy('inplace-exchange', {
    createScriptURL: (/** @type {string} */ name) => `/renderer/${name === 'live' ? name : 'streams'}/draw.mjs`,
  }),
);

/** A library of this app, in this process or in its own. @typedef {'default' | 'live' | 'default-own' | 'live-own'} LibraryKey */

/** @type {Set<string>} */
const opened = new Set();
/** @type {Map<string, Promise<void>>} */
const opening = new Map();

/** The code of the error with which a library was last not opened. @type {Map<string, string>} */
export const openErrors = new Map();

/** Whether an exchange with the library has succeeded on this page. @param {string} library */
export const isOpen = (library) => opened.has(library);

/**
 * Makes a library's first exchange, which opens it. Concurrent calls share one attempt. The main process is notified
 * first: if opening the library kills this page's process, it is not reopened automatically. In a process of its own it
 * cannot do that, and once it is open there, it may be opened automatically again.
 * @param {LibraryKey} library @param {() => Promise<unknown>} firstExchange
 */
export async function openLibrary(library, firstExchange) {
  if (opened.has(library)) return;
  const attempt = opening.get(library) ?? attemptToOpen(library, firstExchange);
  opening.set(library, attempt);
  await attempt.finally(() => opening.delete(library));
}

/** @param {LibraryKey} library @param {() => Promise<unknown>} firstExchange */
async function attemptToOpen(library, firstExchange) {
  const name = library.startsWith('live') ? 'live' : 'default';
  const isHere = library === name;
  if (isHere) await host.opening(name);
  try {
    await firstExchange();
    opened.add(library);
    if (!isHere && !opening.has(name)) await host.opened(name);
  } catch (error) {
    openErrors.set(library, /** @type {{ code?: string }} */ (error).code ?? 'ERR_ADDON');
    throw error;
  } finally {
    if (isHere) await host.opened(name);
  }
}

/** The codes of errors about a library's file or its path. */
const LOAD_ERRORS = ['PATH', 'NOT_FOUND', 'LOAD', 'SYMBOL', 'ABI'].map((what) => `ERR_LIBRARY_${what}`);

/** What the user presses to go on. */
const BUTTONS = { default: 'Exchange Data', live: 'Play', streams: 'Play' };

/**
 * Shows an error in the element `place`, with what to do next in this window. If the file of the library is at fault
 * and an environment variable names it, the message says so.
 * @param {string} place @param {unknown} error @param {keyof typeof BUTTONS} library
 */
export function showError(place, error, library) {
  const { code = 'ERR_ADDON', message } = /** @type {{ code?: string, message: string }} */ (error);
  setTexts({ [`${place}-code`]: code, [`${place}-message`]: [message, nextStep(code, library)].join(' ').trimEnd() });
  byId(place).hidden = false;
}

/** @param {string} code @param {keyof typeof BUTTONS} library */
function nextStep(code, library) {
  if (code === 'ERR_LIBRARY_CRASHED') return `This page goes on: press ${BUTTONS[library]}.`;
  if (code === 'ERR_LIBRARY_STOPPED') return `Press ${BUTTONS[library]} then.`;
  const variable = LOAD_ERRORS.includes(code) && library !== 'streams' ? host.runtime.named[library] : undefined;
  return variable ? `It is what ${variable} names: an absolute path is expected there.` : '';
}
