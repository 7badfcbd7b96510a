// The report: for a person, a line for each finding and what to do next; for a program, JSON with stable keys.

/**
 * @typedef {object} Report
 * @property {{ kind: 'installed' | 'packaged' | 'library', path: string }} target
 * @property {{ package: string | null, electron: string | null, node: string | null }} versions
 * @property {Record<string, boolean> | null} fuses
 * @property {ReturnType<typeof import('./native-checks.mjs').describe>[]} files
 * @property {import('./native-checks.mjs').Finding[]} findings
 */

/** Changes when a program that reads the JSON could misunderstand it. */
const FORMAT = 1;

/** @param {Report} report */
const problems = ({ findings }) => findings.filter(({ status }) => status === 'problem').length;

/** @param {Report} report */
export const isOk = (report) => problems(report) === 0;

/** @param {Report} report */
export function asJson({ target, versions, fuses, files, findings }) {
  const ok = problems({ target, versions, fuses, files, findings }) === 0;
  return `${JSON.stringify({ format: FORMAT, ok, target, versions, fuses, files, findings }, null, 2)}\n`;
}

/** Where there is no report. @param {string} error */
export const errorAsJson = (error) => `${JSON.stringify({ format: FORMAT, ok: false, error }, null, 2)}\n`;

/** @param {Report} report */
export function asText(report) {
  const lines = report.findings.flatMap(({ status, message, next, file }) => [
    `${status.padEnd(7)}  ${message}`,
    ...(file && status !== 'ok' && !message.includes(file) ? [`         in ${file}`] : []),
    ...(next ? [`         -> ${next}`] : []),
  ]);
  const count = problems(report);
  const verdict = count === 0 ? 'no problem found' : `${count} ${count === 1 ? 'problem' : 'problems'} found`;
  return `${[...lines, '', verdict].join('\n')}\n`;
}
