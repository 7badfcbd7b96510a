// The Exchange panel: lends memory to the library at the press of a button, and shows what the library wrote.

import { byId, checkedValue, inputById } from '../dom.mjs';
import { formatBytes, formatDuration, formatInteger, formatText, median } from '../format.mjs';
import { HexView } from '../hex-view.mjs';
import { allocate, exchange, openLibrary, showError } from '../host.mjs';
import { copiedToProcess, keyOf, placeOf, processChoice, processOf } from '../process-choice.mjs';

const MiB = 1024 * 1024;

/** The largest memory that a library gets if it asks for more. */
const MAX_BYTES = 256 * MiB;

/** The request that makes native-lib fill all of the memory. It stands at the start of the memory. */
const FILL = new TextEncoder().encode('fill');

/** After this time the panel shows the progress of an exchange, and offers to cancel it. */
const PROGRESS_MS = 100;
/**
 * A quick exchange is repeated, and its time is the median: the first one is slowed down by the drawing of the press.
 */
const REPETITIONS = 21;
const QUICK_MS = 5;

/** What stands there before the first press. */
const INITIAL = Object.fromEntries(['grown', 'writer', 'addresses'].map((id) => [id, byId(id).textContent]));

const button = /** @type {HTMLButtonElement} */ (byId('exchange'));
const sizeSelect = /** @type {HTMLSelectElement} */ (byId('size'));
const onWorker = inputById('worker-thread');
const hex = new HexView(byId('hex'));
const processes = processChoice('default');

/** The chosen size of `memory`, which is larger if the library asked for more. */
let chosenSize = Number(sizeSelect.value);
/** @type {ArrayBufferLike} */
let memory = allocate(chosenSize).buffer;
let presses = 0;
/** Of the work in progress. @type {AbortController | undefined} */
let running;
/** What the panel says about it. */
let progress = '';
let offersCancel = false;

byId('exchange-form').addEventListener('submit', (event) => {
  event.preventDefault();
  if (!running) runWithProgress('the library is working', press);
  else if (offersCancel) cancel(running);
});
// A double click, or a key that is held, makes one exchange: the repeated press must not cancel it.
button.addEventListener('click', (event) => {
  if (event.detail > 1) event.preventDefault();
});
button.addEventListener('keydown', (event) => {
  if (event.repeat) event.preventDefault();
});
byId('default-crash').addEventListener('click', () => {
  if (!running) runWithProgress('the library is about to crash', crash);
  else exchange(new ArrayBuffer(64), { library: 'default-crash' }).catch(() => {}); // the one that runs fails, too
});
for (const choice of document.querySelectorAll('input[name=view]')) choice.addEventListener('change', showView);

/**
 * @param {{ title: string, text: string } | undefined} notice shown as an error
 * @param {boolean} autoOpen whether the library may be opened before the user presses the button
 */
export async function start(notice, autoOpen) {
  if (notice) showFailure({ code: notice.title, message: notice.text });
  if (autoOpen) await runWithProgress('the library is being opened', openEarly);
  setButton('Exchange Data');
  if (document.activeElement === document.body) button.focus();
}

/**
 * Runs an action. If it takes longer than PROGRESS_MS, the panel shows that, and the action can be cancelled.
 * @param {string} description @param {(signal: AbortSignal) => Promise<void>} action
 */
async function runWithProgress(description, action) {
  running = new AbortController();
  const { signal } = running;
  progress = description;
  const started = performance.now();
  const clock = setInterval(() => {
    byId('time').textContent = `${((performance.now() - started) / 1000).toFixed(1)} s`;
    byId('call').textContent = progress;
    if (!offersCancel) announce(`Still in progress: ${description}. Press again to cancel.`);
    setButton('Cancel');
  }, PROGRESS_MS);
  hex.freeze();
  try {
    await action(signal);
  } catch (error) {
    if (signal.aborted) showHint('Cancelled. The memory is the page’s again.');
    else showFailure(error);
    for (const id of ['written', 'lent', 'time', 'copied']) byId(id).textContent = '–';
    byId('call').textContent = signal.aborted ? 'cancelled' : 'failed';
    byId('grown').textContent = returnedNote(/** @type {object} */ (error));
    byId('writer').textContent = INITIAL.writer;
    byId('addresses').textContent = INITIAL.addresses;
  } finally {
    clearInterval(clock);
    running = undefined;
    processes.refresh();
    setButton('Exchange Data');
  }
}

