// Numbers as the panels show them.

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

/** @param {number[]} sorted */
export const median = (sorted) => sorted[sorted.length >> 1];
