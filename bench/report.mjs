// Statistics, and their output as text.

/** @typedef {{ id: string, ns: number[] }} Row nanoseconds for a call, in each round */

/** @param {number[]} values */
export const median = (values) => percentile(values, 50);

/** @param {number[]} values @param {number} percent */
export function percentile(values, percent) {
  return values.toSorted((a, b) => a - b)[Math.min(Math.floor((values.length * percent) / 100), values.length - 1)];
}

/** The median of the ratios inside each round. @param {number[]} values @param {number[]} others */
export const ratioOf = (values, others) => median(values.map((value, round) => value / others[round]));

/** @param {Row} row @param {Row} other */
export const ratio = (row, other) => ratioOf(row.ns, other.ns);

/** @param {string} text */
export function out(text) {
  process.stdout.write(`${text}\n`);
}

/** @param {string} first @param {string[]} cells */
export function line(first, ...cells) {
  out(first.padEnd(38) + cells.map((cell) => cell.padStart(12)).join(''));
}

/** @param {number} bytes */
export function mib(bytes) {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
