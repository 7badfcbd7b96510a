// Which libraries are being opened, and which a process did not survive: known in this run, and in the next one by a file.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { app } = require('electron');

/** The libraries of the page's panels: the variable that names another one, and what has it opened by hand. */
const LIBRARIES = {
  default: { panel: 'exchange', variable: 'INPLACE_EXCHANGE_LIBRARY', byHand: 'press Exchange Data' },
  live: { panel: 'live', variable: 'INPLACE_EXCHANGE_LIVE_LIBRARY', byHand: 'press Play' },
};
/** @typedef {keyof typeof LIBRARIES} Library */

/** Which libraries are being opened, which a page says before and after. @type {Set<Library>} */
const opening = new Set();

/** Libraries whose opening ended the page's process, or this one. Never reopened unasked. @type {Set<Library>} */
const quarantined = new Set();

/** A file that is there while the library is being opened, and outlasts this process. @param {Library} library */
const crashMarker = (library) => {
  const named = process.env[LIBRARIES[library].variable] ?? library;
  return path.join(app.getPath('userData'), `opening-${createHash('sha256').update(named).digest('hex').slice(0, 16)}`);
};

/** @param {Library} library */
const notOpened = (library) => `It is not opened again until you ${LIBRARIES[library].byHand}.`;

const everyLibrary = () => /** @type {Library[]} */ (Object.keys(LIBRARIES));

/** @param {Library} library @param {boolean} now */
function setOpening(library, now) {
  if (!Object.hasOwn(LIBRARIES, library)) return;
  if (now) opening.add(library);
  else opening.delete(library);
  try {
    if (now) fs.writeFileSync(crashMarker(library), '');
    else fs.rmSync(crashMarker(library), { force: true });
  } catch {
    // A disk that is full, or not to be written to: then the next start has nothing to go by, and opens the library.
  }
}

module.exports = { LIBRARIES, everyLibrary, notOpened, opening, crashMarker, setOpening, quarantined };
