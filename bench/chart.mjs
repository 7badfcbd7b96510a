// Charts for light and dark themes: this one is size against time on logarithmic axes, with a line for each row.

/** @typedef {{ id: string, group: string, bytes: number, medianNs: number | null }} Row */

/** The colours of text and lines, which follow the reader's colour scheme. */
const STYLE =
  '<style>svg{--ink:#17191d;--quiet:#565c66;--line:#dfe1e4}' +
  '@media(prefers-color-scheme:dark){svg{--ink:#edeef0;--quiet:#a4abb6;--line:#343943}}</style>';

const AXIS = {
  domainColor: 'var(--line)',
  gridColor: 'var(--line)',
  tickColor: 'var(--line)',
  labelColor: 'var(--quiet)',
  titleColor: 'var(--ink)',
};

/**
 * Draws a chart of vega-lite.
 * @param {string} title @param {string} subtitle @param {object} spec
 * @returns {Promise<string>} SVG
 */
export async function draw(title, subtitle, spec) {
  // Dynamic imports: packages of bench/package.json are not installed when the project's own checks run.
  const [vega, vegaLite] = await Promise.all(['vega', 'vega-lite'].map((name) => import(name)));
  const compiled = vegaLite.compile({
    background: 'transparent',
    title: { text: title, subtitle, anchor: 'start', offset: 12, color: 'var(--ink)', subtitleColor: 'var(--quiet)' },
    ...spec,
    config: { view: { stroke: null }, axis: AXIS, font: 'system-ui, sans-serif' },
  });
  const svg = await new vega.View(vega.parse(compiled.spec), { renderer: 'none' }).toSVG();
  return `${svg.replace(/(<svg[^>]*>)/, `$1<title>${title}</title>${STYLE}`)}\n`;
}

const TITLE = 'From native code to JavaScript: time against size';

/** The rows in the chart: one for each transport, so that the lines can be distinguished. */
const SHOWN = [
  'electron/invoke',
  'electron/utility-port',
  'electron/context-bridge',
  'copy/buffer',
  'in-place/fresh',
  'page/exchange-worker',
  'page/exchange-main',
  'page/own-main',
  'page/allocated',
  'page/own-shared',
  'page/shared',
  'in-place/default',
  'limit/native-fill',
];
const COLOURS = [
  '#8c6bb1',
  '#b08fd0',
  '#c2569b',
  '#d1495b',
  '#c98a2b',
  '#5b8fd6',
  '#2f6fbf',
  '#7d8f2b',
  '#56b4c9',
  '#b5c04a',
  '#2a9d8f',
  '#e2711d',
  '#8a8f98',
];

/**
 * @param {{ environment: Record<string, any>, rows: Row[] }} report
 * @returns {Promise<string>} SVG
 */
export async function chart({ environment, rows }) {
  const values = rows.filter(({ id, bytes, medianNs }) => SHOWN.includes(id) && bytes > 0 && medianNs !== null);
  const { electron, cpu, cores, date } = environment;
  return draw(TITLE, `Electron ${electron}, ${cpu}, ${cores} cores, ${date}; lower is faster`, {
    width: 620,
    height: 420,
    data: { values },
    mark: { type: 'line', point: { size: 30 }, strokeWidth: 2 },
    encoding: {
      x: {
        field: 'bytes',
        type: 'quantitative',
        scale: { type: 'log', base: 2 },
        axis: {
          title: 'bytes',
          values: [64, 1024, 65_536, 1_048_576, 8_294_400, 104_857_600],
          labelExpr:
            "datum.value >= 104857600 ? '100 MiB' : datum.value >= 8294400 ? '1080p' : datum.value >= 1048576 ? '1 MiB' : datum.value >= 65536 ? '64 KiB' : datum.value >= 1024 ? '1 KiB' : '64 B'",
        },
      },
      y: {
        field: 'medianNs',
        type: 'quantitative',
        scale: { type: 'log' },
        axis: {
          title: 'time for a call, median',
          values: [10, 1e3, 1e5, 1e7, 1e9],
          labelExpr:
            "datum.value >= 1e9 ? '1 s' : datum.value >= 1e7 ? '10 ms' : datum.value >= 1e5 ? '100 µs' : datum.value >= 1e3 ? '1 µs' : '10 ns'",
        },
      },
      color: {
        field: 'id',
        type: 'nominal',
        sort: SHOWN,
        scale: { domain: SHOWN, range: COLOURS },
        legend: { title: null, labelColor: 'var(--ink)', symbolStrokeWidth: 3, labelLimit: 220 },
      },
    },
  });
}
