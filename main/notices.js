// Notices: what a page shows when it has started, such as why it was started again.

/** @type {Record<string, { title: string, text: string }>} by panel */
const notices = {};

/**
 * Unless there is more to say: what ended a page on purpose has said why.
 * @param {string} panel @param {string} text @param {string} [then]
 */
function addNotice(panel, text, then = '') {
  notices[panel] ??= { title: 'The page was started again', text };
  notices[panel].text += then;
}

/** Those that have not been shown yet. */
function takeNotices() {
  const taken = { ...notices };
  for (const panel of Object.keys(notices)) delete notices[panel];
  return taken;
}

module.exports = { addNotice, notices, takeNotices };
