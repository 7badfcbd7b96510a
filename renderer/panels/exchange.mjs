// The first panel: a button, and what came of it. The page owns the memory and lends it to the library.

import { HexView } from '../hex-view.mjs';
import {
  allocate,
  byId,
  bytes,
  chosen,
  duration,
  exchange,
  inputById,
  median,
  open,
  showError,
  whole,
} from '../host.mjs';

const KiB = 1024;
const MiB = 1024 * KiB;

/** A library that asks for more than this is not given it. */
const MOST_BYTES = 256 * MiB;

/** What memory begins with that native-lib is to fill to its end. Another library may take it as it likes. */
const FILL = new TextEncoder().encode('fill');

/** A call that takes longer than this shows that it is being made, and can be cancelled. */
const NOTICED_MS = 100;
/** A quick exchange is made this often, and its time is the median: the first one waits for the press to be drawn. */
const TIMES = 21;
const QUICK_MS = 5;
/** As much of a message as is shown as text. */
const SHOWN_BYTES = 64 * KiB;

const OWN = byId('grown').textContent;
const STAYS = byId('addresses').textContent;

const button = /** @type {HTMLButtonElement} */ (byId('exchange'));
const size = /** @type {HTMLSelectElement} */ (byId('size'));
const onWorker = inputById('worker-thread');
const hex = new HexView(byId('hex'));

/** The size for which the memory was allocated. It has grown if the library asked for more. */
let chosenSize = Number(size.value);
/** The page's own. @type {ArrayBufferLike} */
let memory = allocate(chosenSize).buffer;
let presses = 0;
/** @type {AbortController | undefined} */
let running;
let offersCancel = false;

byId('exchange-form').addEventListener('submit', (event) => {
  event.preventDefault();
  if (!running) work('the library is working', press);
  else if (offersCancel) cancel(running);
});
// One exchange for a double click, and for a key that is held: what comes after is not meant for Cancel.
button.addEventListener('click', (event) => {
  if (event.detail > 1) event.preventDefault();
});
button.addEventListener('keydown', (event) => {
  if (event.repeat) event.preventDefault();
});
for (const choice of document.querySelectorAll('input[name=view]')) choice.addEventListener('change', showView);

/**
 * @param {{ title: string, text: string } | undefined} notice what is shown first
 * @param {boolean} mayOpen whether the library is opened unasked
 */
export async function start(notice, mayOpen) {
  if (notice) fail({ code: notice.title, message: notice.text });
  if (mayOpen) await work('the library is being opened', openEarly);
  offer('Exchange Data');
  if (document.activeElement === document.body) button.focus();
}

/** What the page says of what is being done. */
let doing = '';

/**
 * Does it. Once that takes a while, the page says so, and it can be cancelled.
 * @param {string} what @param {(signal: AbortSignal) => Promise<void>} action
 */
async function work(what, action) {
  running = new AbortController();
  const { signal } = running;
  doing = what;
  const started = performance.now();
  const clock = setInterval(() => {
    byId('time').textContent = `${((performance.now() - started) / 1000).toFixed(1)} s`;
    byId('call').textContent = doing;
    if (!offersCancel) announce(`After a moment still: ${what}. Press again to cancel.`);
    offer('Cancel');
  }, NOTICED_MS);
  hex.away();
  try {
    await action(signal);
  } catch (error) {
    if (signal.aborted) hint('Cancelled. The memory is the page’s again.');
    else fail(error);
    for (const id of ['written', 'lent', 'time', 'copied']) byId(id).textContent = '–';
    byId('call').textContent = signal.aborted ? 'cancelled' : 'failed';
    byId('grown').textContent = OWN;
    byId('addresses').textContent = STAYS;
  } finally {
    clearInterval(clock);
    running = undefined;
    offer('Exchange Data');
  }
}

/** @param {AbortController} exchange */
function cancel(exchange) {
  exchange.abort();
  doing = 'asked to stop; if the library does not, reload the window (Ctrl+R)';
  announce('Asked to stop.');
}

/** @param {'Exchange Data' | 'Cancel'} what the button does when it is pressed next */
function offer(what) {
  offersCancel = what === 'Cancel';
  button.textContent = what;
  button.disabled = false;
}

/** To those who do not see it. @param {string} text */
function announce(text) {
  byId('announcement').textContent = text;
}

/** The first exchange, before the first press: that one then shows what a call takes. @param {AbortSignal} signal */
async function openEarly(signal) {
  await open('default', () => fitting({ signal }));
  byId('time').textContent = '–';
  byId('call').textContent = 'press the button';
}

/** @param {AbortSignal} signal */
async function press(signal) {
  const thread = onWorker.checked ? 'worker' : 'main';
  const fill = chosen('ask') === 'fill';
  const length = Number(size.value);
  if (length !== chosenSize) {
    memory = allocate(length).buffer;
    chosenSize = length;
  }
  await open('default', () => fitting({ signal })); // on another thread, where it can be cancelled
  const before = await addressNow();
  const first = await fitting({ thread, signal }, fill);
  const exchanged = [first];
  while (exchanged[0].milliseconds < QUICK_MS && exchanged.length < TIMES)
    exchanged.push(await lend({ thread, signal }, fill));
  const { length: written } = exchanged[exchanged.length - 1].bytes; // those before it have been lent again, as this will
  const after = await addressNow();
  const times = exchanged.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  show({ length: written, times, before: first.movedTo ?? before, after });
}

