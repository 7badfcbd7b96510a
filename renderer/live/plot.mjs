// The plot below the picture: the time of a frame and the throughput, over the last twenty seconds.

// @ts-expect-error: the package has types, but not under the name of this file
import uPlot from '../../node_modules/uplot/dist/uPlot.esm.js';

/** Twenty seconds at four readings a second. */
const READINGS = 80;
const MARKS = [-15, -10, -5, 0];

/** @param {string} name of a custom property of base.css */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const FONT = '11px system-ui, sans-serif';

export class Plot {
  #container;
  /** Seconds ago, milliseconds a frame, MB a second. @type {[number[], (number | null)[], (number | null)[]]} */
  #readings = [
    Array.from({ length: READINGS }, (_, index) => (index - READINGS + 1) / 4),
    new Array(READINGS).fill(null),
    new Array(READINGS).fill(null),
  ];
  /** @type {import('uplot') | undefined} */
  #plot;

  /** @param {HTMLElement} container */
  constructor(container) {
    this.#container = container;
    this.#create();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#create());
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(container);
  }

  #size() {
    return { width: Math.max(this.#container.clientWidth, 100), height: Math.max(this.#container.clientHeight, 80) };
  }

  #create() {
    this.#plot?.destroy();
    const [text, border, accent, second] = ['--text-muted', '--border', '--accent', '--plot-second'].map(colour);
    const axis = { stroke: text, font: FONT, ticks: { show: false } };
    const grid = { stroke: border, width: 1 };
    /** @type {import('uplot').Options} */
    const options = {
      ...this.#size(),
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 0, 0, 0],
      scales: {
        x: { time: false },
        ms: { range: (_, __, max) => [0, Math.max(20, max * 1.15)] },
        mb: { range: (_, __, max) => [0, Math.max(100, max * 1.15)] },
      },
      axes: [
        {
          ...axis,
          grid,
          size: 24,
          splits: () => MARKS,
          values: () => MARKS.map((at) => (at === 0 ? 'now' : `−${-at} s`)),
        },
        { ...axis, stroke: accent, grid, scale: 'ms', size: 36, values: (_, marks) => marks.map(String) },
        {
          ...axis,
          stroke: second,
          grid: { show: false },
          scale: 'mb',
          side: 1,
          size: 40,
          values: (_, marks) => marks.map(String),
        },
      ],
      series: [
        {},
        { scale: 'ms', stroke: accent, width: 2, points: { show: false } },
        { scale: 'mb', stroke: second, width: 2, dash: [4, 3], points: { show: false } },
      ],
    };
    this.#plot = new uPlot(options, this.#readings, this.#container);
  }

  /** @param {number | null} milliseconds @param {number | null} megabytes a second */
  add(milliseconds, megabytes) {
    const [, times, rates] = this.#readings;
    for (const [list, value] of /** @type {const} */ ([
      [times, milliseconds],
      [rates, megabytes],
    ])) {
      list.shift();
      list.push(value);
    }
    this.#plot?.setData(this.#readings);
  }
}
