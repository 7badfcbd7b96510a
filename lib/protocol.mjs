// The names that the halves call each other by, as the page has them: those of protocol.js, which says why.

/** What the preload exposes to the page, as a property of globalThis. */
export const BRIDGE = 'inplaceExchange';

/** The message in which the page hands its port over. */
export const CONNECT = 'inplace-exchange:connect';

/** The event in which the page offers shared memory to the bridge. */
export const SHARE = 'inplace-exchange:share';

/** Over the port, in place of an exchange's number. lib/port.js says what goes with each. */
export const ABORT = 'abort';
export const SHARE_MEMORY = 'share';
export const FREE = 'free';