/** @param {AbortController} action */
function cancel(action) {
  action.abort();
  progress = 'asked to stop; if the library does not, reload the window (Ctrl+R)';
  announce('Asked to stop.');
}

/** @param {'Exchange Data' | 'Cancel'} label */
function setButton(label) {
  offersCancel = label === 'Cancel';
  button.textContent = label;
  button.disabled = false;
}

/** For screen readers. @param {string} text */
function announce(text) {
  byId('announcement').textContent = text;
}

/** Opens the library before the first press, so that its time is that of an exchange. @param {AbortSignal} signal */
async function openEarly(signal) {
  await open(signal);
  byId('time').textContent = '–';
  byId('call').textContent = 'press the button';
}

/** Opens the chosen library, on another thread, where it can be cancelled. @param {AbortSignal} signal */
async function open(signal) {
  const library = keyOf('default');
  try {
    await openLibrary(library, () => exchangeFitting({ library, signal }));
  } catch (error) {
    processes.refuse(error);
    throw error;
  }
}

/** @param {AbortSignal} signal */
async function press(signal) {
  /** @type {import('../../lib/types/page.mjs').ExchangeOptions} */
  const options = { library: keyOf('default'), thread: onWorker.checked ? 'worker' : 'main', signal };
  const fill = checkedValue('ask') === 'fill';
  const length = Number(sizeSelect.value);
  if (length !== chosenSize) {
    memory = allocate(length).buffer;
    chosenSize = length;
  }
  await open(signal);
  const before = await memoryAddress();
  const first = await exchangeFitting(options, fill);
  const exchanged = [first];
  while (exchanged[0].milliseconds < QUICK_MS && exchanged.length < REPETITIONS)
    exchanged.push(await exchangeOnce(options, fill));
  // Read before memoryAddress() lends the memory again, which detaches these bytes as it has the earlier ones.
  const { length: written } = exchanged[exchanged.length - 1].bytes;
  const after = await memoryAddress();
  const times = exchanged.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  show({ length: written, times, before: first.movedTo ?? before, after });
}

/** Makes the library crash during an exchange. @param {AbortSignal} signal */
async function crash(signal) {
  await open(signal);
  if (processOf('default')?.pid === undefined) await exchangeFitting({ library: 'default-own', signal });
  processes.refresh(); // has seen the process that is about to end
  await reclaim(exchange(memory, { library: 'default-crash' }));
  showHint('The library’s process ended when the exchange was over. The next one starts a new process.');
}

/** What has become of the memory. @param {{ code?: string, buffer?: Uint8Array }} error */
const returnedNote = ({ code, buffer }) =>
  code === 'ERR_LIBRARY_CRASHED' && buffer ? `${formatBytes(buffer.length)} came back` : INITIAL.grown;

/** @typedef {{ bytes: Uint8Array, milliseconds: number, movedTo?: bigint }} Exchanged */

/**
 * An exchange. If the library asks for more memory, it gets it, once.
 * @param {import('../../lib/types/page.mjs').ExchangeOptions} options @param {boolean} [fill]
 * @returns {Promise<Exchanged>}
 */
async function exchangeFitting(options, fill) {
  try {
    return await exchangeOnce(options, fill);
  } catch (error) {
    const { code, required } = /** @type {{ code?: string, required?: number }} */ (error);
    if (code !== 'ERR_BUFFER_TOO_SMALL' || required === undefined) throw error;
    if (required > MAX_BYTES)
      throw {
        code,
        message: `The message needs ${formatBytes(required)}. This window lends ${formatBytes(MAX_BYTES)} at most.`,
      };
    memory = allocate(required).buffer;
    try {
      const movedTo = await memoryAddress();
      return { ...(await exchangeOnce(options, fill)), movedTo };
    } catch (error) {
      memory = allocate(chosenSize).buffer; // the next press starts with the chosen size
      throw error;
    }
  }
}

