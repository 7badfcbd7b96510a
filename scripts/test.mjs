// npm test: all checks and tests, two steps at a time, with a line for each step and a count at the end.
//
//   npm test                                 all of them
//   npm test -- window                       those whose name contains the word
//   npm test -- window --electron 27.3.10    in another Electron that the npm registry holds
//   npm test -- --electron PATH              in the Electron at that path: its folder, or its executable
//   npm run test:own                         those that run again with libraries in processes of their own, all of them

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { command, Failure, log } from './lib/console.mjs';
import { openDisplay } from './lib/display.mjs';
import { ensureElectron, useElectron } from './lib/electron.mjs';
import { FIXTURES } from './lib/fixtures.mjs';
import { namedElectron } from './lib/named-electron.mjs';
import { prepareElectron } from './lib/setup.mjs';
import { STEPS } from './lib/test-steps.mjs';

/** @typedef {import('./lib/test-steps.mjs').Step} Step */

/** How many steps run at a time. Most of them wait more than they compute. */
const LANES = Math.min(2, os.availableParallelism());

/** How often it is said what runs. */
const PROGRESS_MS = 20_000;

await command(async () => {
  const options = /** @type {const} */ ({ electron: { type: 'string' }, own: { type: 'boolean' } });
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const steps = choose(positionals, values.own === true);
  const electron = values.electron ? await namedElectron(values.electron) : await ensureElectron();
  await prepareElectron(electron, { forTests: true });
  useElectron(electron);
  const display = await openDisplay();
  const env = { ...process.env, ...display.environment, ...temporaryFolder(), INPLACE_EXCHANGE_FIXTURES: FIXTURES };
  const total = { passed: 0, failed: 0 };
  /** @type {string[]} */
  const failures = [];
  try {
    await runInLanes(steps, async ({ name, run }, tee) => {
      const started = Date.now();
      log(`${name} ...`);
      const { passed, failed } = await run({ env, tee }).catch(brokenStep);
      total.passed += passed;
      total.failed += failed;
      if (failed > 0) failures.push(name);
      log(`${name}: ${passed} passed, ${failed} failed, ${((Date.now() - started) / 1000).toFixed(1)} s`);
    });
  } finally {
    await display.close();
  }
  log(`in Electron ${electron.version}${failures.length > 0 ? `; failed: ${failures.join(', ')}` : ''}`);
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
  if (total.failed > 0) process.exitCode = 1;
});

/** Those whose names have all the words, and what these need. @param {string[]} words @param {boolean} own */
function choose(words, own) {
  const chosen = STEPS.filter((step) => (own ? step.own : step.own !== 'long')).filter(({ name }) =>
    words.every((word) => name.includes(word)),
  );
  if (chosen.length === 0)
    throw new Failure(
      `no step is called ${words.join(' ')}. There are:\n${STEPS.map(({ name }) => `  ${name}`).join('\n')}`,
    );
  const needed = new Set(chosen.flatMap(({ needs = [] }) => needs));
  return STEPS.filter((step) => chosen.includes(step) || needed.has(step.name));
}

/** For what the tests and their tools write, all of which is removed at the end. @returns {NodeJS.ProcessEnv} */
function temporaryFolder() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'inplace-exchange-test-'));
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return { TMPDIR: folder, TEMP: folder, TMP: folder };
}

/**
 * Begins the steps in their order, each after those that it needs or has to be after.
 * @param {Step[]} steps
 * @param {(step: Step, tee: boolean) => Promise<void>} runStep `tee`: no other step runs beside it
 */
async function runInLanes(steps, runStep) {
  const waiting = [...steps];
  /** @type {Map<Step, Promise<void>>} */
  const running = new Map();
  const isLeft = (/** @type {string} */ name) => [...waiting, ...running.keys()].some((step) => step.name === name);
  const timer = setInterval(() => {
    if (running.size > 0) log(`${[...running.keys()].map(({ name }) => name).join(' and ')} ...`);
  }, PROGRESS_MS);
  while (waiting.length > 0 || running.size > 0) {
    const next = waiting.find(({ needs = [], after = [] }) => ![...needs, ...after].some(isLeft));
    const isAlone = next?.alone || [...running.keys()].some(({ alone }) => alone);
    if (next && running.size < (isAlone ? 1 : LANES)) {
      waiting.splice(waiting.indexOf(next), 1);
      const tee = running.size === 0 && (next.alone || waiting.length === 0);
      running.set(
        next,
        runStep(next, tee).finally(() => running.delete(next)),
      );
    } else await Promise.race(running.values());
  }
  clearInterval(timer);
}

/** A step that throws has failed; the steps after it still run. @param {unknown} error */
function brokenStep(error) {
  process.stdout.write(`${error instanceof Failure ? error.message : error}\n`);
  return { passed: 0, failed: 1 };
}
