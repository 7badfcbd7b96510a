// Answers the page's messages.

const { clipboard, ipcMain } = require('electron');
const { COPY, OPENED, OPENING, START } = require('./channels.js');
const { setOpening, quarantined } = require('./crash-marker.js');
const { takeNotices } = require('./notices.js');
const { PAGE, pageOf } = require('./page.js');

/** The longest text that the page may copy. */
const MAX_COPIED_LENGTH = 100_000;

function handleMessages() {
  handle(START, () => ({ notices: takeNotices(), quarantined: [...quarantined] }));
  handle(OPENING, (library) => setOpening(library, true));
  handle(OPENED, (library) => {
    quarantined.delete(library);
    setOpening(library, false);
  });
  // SECURITY (5): in place of the clipboard permission, which would allow more than to copy a text of limited length.
  handle(COPY, async (text) => {
    if (typeof text !== 'string' || text.length > MAX_COPIED_LENGTH) return false;
    await clipboard.writeText(text); // a promise from Electron 44 on
    return true;
  });
}

/** @param {string} channel @param {(argument: any) => unknown} handler */
function handle(channel, handler) {
  // SECURITY (17): messages of other documents are ignored.
  ipcMain.handle(channel, ({ senderFrame }, argument) =>
    senderFrame && pageOf(senderFrame.url) === PAGE ? handler(argument) : undefined,
  );
}

module.exports = { handleMessages };
