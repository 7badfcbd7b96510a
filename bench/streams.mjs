// npm run bench:streams [-- --seconds N] [STAGE ...]: streams into Workers and an AudioWorklet, while the page's main thread
// does something else, and while it has nothing to do.

import { parseArgs } from 'node:util';
import { command, Failure, progress } from '../scripts/lib/console.mjs';
import { openDisplay } from '../scripts/lib/display.mjs';
import { installedElectron, useElectron } from '../scripts/lib/electron.mjs';
import { machine, measureIn } from './measure.mjs';
import { abi, compile } from './native.mjs';
import { line, median, out, percentile, ratioOf } from './report.mjs';

/** @param {number[]} ms */
const ages = (ms) => ['50', '95', '99'].map((at) => `p${at} ${percentile(ms, Number(at)).toFixed(0)} ms`).join(', ');

/** @type {Record<string, (measured: any) => void>} by stage, in their order */
const print = {
  /** @param {Record<string, number[]>} rows */
  messages(rows) {
    out('\nMessages of 64 bytes a second');
    for (const [id, rates] of Object.entries(rows))
      line(
        `  ${id}`,
        ...[50, 10, 90].map((at) => percentile(rates, at).toLocaleString('en', { maximumFractionDigits: 0 })),
      );
    const ratio = ratioOf(rows['stream, in a Worker'], rows.shared);
    out(`  stream / shared: ${ratio.toFixed(1)} (limit: at least 10, and ${(5_000_000).toLocaleString('en')})`);
    out(`  median of the stream: ${(median(rows['stream, in a Worker']) / 1e6).toFixed(1)} million`);
  },

  /** @param {Record<string, number[]>} rows */
  workers(rows) {
    out('\nAn exchange of 64 bytes from a Worker, us');
    for (const [id, us] of Object.entries(rows))
      line(`  ${id}`, ...[50, 10, 90].map((at) => percentile(us, at).toFixed(0)));
    const ratio = ratioOf(rows['by way of the page'], rows['a port of its own']);
    out(`  by way of the page / a port of its own: ${ratio.toFixed(2)}`);
  },

  /** @param {{ slots: number, empty: number, blocks: number, late: number[] }[]} results */
  audio(results) {
    out('\nAudio, 128 samples at 48 kHz, main thread held for 90 % of the time');
    for (const [index, { slots, empty, blocks, late }] of results.entries()) {
      const limit = index === 0 ? ' (limit: 0; p99 at most 40 ms)' : '';
      out(`  ${(slots * 128) / 48} ms prefilled: ${empty} underruns of ${blocks}; age ${ages(late)}${limit}`);
    }
  },

  /** @param {{ late: number[], ms: number }} measured */
  video({ late, ms }) {
    const rate = (late.length / ms) * 1000;
    out('\nVideo, 1920 x 1080 at 60 a second, drawn in a Worker, main thread held likewise');
    out(`  ${rate.toFixed(1)} frames a second; age ${ages(late)} (limit: at least 50; p95 at most 40 ms)`);
  },

  /** @param {{ share: number, frames: number, ms: number, empty: number }} measured */
  idle({ share, frames, ms, empty }) {
    out('\nBoth at once, main thread idle');
    out(`  main thread on the CPU ${(share * 100).toFixed(2)} % of the time (limit: under 1 %)`);
    out(`  ${((frames / ms) * 1000).toFixed(1)} frames a second, ${empty} underruns`);
  },
};

await command(async () => {
  const { values, positionals } = parseArgs({
    options: { seconds: { type: 'string', default: '60' } },
    allowPositionals: true,
  });
  const wrong = positionals.find((stage) => !(stage in print));
  if (wrong || !(Number(values.seconds) >= 3))
    throw new Failure(`Type: npm run bench:streams -- [--seconds 60] [${Object.keys(print).join(' ')}]`);
  const electron = installedElectron();
  if (!electron) throw new Failure('there is no Electron yet. Type: npm start');
  useElectron(electron);
  const stages = positionals.length > 0 ? positionals : Object.keys(print);
  const environment = {
    BENCH_STAGES: stages.join(' '),
    BENCH_SECONDS: values.seconds,
    BENCH_LIBRARY: await compile('cc', 'fill.c', 'fill.so', abi),
    BENCH_PACED_LIBRARY: await compile('cc', 'fill.c', 'fill-paced.so', [...abi, '-DPACED_US=16667']),
  };
  const display = await openDisplay();
  const started = Date.now();
  const done = progress('measuring, about 3 minutes:', () => `${((Date.now() - started) / 1000).toFixed(0)} s`);
  try {
    const output = await measureIn(electron, 'streams', { ...environment, ...display.environment }).finally(done);
    for (const [index, text] of output.trim().split('\n').entries()) {
      const { stage, result } = JSON.parse(text);
      if (index === 0) out(machine(result.versions));
      print[stage](result.measured);
    }
  } finally {
    await display.close();
  }
});
