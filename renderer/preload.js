// The preload: it shares the page's process and is out of the page's reach (the isolated world). It owns the buffer,
// calls the addon, and gives the page plain data.

const { contextBridge, ipcRenderer } = require('electron');

/** @typedef {{ code: string, message: string }} Problem */
/** @typedef {{ text: string, bytesWritten: number, bufferBytes: number, nanoseconds: number }} Exchanged */
/** @typedef {{ exchanged: Exchanged } | { problem: Problem }} Outcome an error as plain data: the bridge would drop its code */

/** @type {typeof import('../index.js') | undefined} */
let addon;
/** @type {unknown} */
let loadFailure;
try {
  addon = require('../index.js');
} catch (error) {
  loadFailure = error; // shown when the button is pressed: a window that says why beats one that does not open
}

/** @type {Buffer} */
let buffer = Buffer.alloc(4096); // not from Node's pool: an asynchronous exchange moves all of the memory
/** @type {AbortController | undefined} */
let running;

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
  return describe(buffer, bytesWritten, started);
}

/** @returns {Promise<Exchanged>} */
async function exchangeAsync() {
  if (!addon) throw loadFailure;
  running = new AbortController();
  const started = process.hrtime.bigint();
  try {
    const message = await addon.exchangeDataAsync(buffer, { signal: running.signal });
    buffer = Buffer.from(message.buffer); // the same memory, given back
    return describe(buffer, message.length, started);
  } catch (error) {
    const { buffer: memory } = /** @type {{ buffer?: Uint8Array }} */ (error);
    if (memory) buffer = Buffer.from(memory.buffer);
    throw error;
  } finally {
    running = undefined;
  }
}

/** @param {Buffer} buffer @param {number} bytesWritten @param {bigint} started @returns {Exchanged} */
function describe(buffer, bytesWritten, started) {
  const nanoseconds = Number(process.hrtime.bigint() - started);
  // A view of what was written; the text is made for the page, which cannot be handed the memory itself this way.
  const message = buffer.subarray(0, bytesWritten);
  const text = message.toString('utf8').replaceAll('\0', '␀'); // a NUL has no picture of its own
  return { text, bytesWritten, bufferBytes: buffer.length, nanoseconds };
}

/** @param {unknown} error a buffer that was too small is replaced by one that is not; any other error is thrown */
function makeRoom(error) {
  if (codeOf(error) !== 'ERR_BUFFER_TOO_SMALL') throw error;
  buffer = Buffer.alloc(/** @type {{ required: number }} */ (error).required);
}

/** @param {unknown} error */
const codeOf = (error) => (error instanceof Error && 'code' in error ? String(error.code) : 'ERR_ADDON');

/** @param {unknown} error @returns {Outcome} */
const problem = (error) => ({
  problem: { code: codeOf(error), message: error instanceof Error ? error.message : String(error) },
});

const api = {
  /** @returns {Outcome} */
  exchange() {
    try {
      try {
        return { exchanged: exchange() };
      } catch (error) {
        makeRoom(error);
        return { exchanged: exchange() };
      }
    } catch (error) {
      return problem(error);
    }
  },
  /** On another thread. One at a time: there is one buffer. @returns {Promise<Outcome>} */
  async exchangeAsync() {
    try {
      try {
        return { exchanged: await exchangeAsync() };
      } catch (error) {
        makeRoom(error);
        return { exchanged: await exchangeAsync() };
      }
    } catch (error) {
      return problem(error);
    }
  },
  /** Stops what exchangeAsync has begun. */
  cancel() {
    running?.abort();
  },
  /** @returns {Promise<string | undefined>} why this page had to be started again, if it had */
  whatHappened: () => ipcRenderer.invoke('what-happened'),
  runtime: {
    electron: process.versions.electron,
    chromium: process.versions.chrome,
    contextIsolated: process.contextIsolated,
    externalBuffersAllowed: addon?.externalBuffersAllowed(),
  },
};

contextBridge.exposeInMainWorld('inplaceExchange', api);

/** @typedef {typeof api} Api */
