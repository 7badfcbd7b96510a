// The names that the halves call each other by, as the preload has them. A page loads ES modules and a preload CommonJS
// ones, so protocol.mjs has them once more; a test holds the two to each other.

/** What the preload exposes to the page, as a property of globalThis. */
const BRIDGE = 'inplaceExchange';

/** The message in which the page hands its port over. */
const CONNECT = 'inplace-exchange:connect';

/** The event in which the page offers shared memory to the bridge. */
const SHARE = 'inplace-exchange:share';

/** Over the port, in place of an exchange's number. lib/port.js says what goes with each. */
const ABORT = 'abort';
const SHARE_MEMORY = 'share';
const FREE = 'free';

module.exports = { BRIDGE, CONNECT, SHARE, ABORT, SHARE_MEMORY, FREE };