/**
 * @param {import('../../lib/types/page.mjs').ExchangeOptions} options
 * @param {boolean} [fill] whether the library is asked to fill all of it
 * @returns {Promise<Exchanged>}
 */
async function exchangeOnce(options, fill = false) {
  new Uint8Array(memory, 0, Math.min(FILL.length, memory.byteLength)).set(fill ? FILL : new Uint8Array(FILL.length));
  const started = performance.now();
  const bytes = await reclaim(exchange(memory, options));
  return { bytes, milliseconds: performance.now() - started };
}

/** Takes the memory back, from the result or from the error. @param {Promise<Uint8Array>} lent */
async function reclaim(lent) {
  try {
    const bytes = await lent;
    memory = bytes.buffer;
    return bytes;
  } catch (error) {
    memory = /** @type {{ buffer?: Uint8Array }} */ (error).buffer?.buffer ?? allocate(chosenSize).buffer;
    throw error;
  }
}

/**
 * The address of the memory in native code. It comes in the first eight bytes, which are then restored.
 * @returns {Promise<bigint>}
 */
async function memoryAddress() {
  const start = new Uint8Array(memory, 0, 8).slice();
  await reclaim(exchange(memory, { library: 'address', thread: 'main' }));
  const address = new DataView(memory).getBigUint64(0, true);
  new Uint8Array(memory).set(start);
  return address;
}

/** @param {{ length: number, times: number[], before: bigint, after: bigint }} exchanged */
function show({ length, times, before, after }) {
  const bytes = new Uint8Array(memory, 0, length);
  byId('text').textContent = formatText(bytes);
  hex.show(bytes);
  byId('error').hidden = true;
  byId('hint').hidden = true;
  if (length > 0) showView();
  else showHint('The library wrote nothing.');

  presses += 1;
  const took = formatDuration(median(times));
  const toProcess = copiedToProcess('default', memory.byteLength);
  const copied = formatBytes(before === after ? toProcess : length);
  byId('copied').parentElement?.toggleAttribute('data-moved', before !== after);
  byId('copied').parentElement?.toggleAttribute('data-copied', toProcess > 0);
  const pid = placeOf('default') === 'own' ? processOf('default')?.pid : undefined;
  byId('writer').textContent = pid === undefined ? INITIAL.writer : `by the library, in process ${pid}`;
  byId('written').textContent = formatBytes(length);
  byId('lent').textContent = formatBytes(memory.byteLength);
  byId('grown').textContent =
    memory.byteLength === chosenSize ? INITIAL.grown : `${formatBytes(chosenSize)} was too small for it`;
  byId('time').textContent = took;
  byId('call').textContent =
    `press ${formatInteger(presses)}${times.length > 1 ? `: median of ${times.length} exchanges` : ''}`;
  byId('copied').textContent = copied;
  byId('addresses').textContent =
    toProcess > 0
      ? 'to the library’s process,\nand back'
      : `0x${before.toString(16)} before\n0x${after.toString(16)} after`;
  announce(`Press ${presses}: ${formatBytes(length)} written, ${copied} copied, round trip ${took}.`);
}

function showView() {
  if (!byId('hint').hidden || !byId('error').hidden) return;
  const view = checkedValue('view');
  byId('text').hidden = view !== 'text';
  byId('hex').hidden = view !== 'hex';
  if (view === 'hex') hex.draw();
}

/** Shows a text in place of a result. @param {string} text */
function showHint(text) {
  byId('hint').textContent = text;
  byId('hint').hidden = false;
  announce(text);
  for (const id of ['error', 'text', 'hex']) byId(id).hidden = true;
}

/** Shows an error in place of a result. @param {unknown} error */
function showFailure(error) {
  showError('error', error, 'default');
  for (const id of ['hint', 'text', 'hex']) byId(id).hidden = true;
}
