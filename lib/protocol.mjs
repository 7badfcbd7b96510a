// The names of the protocol between the two halves, for the page half: those of protocol.js.

/** The property of the page's globalThis that holds the bridge. */
export const BRIDGE = 'inplaceExchange';

/** The property of the page's globalThis that says why it has no bridge. Plain data. */
export const REFUSAL = 'inplaceExchangeRefusal';

/** The message that carries the page's port. */
export const CONNECT = 'inplace-exchange:connect';

/** The event that carries a SharedArrayBuffer to `shared` of the bridge. */
export const SHARE = 'inplace-exchange:share';

/** First element of a message over the port that is not an exchange. lib/port.js has the messages. */
export const ABORT = 'abort';
export const SHARE_MEMORY = 'share';
export const FREE = 'free';
export const WORKER = 'worker-port';

/** In the place of the thread: no library is called, and the pages of the memory are made. */
export const POPULATE = 'populate';

/** First element of a response that is not the last of its exchange. */
export const PROGRESS = 'progress';
