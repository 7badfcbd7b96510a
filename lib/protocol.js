// The names of the protocol between the two halves, for the preload half. protocol.mjs repeats them for the page half:
// a page loads ES modules, the preload CommonJS ones. A test compares the two files.

/** The property of the page's globalThis that holds the bridge. */
const BRIDGE = 'inplaceExchange';

/** The property of the page's globalThis that says why it has no bridge. Plain data. */
const REFUSAL = 'inplaceExchangeRefusal';

/** The message that carries the page's port. */
const CONNECT = 'inplace-exchange:connect';

/** The event that carries a SharedArrayBuffer to `shared` of the bridge. */
const SHARE = 'inplace-exchange:share';

/** First element of a message over the port that is not an exchange. lib/port.js has the messages. */
const ABORT = 'abort';
const SHARE_MEMORY = 'share';
const FREE = 'free';
const WORKER = 'worker-port';

/** In the place of the thread: no library is called, and the pages of the memory are made. */
const POPULATE = 'populate';

/** First element of a response that is not the last of its exchange. */
const PROGRESS = 'progress';

module.exports = { BRIDGE, REFUSAL, CONNECT, SHARE, ABORT, SHARE_MEMORY, FREE, WORKER, POPULATE, PROGRESS };
