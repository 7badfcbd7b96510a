// The IPC channels between the page's preload and the main process.

module.exports = {
  /** Returns the notices of the page and the libraries that are not opened automatically. */
  START: 'start',
  /** Before a library is opened. */
  OPENING: 'opening',
  /** After it was opened, or failed to. */
  OPENED: 'opened',
  /** Copies a text to the clipboard. */
  COPY: 'copy',
};
