// In which process a panel's library runs: in one of its own if that needs no copies, else in the page's; its user
// chooses another one.

import { byId, checkedValue } from './dom.mjs';
import { host, isOpen } from './host.mjs';

/** @typedef {'default' | 'live'} Name */
/** @typedef {'here' | 'own'} Place */

/** The radio buttons of a panel, or of both. @param {string} [name] @returns {NodeListOf<HTMLInputElement>} */
const radiosOf = (name = '') => document.querySelectorAll(`input[name$=${name}-process]`);

/** For both panels. @param {Place} place */
function choosePlace(place) {
  for (const radio of radiosOf()) radio.checked = radio.value === place;
}

choosePlace(host.runtime.initialProcess);

/** Why there is no choice. */
let unavailable = host.runtime.ownProcessUnavailable;

/** @param {Name} name @returns {Place} */
export const placeOf = (name) => (checkedValue(`${name}-process`) === 'own' ? 'own' : 'here');

/**
 * The key of a library at that place.
 * @template {Name} N @param {N} name @param {Place} [place] the chosen one @returns {N | `${N}-own`}
 */
export const keyOf = (name, place = placeOf(name)) => (place === 'own' ? `${name}-own` : name);

/** The library's own process, once it was started. @param {Name} name */
export const processOf = (name) => (isOpen(keyOf(name, 'own')) ? host.library(keyOf(name, 'own')).process : undefined);

/** Smaller memory is copied in any case. */
const MAPPED_FROM_BYTES = 2 ** 20;

/** How many bytes are copied for a call to a library's own process, there and back. @param {Name} name @param {number} byteLength */
export function copiedToProcess(name, byteLength) {
  if (placeOf(name) === 'here') return 0;
  return processOf(name)?.transport === 'mapped' && byteLength >= MAPPED_FROM_BYTES ? 0 : 2 * byteLength;
}

/** How memory gets to a library's process, in words. @param {import('../index.js').LibraryProcess} own */
export const transportOf = ({ transport }) =>
  transport === 'mapped' ? 'memory mapped from 1 MiB on' : 'memory copied';

/** The controls of a panel for its library's process: the choice, the button for a crash, and a note. @param {Name} name */
export function processChoice(name) {
  const crashButton = /** @type {HTMLButtonElement} */ (byId(`${name}-crash`));
  const radios = radiosOf(name);
  /** The process that was seen last. @type {number | undefined} */
  let lastPid;
  let crashes = 0;

  function text() {
    if (unavailable) return `Not available: ${unavailable.split('not possible now: ').at(-1)}`;
    if (placeOf(name) === 'here') return 'A crash would end this page, too.';
    const own = processOf(name);
    if (!own) return 'The next call starts it.';
    const count = crashes === 1 ? '1 crash' : `${crashes} crashes`;
    if (own.pid === undefined) return `${count}. No process runs now.`;
    return `Process ${own.pid}, ${transportOf(own)}${crashes > 0 ? `, ${count}` : ''}`;
  }

  /** Shows what is the case now. */
  function refresh() {
    const pid = processOf(name)?.pid;
    if (lastPid !== undefined && pid !== lastPid) crashes += 1;
    lastPid = pid;
    for (const radio of radios) radio.disabled = unavailable !== undefined && radio.value === 'own';
    crashButton.disabled = placeOf(name) === 'here';
    const note = byId(`${name}-process-note`);
    if (note.textContent !== text()) note.textContent = text();
  }

  for (const radio of radios) radio.addEventListener('change', refresh);
  refresh();
  return {
    refresh,
    /** Takes the choice away, in both panels, if the error says that there is none. @param {unknown} error */
    refuse(error) {
      const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
      if (code !== 'ERR_PROCESS_UNAVAILABLE' || isOpen(keyOf(name, 'own'))) return;
      unavailable = message;
      choosePlace('here');
      refresh();
    },
  };
}
