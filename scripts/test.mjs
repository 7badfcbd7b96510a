// npm test: every check and every test, with a line for each and a count at the end.
//
//   npm test                                 all of them
//   npm test -- window                       those whose name contains the word
//   npm test -- window --electron 27.3.10    in another Electron (one that the npm registry holds)

import path from 'node:path';
import { parseArgs } from 'node:util';
import { staleGenerated } from './build.mjs';
import { command, Failure, run, say } from './console.mjs';
import { openDisplay } from './display.mjs';
import { electronFlags, installedElectron, REGISTRY_BUILDS, registryElectron, useElectron } from './electron.mjs';
import { buildFixtures, FIXTURES, fixtureFile } from './fixtures.mjs';

const root = path.dirname(import.meta.dirname);

/** A renderer that crashes leaves its test runner waiting for ever. */
const LIMIT_MS = 5 * 60_000;

/** @typedef {{ passed: number, failed: number }} Count */

/** A file of an npm package. @param {string[]} parts */
const packaged = (...parts) => path.join(root, 'node_modules', ...parts);

/** @type {NodeJS.ProcessEnv} what every step gets */
let environment = {};

/**
 * One check that passes or fails as a whole.
 * @param {string} program @param {string[]} args
 * @returns {() => Promise<Count>}
 */
const check = (program, args) => async () => {
  const { status, output } = await run(program, args, { cwd: root, shell: process.platform === 'win32' });
  if (status !== 0) process.stdout.write(`${output}\n`);
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
};

/**
 * A test runner, which counts for itself. One that ends badly, or ran nothing, has failed whatever it counted.
 * @param {string} program @param {string[]} args
 * @param {{ passed: RegExp, failed: RegExp }} counts
 * @param {NodeJS.ProcessEnv} [extra]
 * @param {boolean} [alone] whether its output is shown as it comes, and not when it is all there
 * @returns {Promise<Count>}
 */
