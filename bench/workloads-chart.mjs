// node bench/workloads-chart.mjs: draws the tables of docs/workloads.md as docs/workloads.svg.

import fs from 'node:fs';
import path from 'node:path';
import { draw } from './chart.mjs';
import { install } from './native.mjs';

const docs = path.join(import.meta.dirname, '..', 'docs');

/** The parts of a bar, with their colours. */
const PARTS = { 'in the library': '#2f6fbf', 'around it': '#e2711d', 'without the library': '#8a8f98' };

/** @typedef {{ workload: string, row: string, part: keyof typeof PARTS, ms: number, label?: string, end?: number }} Bar */

/** The bars of a table. @param {string} table */
function barsOf(table) {
  const [[, workload], , ...rows] = table.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  return rows.flatMap((cells) => barsOfRow(workload, cells));
}

/** @param {string} workload @param {string[]} cells @returns {Bar[]} */
function barsOfRow(workload, [, name, median, , , library]) {
  const [row, ms, inside] = [name.replaceAll('`', ''), Number(median), Number(library)];
  const whole = { workload, row, label: median, end: ms };
  if (library === '') return [{ ...whole, part: 'without the library', ms }];
  return [
    { workload, row, part: 'in the library', ms: inside },
    { ...whole, part: 'around it', ms: ms - inside },
  ];
}

const page = fs.readFileSync(path.join(docs, 'workloads.md'), 'utf8');
const tables = [...page.matchAll(/^\| .*\| median \|(?:.*\n\|)*.*$/gm)].map(([table]) => barsOf(table));
const values = tables.flat();
const [, electron, system] = /** @type {RegExpMatchArray} */ (
  page.match(/^(Electron [\d.]+) .*?(Linux.*\d{4}-\d\d-\d\d)/m)
);

const y = {
  field: 'row',
  type: 'nominal',
  title: null,
  sort: tables[0].map(({ row }) => row),
  axis: { labelLimit: 320 },
};
await install();
const svg = await draw(
  'Real work, for a page: time to the result',
  `${electron}, ${system}; medians, shorter is faster`,
  {
    data: { values },
    facet: {
      row: {
        field: 'workload',
        type: 'nominal',
        title: null,
        sort: tables.map(([{ workload }]) => workload),
        header: {
          labelOrient: 'top',
          labelAnchor: 'start',
          labelAngle: 0,
          labelColor: 'var(--ink)',
          labelFontWeight: 'bold',
        },
      },
    },
    spec: {
      width: 520,
      height: { step: 18 },
      layer: [
        {
          mark: { type: 'bar', height: { band: 0.75 } },
          encoding: {
            y,
            x: { field: 'ms', type: 'quantitative', title: 'milliseconds', axis: { tickCount: 6 } },
            color: {
              field: 'part',
              type: 'nominal',
              scale: { domain: Object.keys(PARTS), range: Object.values(PARTS) },
              legend: { title: null, orient: 'bottom', labelColor: 'var(--ink)', labelLimit: 220 },
            },
            order: { field: 'part', sort: 'descending' },
          },
        },
        {
          transform: [{ filter: 'isValid(datum.end)' }],
          mark: { type: 'text', align: 'left', dx: 5, fill: 'var(--ink)' },
          encoding: { y, x: { field: 'end', type: 'quantitative' }, text: { field: 'label' } },
        },
      ],
    },
    resolve: { scale: { x: 'independent', y: 'independent' } },
  },
);
fs.writeFileSync(path.join(docs, 'workloads.svg'), svg);
