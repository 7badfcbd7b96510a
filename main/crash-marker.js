// Libraries that are being opened, and libraries whose opening killed a process. A marker file in the profile tells the
// next run of this app.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { app } = require('electron');
const { notices } = require('./notices.js');

/** The libraries of the panels, the variables that name other ones, and what the user does to open them. */
const LIBRARIES = {
  default: { panel: 'exchange', variable: 'INPLACE_EXCHANGE_LIBRARY', openedBy: 'press Exchange Data' },
  live: { panel: 'live', variable: 'INPLACE_EXCHANGE_LIVE_LIBRARY', openedBy: 'press Play' },
};
/** @typedef {keyof typeof LIBRARIES} Library */

/** Libraries that are being opened: the page reports the start and the end. @type {Set<Library>} */
const opening = new Set();

/** Libraries whose opening killed the page's process or this one. Never reopened automatically. @type {Set<Library>} */
const quarantined = new Set();

/**
 * The file that exists while the library is being opened, and still does if that kills this process.
 * @param {Library} library
 */
const crashMarker = (library) => {
  const named = process.env[LIBRARIES[library].variable] ?? library;
  return path.join(app.getPath('userData'), `opening-${createHash('sha256').update(named).digest('hex').slice(0, 16)}`);
};

/** @param {Library} library */
const notOpened = (library) => `It is not opened again until you ${LIBRARIES[library].openedBy}.`;

const everyLibrary = () => /** @type {Library[]} */ (Object.keys(LIBRARIES));

/** @param {Library} library @param {boolean} isOpening */
function setOpening(library, isOpening) {
  if (!Object.hasOwn(LIBRARIES, library)) return;
  if (isOpening) opening.add(library);
  else opening.delete(library);
  try {
    if (isOpening) fs.writeFileSync(crashMarker(library), '');
    else fs.rmSync(crashMarker(library), { force: true });
  } catch {
    // A disk that is full or read-only. Without a marker, the next run opens the library automatically.
  }
}

/** Quarantines the libraries whose opening killed an earlier run. Their panels say so. */
function quarantineMarked() {
  for (const library of everyLibrary()) {
    if (!fs.existsSync(crashMarker(library))) continue;
    quarantined.add(library);
    notices[LIBRARIES[library].panel] = {
      title: 'The library is not open',
      text: `This app ended while the native library was being opened. ${notOpened(library)}`,
    };
  }
}

module.exports = { LIBRARIES, everyLibrary, notOpened, opening, quarantined, quarantineMarked, setOpening };
