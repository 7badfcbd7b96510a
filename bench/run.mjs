// npm run bench: compares the ways to get native data into a renderer.

import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { command, Failure, log, progress } from '../scripts/lib/console.mjs';
import { openDisplay } from '../scripts/lib/display.mjs';
import { installedElectron, useElectron } from '../scripts/lib/electron.mjs';
import { chart } from './chart.mjs';
import { measureIn } from './measure.mjs';
import { abi, buildPeers, builtFile, compile } from './native.mjs';
import { FULL, LIMITS, QUICK, sizesOf } from './plan.mjs';
import { out } from './report.mjs';
import { json, judge, print, Readings, size } from './results.mjs';

const USAGE = `npm run bench                      every row at every size, under ten minutes
npm run bench -- --quick           fewer and shorter batches, under one minute
               --json FILE         the figures
               --svg FILE          a chart of them
               --check             exits with an error if a limit is missed`;

function options() {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        svg: { type: 'string' },
        check: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    throw new Failure(`${/** @type {Error} */ (error).message}. Usage:\n${USAGE}`);
  }
}

/** Relative to the folder where npm was called. @param {string} file */
const fromCaller = (file) => path.resolve(process.env.INIT_CWD ?? '.', file);

await command(async () => {
  const { quick, json: jsonFile, svg: svgFile, check, help } = options();
  if (help) {
    out(USAGE);
    return;
  }
  const electron = installedElectron();
  if (!electron) throw new Failure('there is no Electron yet. Type: npm start');
  useElectron(electron);
  await buildPeers();
  const library = await compile('cc', 'fill.c', 'fill.so', abi);
  const zero = await compile('cc', 'fill.c', 'fill-zero.so', [...abi, '-DZERO']);
  const display = await openDisplay();
  const { renderers, ...plan } = quick ? QUICK : FULL;
  const sizes = sizesOf(quick);
  const readings = new Readings();
  const expected = renderers * plan.rounds * sizes.reduce((sum, { ids }) => sum + ids.length, 0);
  let received = 0;
  let current = '';
  const done = progress('measuring:', () => `${Math.floor((received / expected) * 100)} % ${current}`);
  try {
    for (let renderer = 0; renderer < renderers; renderer += 1) {
      const environment = {
        ...display.environment,
        INPLACE_EXCHANGE_LIBRARY: library, // every row calls the same library
        BENCH_LIBRARY: library,
        BENCH_ZERO_LIBRARY: zero,
        BENCH_NATIVE: builtFile(''),
        BENCH_PLAN: JSON.stringify({ ...plan, sizes }),
      };
      await measureIn(electron, 'rows', environment, (text) => {
        const message = JSON.parse(text);
        readings.add(message);
        received += message.readings?.length ?? 0;
        current = message.readings ? size(message.readings[0].bytes) : '';
      });
    }
  } finally {
    done();
    await display.close();
  }
  print(readings);
  const missed = judge(readings);
  const report = json(readings);
  if (jsonFile) {
    fs.writeFileSync(fromCaller(jsonFile), `${JSON.stringify(report, null, 2)}\n`);
    log(`wrote ${jsonFile}`);
  }
  if (svgFile) {
    fs.writeFileSync(fromCaller(svgFile), await chart(report));
    log(`wrote ${svgFile}`);
  }
  if (check && missed > 0)
    throw new Failure(`${missed} of ${LIMITS.length} limits are missed by more than the noise, or their rows failed.`);
});
