// Notices: what a panel shows after the page has started, such as why the page was restarted.

/** @typedef {{ title: string, text: string }} Notice */

/** By panel. @type {Record<string, Notice>} */
const notices = {};

/**
 * Adds a notice to a panel that has none yet: the first reason for a restart is the real one. `details` is appended to
 * the notice in any case.
 * @param {string} panel @param {string} text @param {string} [details]
 */
function addNotice(panel, text, details = '') {
  notices[panel] ??= { title: 'The page was started again', text };
  notices[panel].text += details;
}

/** The notices that have not been shown yet. */
function takeNotices() {
  const taken = { ...notices };
  for (const panel of Object.keys(notices)) delete notices[panel];
  return taken;
}

module.exports = { addNotice, notices, takeNotices };
