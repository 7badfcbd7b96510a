// The addresses that the window shows.

const HOST = 'inplace-exchange';
const PAGE = `app://${HOST}/`;
/** Shown when the page's process has ended too often. */
const STOPPED = `${PAGE}stopped`;

/** Without the panel that it names. @param {string} url */
const pageOf = (url) => url.split('#')[0];

module.exports = { HOST, PAGE, STOPPED, pageOf };
