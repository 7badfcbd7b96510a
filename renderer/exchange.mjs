// The first panel: a button, and what came of it. The page owns the memory and lends it to the library.

import { HexView } from './hex.mjs';
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
} from './host.mjs';

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

const button = /** @type {HTMLButtonElement} */ (byId('exchange'));
const size = /** @type {HTMLSelectElement} */ (byId('size'));
const anotherThread = inputById('another-thread');
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
  if (offersCancel) running?.abort();
  else if (!running) work('the library is working', press);
});
for (const choice of document.querySelectorAll('input[name=view]')) choice.addEventListener('change', showView);

/**
 * @param {{ title: string, text: string } | undefined} news what is shown first
 * @param {boolean} mayOpen whether the library is opened unasked
 */
export async function start(news, mayOpen) {
  if (news) fail({ code: news.title, message: news.text });
  if (mayOpen) await work('the library is being opened', openEarly);
  offer('Exchange Data');
  button.focus();
}

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
  setBusy(true);
  try {
    await action(running.signal);
  } catch (error) {
    fail(error);
    for (const id of ['written', 'lent', 'time', 'copied']) byId(id).textContent = '–';
    byId('call').textContent = 'failed';
    byId('addresses').textContent = 'its address, before and after';
  } finally {
    clearInterval(clock);
    running = undefined;
    setBusy(false);
    offer('Exchange Data');
  }
}

/** What is chosen is not changed while it is exchanged. @param {boolean} busy */
function setBusy(busy) {
  /** @type {NodeListOf<HTMLInputElement>} */
  const asked = document.querySelectorAll('input[name=ask]');
  for (const input of [size, anotherThread, ...asked]) input.disabled = busy;
}

/** @param {'Exchange Data' | 'Cancel'} what the button does when it is pressed next */
function offer(what) {
  offersCancel = what === 'Cancel';
  button.textContent = what;
  button.disabled = false;
}

/** The first exchange, before the first press: that one then shows what a call takes. @param {AbortSignal} signal */
async function openEarly(signal) {
  try {
    await open('default', () => lend({ signal }));
  } catch (error) {
    if (signal.aborted) throw error;
    // Otherwise the first press shows what is wrong.
  }
  byId('time').textContent = '–';
  byId('call').textContent = 'press the button';
}

/** @param {AbortSignal} signal */
async function press(signal) {
  const thread = anotherThread.checked ? 'worker' : 'main';
  const fill = chosen('ask') === 'fill';
  const length = Number(size.value);
  if (length !== chosenSize) {
    memory = allocate(length).buffer;
    chosenSize = length;
    byId('grown').textContent = 'the page’s own memory';
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
 * @param {import('./types/page.mjs').ExchangeOptions} options @param {boolean} [fill] @returns {Promise<Exchanged>}
 */
async function fitting(options, fill) {
  try {
    return await lend(options, fill);
  } catch (error) {
    const { code, required } = /** @type {{ code?: string, required?: number }} */ (error);
    if (code !== 'ERR_BUFFER_TOO_SMALL' || required === undefined) throw error;
    if (required > MOST_BYTES) {
      const { message } = /** @type {Error} */ (error);
      throw { code, message: `${message} This window lends ${bytes(MOST_BYTES)} at most.` };
    }
    byId('grown').textContent = `grown from ${bytes(memory.byteLength)}: too small`;
    memory = allocate(required).buffer;
    const movedTo = await addressNow();
    return { ...(await lend(options, fill)), movedTo };
  }
}

/**
 * @param {import('./types/page.mjs').ExchangeOptions} options
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
  byId('text').textContent = text.replaceAll('\0', '␀') + (cut ? ` … (${bytes(SHOWN_BYTES)} of ${bytes(length)})` : '');
  hex.show(new Uint8Array(memory, 0, length));
  byId('error').hidden = true;
  byId('hint').hidden = true;
  showView();

  presses += 1;
  const took = duration(median(times));
  const copied = before === after ? '0' : whole(length);
  byId('written').textContent = bytes(length);
  byId('lent').textContent = bytes(memory.byteLength);
  byId('time').textContent = took;
  byId('call').textContent = `press ${whole(presses)}${times.length > 1 ? `, median of ${times.length}` : ''}`;
  byId('copied').textContent = copied;
  byId('addresses').textContent = `0x${before.toString(16)} before\n0x${after.toString(16)} after`;
  byId('announcement').textContent =
    `Press ${presses}: ${whole(length)} bytes written, ${copied} copied, there and back in ${took}.`;
}

function showView() {
  if (!byId('hint').hidden || !byId('error').hidden) return;
  const view = chosen('view');
  byId('text').hidden = view !== 'text';
  byId('hex').hidden = view !== 'hex';
  if (view === 'hex') hex.draw();
}

/** @param {unknown} error */
function fail(error) {
  showError('error', error);
  for (const id of ['hint', 'text', 'hex']) byId(id).hidden = true;
}