/** @typedef {{ bytes: Uint8Array, milliseconds: number, movedTo?: bigint }} Exchanged */

/**
 * With memory of the right size: a library that asks for more is given it, once.
 * @param {import('../../lib/types/page.mjs').ExchangeOptions} options @param {boolean} [fill] @returns {Promise<Exchanged>}
 */
async function fitting(options, fill) {
  try {
    return await lend(options, fill);
  } catch (error) {
    const { code, required } = /** @type {{ code?: string, required?: number }} */ (error);
    if (code !== 'ERR_BUFFER_TOO_SMALL' || required === undefined) throw error;
    if (required > MOST_BYTES)
      throw { code, message: `The message needs ${bytes(required)}. This window lends ${bytes(MOST_BYTES)} at most.` };
    memory = allocate(required).buffer;
    try {
      const movedTo = await addressNow();
      return { ...(await lend(options, fill)), movedTo };
    } catch (error) {
      memory = allocate(chosenSize).buffer; // the next press begins anew
      throw error;
    }
  }
}

/**
 * @param {import('../../lib/types/page.mjs').ExchangeOptions} options
 * @param {boolean} [fill] whether the library is asked to fill all of it
 * @returns {Promise<Exchanged>}
 */
async function lend(options, fill = false) {
  new Uint8Array(memory, 0, Math.min(FILL.length, memory.byteLength)).set(fill ? FILL : new Uint8Array(FILL.length));
  const started = performance.now();
  const bytes = await given(exchange(memory, options));
  return { bytes, milliseconds: performance.now() - started };
}

/** The memory is the page's again, whatever came of it. @param {Promise<Uint8Array>} answer */
async function given(answer) {
  try {
    const bytes = await answer;
    memory = bytes.buffer;
    return bytes;
  } catch (error) {
    memory = /** @type {{ buffer?: Uint8Array }} */ (error).buffer?.buffer ?? allocate(chosenSize).buffer;
    throw error;
  }
}

/** Where native code sees the memory. It is told in the first bytes, which are put back. @returns {Promise<bigint>} */
async function addressNow() {
  const start = new Uint8Array(memory, 0, 8).slice();
  await given(exchange(memory, { library: 'address', thread: 'main' }));
  const address = new DataView(memory).getBigUint64(0, true);
  new Uint8Array(memory).set(start);
  return address;
}

/** @param {{ length: number, times: number[], before: bigint, after: bigint }} exchanged */
function show({ length, times, before, after }) {
  // A copy of what is shown: text is not made of shared memory. Where it is cut, half a character is left out.
  const cut = length > SHOWN_BYTES;
  const text = new TextDecoder().decode(new Uint8Array(memory, 0, Math.min(length, SHOWN_BYTES)).slice(), {
    stream: cut,
  });
  byId('text').textContent = legible(text) + (cut ? ` … (${bytes(SHOWN_BYTES)} of ${bytes(length)})` : '');
  hex.show(new Uint8Array(memory, 0, length));
  byId('error').hidden = true;
  byId('hint').hidden = true;
  if (length > 0) showView();
  else hint('The library wrote nothing.');

  presses += 1;
  const took = duration(median(times));
  const copied = bytes(before === after ? 0 : length);
  byId('copied').parentElement?.toggleAttribute('data-moved', before !== after);
  byId('written').textContent = bytes(length);
  byId('lent').textContent = bytes(memory.byteLength);
  byId('grown').textContent = memory.byteLength === chosenSize ? OWN : `${bytes(chosenSize)} was too small for it`;
  byId('time').textContent = took;
  byId('call').textContent =
    `press ${whole(presses)}${times.length > 1 ? `: median of ${times.length} exchanges` : ''}`;
  byId('copied').textContent = copied;
  byId('addresses').textContent = `0x${before.toString(16)} before\n0x${after.toString(16)} after`;
  announce(`Press ${presses}: ${bytes(length)} written, ${copied} copied, round trip ${took}.`);
}

/** Zero bytes have no picture of their own. @param {string} text */
const legible = (text) =>
  text.replace(/\0+/g, ({ length }) => (length < 4 ? '·'.repeat(length) : `⟨${whole(length)} zero bytes⟩`));

function showView() {
  if (!byId('hint').hidden || !byId('error').hidden) return;
  const view = chosen('view');
  byId('text').hidden = view !== 'text';
  byId('hex').hidden = view !== 'hex';
  if (view === 'hex') hex.draw();
}

/** @param {string} text instead of a result */
function hint(text) {
  byId('hint').textContent = text;
  byId('hint').hidden = false;
  announce(text);
  for (const id of ['error', 'text', 'hex']) byId(id).hidden = true;
}

/** @param {unknown} error */
function fail(error) {
  showError('error', error, 'default');
  for (const id of ['hint', 'text', 'hex']) byId(id).hidden = true;
}
