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
/** As much of a message as is shown. */
const SHOWN_BYTES = 64 * 1024;

let memory = allocate(4096).buffer;
let calls = 0;
/** @type {AbortController | undefined} */
let running;
/** @type {Promise<void> | undefined} */
let opened;

button.addEventListener('click', () => {
  if (running) running.abort();
  else press();
});

async function press() {
  running = new AbortController();
  const thread = anotherThread.checked ? 'worker' : 'main';
  const started = performance.now();
  const clock = setInterval(() => {
    byId('time').textContent = `${((performance.now() - started) / 1000).toFixed(1)} s`;
    byId('call').textContent = 'the library is working';
    button.textContent = 'Cancel';
  }, NOTICED_MS);
  anotherThread.disabled = true;
  try {
    await open();
    show(await exchangeOnce({ thread, signal: running.signal }));
  } catch (error) {
    fail(error);
  } finally {
    running = undefined;
    clearInterval(clock);
    anotherThread.disabled = false;
    button.textContent = 'Exchange Data';
  }
}

/** The first exchange opens the library: done before the first press, that one shows what a call takes. */
function open() {
  opened ??= (async () => {
    await host.opening();
    try {
      await exchangeOnce({});
    } catch {
      // The press that follows says what is wrong.
    } finally {
      await host.opened();
    }
  })();
  return opened;
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

/** @param {Exchanged} exchanged */
function show({ bytes, milliseconds }) {
  // A copy of what is shown: text is not made of shared memory.
  const text = new TextDecoder().decode(bytes.slice(0, SHOWN_BYTES));
  byId('text').textContent = text.replaceAll('\0', '␀'); // a NUL has no picture of its own
  byId('text').hidden = false;
  byId('error').hidden = true;
  byId('hint').hidden = true;
  calls += 1;
  byId('written').textContent = `${integer.format(bytes.length)} B`;
  byId('lent').textContent = `${integer.format(memory.byteLength)} B`;
  byId('time').textContent = duration(milliseconds);
  byId('call').textContent = `call ${integer.format(calls)}`;
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

const { whatHappened, mayOpen } = await host.start();
if (whatHappened) showError('The page was started again', whatHappened);
if (mayOpen) await open();
button.disabled = false;
button.focus();
performance.mark('usable');
