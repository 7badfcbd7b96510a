// What the panels share: the connection to the libraries, which a page has once, and what the preload of this app adds.

import { connect } from '../lib/page.mjs';

export const { host } = /** @type {{ host: import('./preload.js').Host }} */ (/** @type {unknown} */ (globalThis));
export const { exchange, allocate, frames } = connect();

// SECURITY: this page may start one worker. The policy is made here, before anybody else could, and is not kept.
const { trustedTypes } = /** @type {any} */ (globalThis);
/** The script of that worker. */
export const drawScript = trustedTypes
  .createPolicy('inplace-exchange', { createScriptURL: () => '/renderer/live/draw.mjs' })
  .createScriptURL('');

/** @param {string} id */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {string} id */
export const inputById = (id) => /** @type {HTMLInputElement} */ (byId(id));

/** @param {string} name of radio buttons @returns {string} the value of the one that is checked */
export const chosen = (name) =>
  /** @type {HTMLInputElement} */ (document.querySelector(`input[name=${name}]:checked`)).value;

/** @type {Set<string>} */
const opened = new Set();
/** @type {Map<string, Promise<void>>} */
const beingOpened = new Map();

/** Whether an exchange with it has succeeded on this page. @param {string} library */
export const isOpen = (library) => opened.has(library);

/**
 * Makes a library's first exchange, which opens it; once at a time, whoever asks. The main process is told before: should
 * this page's process not survive it, the library is not opened again unasked.
 * @param {'default' | 'live'} library @param {() => Promise<unknown>} first
 */
export async function open(library, first) {
  if (opened.has(library)) return;
  const opening = beingOpened.get(library) ?? openNow(library, first);
  beingOpened.set(library, opening);
  await opening.finally(() => beingOpened.delete(library));
}

/** @param {'default' | 'live'} library @param {() => Promise<unknown>} first */
async function openNow(library, first) {
  await host.opening(library);
  try {
    await first();
    opened.add(library);
  } catch (error) {
    notOpened.set(library, /** @type {{ code?: string }} */ (error).code ?? 'ERR_ADDON');
    throw error;
  } finally {
    await host.opened(library);
  }
}

/** By library, the code of what kept it from being opened. @type {Map<string, string>} */
export const notOpened = new Map();

/**
 * Shows what went wrong, beside what went wrong.
 * @param {string} place @param {unknown} error
 * @param {'default' | 'live'} library where a variable named it, that is said when it could not be loaded
 */
export function showError(place, error, library) {
  const { code = 'ERR_ADDON', message } = /** @type {{ code?: string, message: string }} */ (error);
  const variable = LOADING.includes(code) ? host.runtime.named[library] : undefined;
  byId(`${place}-code`).textContent = code;
  byId(`${place}-message`).textContent = variable
    ? `${message} It is what ${variable} names: an absolute path is expected there.`
    : message;
  byId(place).hidden = false;
}

/** What can be wrong with a library's file, or the name of it. */
const LOADING = ['PATH', 'NOT_FOUND', 'LOAD', 'SYMBOL', 'ABI'].map((what) => `ERR_LIBRARY_${what}`);

const integer = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const threeDigits = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** @param {number} count */
export const whole = (count) => integer.format(count);

/** @param {number} count */
export const bytes = (count) => `${integer.format(count)} B`;

/** @param {number} value */
export const short = (value) => threeDigits.format(value);

/** @param {number} milliseconds */
export const duration = (milliseconds) =>
  milliseconds < 1 ? `${short(milliseconds * 1000)} µs` : `${short(milliseconds)} ms`;

/** @param {number[]} values in order */
export const median = (values) => values[values.length >> 1];
