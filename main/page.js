// The addresses that the window shows.

const HOST = 'inplace-exchange';
const PAGE = `app://${HOST}/`;
/** Shown after too many crashes of the page's process. */
const STOPPED = `${PAGE}stopped`;

/** The address without its fragment, which names the panel. @param {string} url */
const pageOf = (url) => url.split('#')[0];

module.exports = { HOST, PAGE, STOPPED, pageOf };
