// The preload: it shares the page's process and is out of the page's reach (the isolated world). It owns the buffer,
// calls the addon, and gives the page plain data.

const { contextBridge } = require('electron');

/** @typedef {{ code: string, message: string }} Problem */
/** @typedef {{ text: string, bytesWritten: number, bufferBytes: number, nanoseconds: number }} Exchanged */

/** @type {typeof import('../index.js') | undefined} */
let addon;
/** @type {unknown} */
let loadFailure;
try {
  addon = require('../index.js');
} catch (error) {
  loadFailure = error; // shown when the button is pressed: a window that says why beats one that does not open
}

let buffer = Buffer.alloc(4096);

try {
  exchange(); // loads the library, so that the time of the first press is the time of a call
} catch {
  // The first press tries again, and shows what is wrong.
}

/** @returns {Exchanged} */
function exchange() {
  if (!addon) throw loadFailure;
  const started = process.hrtime.bigint();
  const bytesWritten = addon.exchangeDataInPlace(buffer);
  const nanoseconds = Number(process.hrtime.bigint() - started);
  // A view of what was written; the text is made for the page, which cannot be handed the memory itself this way.
  const message = buffer.subarray(0, bytesWritten);
  const text = message.toString('utf8').replaceAll('\0', '␀'); // a NUL has no picture of its own
  return { text, bytesWritten, bufferBytes: buffer.length, nanoseconds };
}

/** @returns {Exchanged} */
function exchangeWithRoom() {
  try {
    return exchange();
  } catch (error) {
    if (codeOf(error) !== 'ERR_BUFFER_TOO_SMALL') throw error;
    buffer = Buffer.alloc(/** @type {{ required: number }} */ (error).required);
    return exchange();
  }
}

/** @param {unknown} error */
const codeOf = (error) => (error instanceof Error && 'code' in error ? String(error.code) : 'ERR_ADDON');

const api = {
  /** @returns {{ exchanged: Exchanged } | { problem: Problem }} an error as plain data: the bridge would drop its code */
  exchange() {
    try {
      return { exchanged: exchangeWithRoom() };
    } catch (error) {
      return { problem: { code: codeOf(error), message: error instanceof Error ? error.message : String(error) } };
    }
  },
  runtime: {
    electron: process.versions.electron,
    chromium: process.versions.chrome,
    contextIsolated: process.contextIsolated,
    externalBuffersAllowed: addon?.externalBuffersAllowed(),
  },
};

contextBridge.exposeInMainWorld('inplaceExchange', api);

/** @typedef {typeof api} Api */
