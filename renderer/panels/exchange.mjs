// The Exchange panel: lends memory to the library at the press of a button, and shows what the library wrote.

import { byId, checkedValue, inputById, setTexts } from '../dom.mjs';
import { formatBytes, formatDuration, formatInteger, formatText, median } from '../format.mjs';
import { HexView } from '../hex-view.mjs';
import { exchange, openLibrary, showError } from '../host.mjs';
import { choose, chosen, exchangeFitting, exchangeOnce, memory, memoryAddress, reclaim } from '../lent-memory.mjs';
import { copiedToProcess, keyOf, placeOf, processChoice, processOf } from '../process-choice.mjs';

/** After this time the panel shows the progress of an exchange, and offers to cancel it. */
const PROGRESS_MS = 100;
/**
 * A quick exchange is repeated, and its time is the median: the first one is slowed down by the drawing of the press.
 */
const REPETITIONS = 21;
const QUICK_MS = 5;

/** What stands there before the first press. @type {Record<string, string | null>} */
const INITIAL = Object.fromEntries(
  ['written', 'writer', 'lent', 'grown', 'time', 'call', 'copied', 'addresses'].map((id) => [id, byId(id).textContent]),
);

const button = /** @type {HTMLButtonElement} */ (byId('exchange'));
const sizeSelect = /** @type {HTMLSelectElement} */ (byId('size'));
const onWorker = inputById('worker-thread');
const hex = new HexView(byId('hex'));
const processes = processChoice('default');

const chooseMemory = () => choose(Number(sizeSelect.value), keyOf('default'));
chooseMemory();
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
for (const choice of document.querySelectorAll('input[name=view]'))
  choice.addEventListener('change', () => {
    if (byId('hint').hidden && byId('error').hidden) showResult();
  });

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
    setTexts({ time: `${((performance.now() - started) / 1000).toFixed(1)} s`, call: progress });
    if (!offersCancel) announce(`Still in progress: ${description}. Press again to cancel.`);
    setButton('Cancel');
  }, PROGRESS_MS);
  hex.freeze();
  try {
    await action(signal);
  } catch (error) {
    if (signal.aborted) showHint('Cancelled. The memory is the page’s again.');
    else showFailure(error);
    setTexts({
      ...INITIAL,
      ...returnedNote(/** @type {object} */ (error)),
      call: signal.aborted ? 'cancelled' : 'failed',
    });
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
  setTexts({ announcement: text });
}

/**
 * Opens the library before the first press, so that its time is that of an exchange. In the page's process if it cannot
 * have its own: nobody has chosen that yet.
 * @param {AbortSignal} signal
 */
async function openEarly(signal) {
  await open(signal).catch((error) => {
    if (error.code !== 'ERR_PROCESS_UNAVAILABLE') throw error;
    return open(signal);
  });
  setTexts(INITIAL);
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
  await open(signal);
  chooseMemory(); // now that the library is open: from 64 MiB on it would be opened for this, on this thread
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
  code === 'ERR_LIBRARY_CRASHED' && buffer && { grown: `${formatBytes(buffer.length)} came back` };

/** @param {{ length: number, times: number[], before: bigint, after: bigint }} exchanged */
function show({ length, times, before, after }) {
  const bytes = new Uint8Array(memory, 0, length);
  hex.show(bytes);
  if (length > 0) showResult();
  else showHint('The library wrote nothing.');

  presses += 1;
  const took = formatDuration(median(times));
  const toProcess = copiedToProcess('default', memory.byteLength);
  const copied = formatBytes(before === after ? toProcess : length);
  byId('copied').parentElement?.toggleAttribute('data-moved', before !== after);
  byId('copied').parentElement?.toggleAttribute('data-copied', toProcess > 0);
  const pid = placeOf('default') === 'own' ? processOf('default')?.pid : undefined;
  setTexts({
    text: formatText(bytes),
    written: formatBytes(length),
    writer: pid === undefined ? INITIAL.writer : `by the library, in process ${pid}`,
    lent: formatBytes(memory.byteLength),
    grown: memory.byteLength === chosen.size ? INITIAL.grown : `${formatBytes(chosen.size)} was too small for it`,
    time: took,
    call: `press ${formatInteger(presses)}${times.length > 1 ? `: median of ${times.length} exchanges` : ''}`,
    copied,
    addresses:
      toProcess > 0
        ? 'to the library’s process,\nand back'
        : `0x${before.toString(16)} before\n0x${after.toString(16)} after`,
  });
  announce(`Press ${presses}: ${formatBytes(length)} written, ${copied} copied, round trip ${took}.`);
}

function showResult() {
  const view = checkedValue('view');
  showOnly(view);
  if (view === 'hex') hex.draw();
}

/** Shows a text in place of a result. @param {string} text */
function showHint(text) {
  setTexts({ hint: text });
  showOnly('hint');
  announce(text);
}

/** Shows an error in place of a result. @param {unknown} error */
function showFailure(error) {
  showError('error', error, 'default');
  showOnly('error');
}

/** @param {string} shown */
function showOnly(shown) {
  for (const id of ['hint', 'error', 'text', 'hex']) byId(id).hidden = id !== shown;
}
