// Numbers and texts as the panels show them.

const integer = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const threeDigits = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** @param {number} count */
export const formatInteger = (count) => integer.format(count);

/** @param {number} count */
export const formatBytes = (count) => `${integer.format(count)} B`;

/** @param {number} value */
export const formatNumber = (value) => threeDigits.format(value);

/** @param {number} milliseconds */
export const formatDuration = (milliseconds) =>
  milliseconds < 1 ? `${formatNumber(milliseconds * 1000)} µs` : `${formatNumber(milliseconds)} ms`;

/** The part of a text that is shown. */
const MAX_TEXT_BYTES = 64 * 1024;

/** The text that the bytes are. @param {Uint8Array} bytes */
export function formatText(bytes) {
  const isCut = bytes.length > MAX_TEXT_BYTES;
  // A copy, because TextDecoder refuses shared memory. `stream` drops an incomplete character at the cut.
  const text = new TextDecoder().decode(bytes.slice(0, MAX_TEXT_BYTES), { stream: isCut });
  return legible(text) + (isCut ? ` … (${formatBytes(MAX_TEXT_BYTES)} of ${formatBytes(bytes.length)})` : '');
}

/** Replaces zero bytes, which have no glyph. @param {string} text */
const legible = (text) =>
  text.replace(/\0+/g, ({ length }) => (length < 4 ? '·'.repeat(length) : `⟨${formatInteger(length)} zero bytes⟩`));

/** @param {number[]} sorted */
export const median = (sorted) => sorted[sorted.length >> 1];
