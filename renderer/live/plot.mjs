// The plot below the picture: two readings over the last twenty seconds, such as the time of a frame and the throughput.

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
  /** Seconds ago, and the readings. @type {[number[], (number | null)[], (number | null)[]]} */
  #readings = [
    Array.from({ length: READINGS }, (_, index) => (index - READINGS + 1) / 4),
    new Array(READINGS).fill(null),
    new Array(READINGS).fill(null),
  ];
  /** @type {import('uplot') | undefined} */
  #plot;
  /** How far each axis goes at least. */
  #least;

  /** @param {HTMLElement} container @param {[left: number, right: number]} least how far each axis goes at least */
  constructor(container, least) {
    this.#container = container;
    this.#least = least;
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
        left: { range: (_, __, max) => [0, Math.max(this.#least[0], max * 1.15)] },
        right: { range: (_, __, max) => [0, Math.max(this.#least[1], max * 1.15)] },
      },
      axes: [
        {
          ...axis,
          grid,
          size: 24,
          splits: () => MARKS,
          values: () => MARKS.map((at) => (at === 0 ? 'now' : `−${-at} s`)),
        },
        { ...axis, stroke: accent, grid, scale: 'left', size: 36, values: (_, marks) => marks.map(String) },
        {
          ...axis,
          stroke: second,
          grid: { show: false },
          scale: 'right',
          side: 1,
          size: 40,
          values: (_, marks) => marks.map(String),
        },
      ],
      series: [
        {},
        { scale: 'left', stroke: accent, width: 2, points: { show: false } },
        { scale: 'right', stroke: second, width: 2, dash: [4, 3], points: { show: false } },
      ],
    };
    this.#plot = new uPlot(options, this.#readings, this.#container);
  }

  /** @param {number | null} left @param {number | null} right */
  add(left, right) {
    const [, lefts, rights] = this.#readings;
    for (const [list, value] of /** @type {const} */ ([
      [lefts, left],
      [rights, right],
    ])) {
      list.shift();
      list.push(value);
    }
    this.#plot?.setData(this.#readings);
  }
}
