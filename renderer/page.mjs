// The page: a button, and what came of it. It owns the memory and lends it to the library. It has no Node and no native
// code, only what the preload exposes.

import { connect } from './connect.mjs';

const { host } = /** @type {{ host: import('./preload.js').Host }} */ (/** @type {unknown} */ (globalThis));
const { allocate, exchange } = connect();

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

const button = /** @type {HTMLButtonElement} */ (byId('exchange'));
const anotherThread = /** @type {HTMLInputElement} */ (byId('another-thread'));
const integer = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const threeDigits = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** A call that takes longer than this shows that it is being made, and can be cancelled. */
const NOTICED_MS = 100;
/** A quick exchange is made this often, and its time is the median: the first one waits for the press to be drawn. */
const TIMES = 21;
const QUICK_MS = 5;
/** As much of a message as is shown. */
const SHOWN_BYTES = 64 * 1024;

let memory = allocate(4096).buffer;
let presses = 0;
let isOpen = false;
/** @type {AbortController | undefined} */
let running;
let offersCancel = false;

button.addEventListener('click', () => {
  if (offersCancel) running?.abort();
  else if (!running) work('the library is working', press);
});

/**
 * Does it. Once that takes a while, the page says so, and it can be cancelled.
 * @param {string} what @param {(signal: AbortSignal) => Promise<void>} action
 */
async function work(what, action) {
  running = new AbortController();
  const started = performance.now();
  const clock = setInterval(() => {
    byId('time').textContent = `${((performance.now() - started) / 1000).toFixed(1)} s`;
    byId('call').textContent = what;
    offer('Cancel');
  }, NOTICED_MS);
  anotherThread.disabled = true;
  try {
    await action(running.signal);
  } catch (error) {
    fail(error);
  } finally {
    clearInterval(clock);
    running = undefined;
    anotherThread.disabled = false;
    offer('Exchange Data');
  }
}

/** @param {'Exchange Data' | 'Cancel'} what the button does when it is pressed next */
function offer(what) {
  offersCancel = what === 'Cancel';
  button.textContent = what;
  button.disabled = false;
}

/** @param {AbortSignal} signal */
async function press(signal) {
  const thread = anotherThread.checked ? 'worker' : 'main';
  await open(signal);
  const exchanged = [await exchangeOnce({ thread, signal })];
  while (exchanged[0].milliseconds < QUICK_MS && exchanged.length < TIMES)
    exchanged.push(await exchangeOnce({ thread, signal }));
  show(exchanged);
}

/**
 * The first exchange opens the library, and the main process is told before: should this page's process not survive it,
 * the library is not opened again unasked.
 * @param {AbortSignal} signal
 */
async function open(signal) {
  if (isOpen) return;
  await host.opening();
  try {
    await exchangeOnce({ signal });
    isOpen = true;
  } finally {
    await host.opened();
  }
}

/** Before the first press, so that this one shows what a call takes. @param {AbortSignal} signal */
async function openEarly(signal) {
  try {
    await open(signal);
  } catch (error) {
    if (signal.aborted) throw error;
    // Otherwise the first press shows what is wrong.
  }
  byId('time').textContent = '–';
  byId('call').textContent = 'press the button';
}

/** @typedef {{ bytes: Uint8Array, milliseconds: number }} Exchanged */

/** With memory of the right size. @param {import('./types/page.mjs').ExchangeOptions} options @returns {Promise<Exchanged>} */
async function exchangeOnce(options) {
  try {
    return await lend(options);
  } catch (error) {
    const { code, required } = /** @type {{ code?: string, required?: number }} */ (error);
    if (code !== 'ERR_BUFFER_TOO_SMALL' || required === undefined) throw error;
    memory = allocate(required).buffer;
    return lend(options);
  }
}

/** @param {import('./types/page.mjs').ExchangeOptions} options @returns {Promise<Exchanged>} */
async function lend(options) {
  const started = performance.now();
  try {
    const bytes = await exchange(memory, options);
    const milliseconds = performance.now() - started;
    memory = bytes.buffer; // the same memory, given back
    return { bytes, milliseconds };
  } catch (error) {
    memory = /** @type {{ buffer?: Uint8Array }} */ (error).buffer?.buffer ?? allocate(4096).buffer;
    throw error;
  }
}

/** @param {Exchanged[]} exchanged the same, so many times */
function show(exchanged) {
  const { bytes } = exchanged[exchanged.length - 1]; // those before it have been lent again
  const times = exchanged.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);

  // A copy of what is shown: text is not made of shared memory. Where it is cut, half a character is left out.
  const cut = bytes.length > SHOWN_BYTES;
  const text = new TextDecoder().decode(bytes.slice(0, SHOWN_BYTES), { stream: cut });
  byId('text').textContent = text.replaceAll('\0', '␀') + (cut ? ' …' : ''); // a NUL has no picture of its own
  byId('text').hidden = false;
  byId('error').hidden = true;
  byId('hint').hidden = true;
  presses += 1;
  byId('written').textContent = `${integer.format(bytes.length)} B`;
  byId('lent').textContent = `${integer.format(memory.byteLength)} B`;
  byId('time').textContent = duration(times[times.length >> 1]);
  const note = times.length > 1 ? `, median of ${times.length}` : '';
  byId('call').textContent = `press ${integer.format(presses)}${note}`;
}

/** @param {unknown} error */
function fail(error) {
  const { code = 'ERR_ADDON', message } = /** @type {{ code?: string, message: string }} */ (error);
  showError(code, message);
  byId('text').hidden = true;
  for (const id of ['written', 'lent', 'time']) byId(id).textContent = '–';
  byId('call').textContent = 'failed';
}

/** @param {string} code @param {string} message */
function showError(code, message) {
  byId('error-code').textContent = code;
  byId('error-message').textContent = message;
  byId('error').hidden = false;
  byId('hint').hidden = true;
}

/** @param {number} milliseconds */
function duration(milliseconds) {
  return milliseconds < 1 ? `${threeDigits.format(milliseconds * 1000)} µs` : `${threeDigits.format(milliseconds)} ms`;
}

/** @param {string} id @param {boolean | undefined} yes @param {string} text */
function fact(id, yes, text) {
  byId(id).textContent = text;
  byId(id).dataset.ok = String(yes === true);
}

const { electron, chromium, contextIsolated, externalBuffersAllowed } = host.runtime;
byId('versions').textContent = `Electron ${electron}, Chromium ${chromium}`;
fact('fact-isolated', contextIsolated, contextIsolated ? 'Context isolation on' : 'Context isolation off');
fact('fact-node', !('require' in globalThis), 'require' in globalThis ? 'Node in the page' : 'No Node in the page');
fact('fact-origin', crossOriginIsolated, crossOriginIsolated ? 'Cross-origin isolated' : 'Not cross-origin isolated');
fact(
  'fact-cage',
  externalBuffersAllowed === false,
  externalBuffersAllowed === undefined
    ? 'Memory cage unknown: no addon'
    : externalBuffersAllowed
      ? 'Memory cage off'
      : 'Memory cage on',
);

const { news, mayOpen } = await host.start();
if (news) showError(news.title, news.text);
if (mayOpen) await work('the library is being opened', openEarly);
offer('Exchange Data');
button.focus();
performance.mark('usable');