async function suite(program, args, counts, extra = {}, alone = true) {
  const { status, output } = await run(program, args, {
    cwd: root,
    tee: alone,
    limitMs: LIMIT_MS,
    env: { ...environment, ...extra },
  });
  if (!alone) process.stdout.write(output);
  const sum = (/** @type {RegExp} */ pattern) =>
    [...output.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
  const count = { passed: sum(counts.passed), failed: sum(counts.failed) };
  if (status === 124) process.stdout.write(`not done in ${LIMIT_MS / 60_000} minutes\n`);
  if ((status !== 0 || count.passed === 0) && count.failed === 0) count.failed = 1;
  return count;
}

const CARGO = { passed: /^test result: .* (\d+) passed/gm, failed: /^test result: .* (\d+) failed/gm };
const MOCHA = { passed: /^ +(\d+) passing/gm, failed: /^ +(\d+) failing/gm };

/** @param {string[]} files @param {NodeJS.ProcessEnv} [extra] */
const mocha = (files, extra) => (/** @type {boolean} */ alone) =>
  suite(process.execPath, [packaged('mocha', 'bin', 'mocha.js'), '--timeout', '30000', ...files], MOCHA, extra, alone);

/**
 * @param {'main' | 'renderer'} where @param {string[]} files
 * @param {NodeJS.ProcessEnv} [extra]
 */
const electronMocha = (where, files, extra) => () =>
  suite(
    process.execPath,
    [
      packaged('electron-mocha', 'bin', 'electron-mocha'),
      ...electronFlags(),
      '--js-flags=--expose-gc',
      '--log-level=3', // Chromium's complaints about a missing D-Bus or GPU say nothing about the tests
      ...(where === 'renderer' ? ['--renderer', '--enable-features=SharedArrayBuffer'] : []),
      '--timeout',
      '30000',
      ...files,
    ],
    MOCHA,
    extra,
  );

const header = (/** @type {string[]} */ ...args) => [
  ...args,
  '-Wall',
  '-Wextra',
  '-Werror',
  '-fsyntax-only',
  'tests/header.c',
];

const ADDON_TESTS = ['addon', 'problem', 'inputs', 'libraries', 'security-libraries', 'async', 'security-addon'].map(
  (name) => `tests/${name}.test.js`,
);
const ADDRESS_AS_DEFAULT = { INPLACE_EXCHANGE_LIBRARY: fixtureFile('address') };

const FIXTURES_STEP = 'fixtures';
const NEEDS_FIXTURES = /^(addon|identity),|^life|^page|^security|^window|^rust tests/;

/** @typedef {(alone: boolean) => Promise<Count>} Step */

// In their order. One whose name begins with that of the step before, and a colon, is made beside it: both wait for most
// of their time.
/** @type {[string, Step][]} */
const STEPS = [
  ['rustfmt', check('cargo', ['fmt', '--all', '--check'])],
  ['clippy', check('cargo', ['clippy', '--quiet', '--workspace', '--all-targets', '--', '-D', 'warnings'])],
  ['biome', check(packaged('.bin', 'biome'), ['ci', '--error-on-warnings', '.'])],
  ['types', check(packaged('.bin', 'tsc'), ['--project', '.'])],
  ['generated files', async () => generatedAreCurrent()],
  ['header as C11', check('cc', header('-std=c11'))],
  ['header as C++17', check('c++', header('-x', 'c++', '-std=c++17'))],
  [FIXTURES_STEP, () => buildFixtures().then(() => ({ passed: 1, failed: 0 }))],
  [
    'rust tests',
    () =>
      suite('cargo', ['test', '--quiet', '-p', 'inplace-exchange-host', '-p', 'native-lib', '-p', 'live-lib'], CARGO),
  ],
  ['documents', mocha(['tests/docs.test.mjs'])],
  ['set-up', mocha(['tests/setup.test.mjs'])],
  ['addon, main process', electronMocha('main', [...ADDON_TESTS, 'tests/workers.test.js'])],
  ['addon, renderer process', electronMocha('renderer', ADDON_TESTS)],
  ['addon, plain Node.js', mocha(['--expose-gc', 'tests/async.test.js', 'tests/security-addon.test.js'])],
  ['identity, main process', electronMocha('main', ['tests/identity.test.js'], ADDRESS_AS_DEFAULT)],
  ['identity, renderer process', electronMocha('renderer', ['tests/identity.test.js'], ADDRESS_AS_DEFAULT)],
  ['page API', mocha(['tests/isolated.test.mjs'])],
  ['security', mocha(['tests/security-page.test.mjs', 'tests/security-preload.test.mjs'])],
  ['security: memory', mocha(['tests/security-memory.test.mjs'])],
  ['window', mocha(['tests/window.test.mjs', 'tests/looks.test.mjs'])],
  ['window: panels', mocha(['tests/panels.test.mjs'])],
  ['security, app', mocha(['tests/security-app.test.mjs'])],
  ['window, figures', mocha(['tests/figures.test.mjs'])],
  ['life of a page', mocha(['tests/lifecycle.test.mjs'])],
  ['fuzz', () => fuzz()],
  ['soak', mocha(['tests/soak.test.mjs'])],
  ['packaged', mocha(['tests/packaged.test.mjs'])],
  ['start', mocha(['tests/start.test.mjs'])],
];

/** The same calls each time; npm run fuzz draws others. */
async function fuzz() {
  const args = ['scripts/fuzz.mjs', '--seed', '1', '--count', '20000'];
  const { status } = await run(process.execPath, args, { cwd: root, tee: true, limitMs: LIMIT_MS, env: environment });
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** @returns {Count} */
function generatedAreCurrent() {
  const stale = staleGenerated();
  for (const name of stale) process.stdout.write(`${name} is not what the source generates. Type: npm run build\n`);
  return stale.length === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

await command(async () => {
  const { values, positionals } = parseArgs({ options: { electron: { type: 'string' } }, allowPositionals: true });
  const electron = values.electron ? await namedElectron(values.electron) : installedElectron();
  if (!electron) throw new Failure('there is no Electron yet. Type: npm test');
  const chosen = STEPS.filter(([name]) => positionals.every((word) => name.includes(word)));
  const steps = chosen.some(([name]) => NEEDS_FIXTURES.test(name))
    ? STEPS.filter((step) => step[0] === FIXTURES_STEP || chosen.includes(step))
    : chosen;
  if (steps.length === 0)
    throw new Failure(
      `no step is called ${positionals.join(' ')}. There are:\n${STEPS.map(([name]) => `  ${name}`).join('\n')}`,
    );
  useElectron(electron);
  const display = await openDisplay();
  environment = { ...process.env, ...display.environment, INPLACE_EXCHANGE_FIXTURES: FIXTURES };
  const total = { passed: 0, failed: 0 };
  /** @type {string[]} */
  const failures = [];
  try {
    /** @param {[string, Step]} step @param {boolean} alone */
    const carryOut = async ([name, step], alone) => {
      const started = Date.now();
      say(`${name} ...`);
      const { passed, failed } = await step(alone).catch(brokenStep);
      total.passed += passed;
      total.failed += failed;
      if (failed > 0) failures.push(name);
      say(`${name}: ${passed} passed, ${failed} failed, ${((Date.now() - started) / 1000).toFixed(1)} s`);
    };
    const left = [...steps];
    for (let next = left.shift(); next; next = left.shift()) {
      const goesBeside = left[0]?.[0].startsWith(`${next[0]}: `);
      const together = goesBeside ? [next, ...left.splice(0, 1)] : [next];
      await Promise.all(together.map((step) => carryOut(step, together.length === 1)));
    }
  } finally {
    await display.close();
  }
  say(`in Electron ${electron.version}${failures.length > 0 ? `; failed: ${failures.join(', ')}` : ''}`);
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
  if (total.failed > 0) process.exitCode = 1;
});

/** A step that could not be carried out has failed; those after it are still run. @param {unknown} error @returns {Count} */
function brokenStep(error) {
  process.stdout.write(`${error instanceof Failure ? error.message : error}\n`);
  return { passed: 0, failed: 1 };
}

/** @param {string} version */
function namedElectron(version) {
  if (!(version in REGISTRY_BUILDS))
    throw new Failure(
      `the npm registry holds Electron ${Object.keys(REGISTRY_BUILDS).join(' and ')}, not ${version}. For another one set ELECTRON_OVERRIDE_DIST_PATH.`,
    );
  return registryElectron(version);
}
