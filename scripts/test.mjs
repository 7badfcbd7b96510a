// npm test: all checks and tests, with a line for each step and a count at the end.
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
import { ADDON_TESTS } from './lib/addon-tests.mjs';
import { command, Failure, log, run } from './lib/console.mjs';
import { openDisplay } from './lib/display.mjs';
import { electronFlags, ensureElectron, useElectron } from './lib/electron.mjs';
import { buildFixtures, FIXTURES, fixtureFile } from './lib/fixtures.mjs';
import { IMPORTING } from './lib/import-rules.mjs';
import { namedElectron } from './lib/named-electron.mjs';
import { OWN_ENVIRONMENT, OWN_STEPS, SWITCH } from './lib/own-tests.mjs';
import { packedAddon } from './lib/packages.mjs';
import { RUST_TESTS } from './lib/rust-tests.mjs';
import { prepareElectron } from './lib/setup.mjs';
import { generatedAreCurrent, moduleGraphs, testFilesAreListed } from './lib/source-checks.mjs';

const root = path.dirname(import.meta.dirname);

/** For a step. When a renderer crashes, its test runner would wait for ever. */
const LIMIT_MS = 5 * 60_000;

/** @typedef {{ passed: number, failed: number }} Count */

/** A file of an npm package. @param {string[]} parts */
const packaged = (...parts) => path.join(root, 'node_modules', ...parts);

/** For all steps. @type {NodeJS.ProcessEnv} */
let environment = {};

/**
 * A check that passes or fails as a whole.
 * @param {string} program @param {string[]} args
 * @returns {() => Promise<Count>}
 */
const check = (program, args) => async () => {
  const { status, output } = await run(program, args, { cwd: root, shell: process.platform === 'win32' });
  if (status !== 0) process.stdout.write(`${output}\n`);
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
};

/**
 * A test runner, which prints its own counts. One that exits with an error, or ran no test, has failed.
 * @param {string} program @param {string[]} args
 * @param {{ passed: RegExp, failed: RegExp }} counts
 * @param {Extra} [extra]
 * @param {boolean} [alone] whether its output is shown at once, or in one piece at its end
 * @returns {Promise<Count>}
 */
async function suite(program, args, counts, extra = {}, alone = true) {
  const { status, output } = await run(program, args, {
    cwd: root,
    tee: alone,
    limitMs: LIMIT_MS,
    env: { ...environment, ...(typeof extra === 'function' ? extra() : extra) },
  });
  if (!alone) process.stdout.write(output);
  const sum = (/** @type {RegExp} */ pattern) =>
    [...output.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
  const count = { passed: sum(counts.passed), failed: sum(counts.failed) };
  if (status === 124) process.stdout.write(`not done in ${LIMIT_MS / 60_000} minutes\n`);
  if ((status !== 0 || count.passed === 0) && count.failed === 0) count.failed = 1;
  return count;
}

/** The test files that steps run. @type {Set<string>} */
const listed = new Set();

const CARGO = { passed: /^test result: .* (\d+) passed/gm, failed: /^test result: .* (\d+) failed/gm };
const MOCHA = { passed: /^ +(\d+) passing/gm, failed: /^ +(\d+) failing/gm };

/** Variables for a step, or what gives them when it runs. @typedef {NodeJS.ProcessEnv | (() => NodeJS.ProcessEnv)} Extra */

/** @param {string[]} files @param {Extra} [extra] */
const mocha = (files, extra) => {
  for (const file of files) listed.add(file);
  const args = [packaged('mocha', 'bin', 'mocha.js'), '--timeout', '30000', ...files];
  return (/** @type {boolean} */ alone) => suite(process.execPath, args, MOCHA, extra, alone);
};

/**
 * @param {'main' | 'renderer'} where @param {string[]} files
 * @param {Extra} [extra] @param {string[]} [args]
 */
const electronMocha = (where, files, extra, args = []) => {
  for (const file of files) listed.add(file);
  return () => suite(process.execPath, electronMochaArgs(where, [...args, ...files]), MOCHA, extra);
};

/** @param {'main' | 'renderer'} where @param {string[]} files */
const electronMochaArgs = (where, files) => [
  packaged('electron-mocha', 'bin', 'electron-mocha'),
  ...electronFlags(),
  '--js-flags=--expose-gc',
  '--log-level=3', // no errors about a missing D-Bus or GPU
  ...(where === 'renderer' ? ['--renderer', '--enable-features=SharedArrayBuffer'] : []),
  '--timeout',
  '30000',
  ...files,
];

const header = (/** @type {string[]} */ ...args) => [
  ...args,
  '-Wall',
  '-Wextra',
  '-Werror',
  '-fsyntax-only',
  'tests/addon/header.c',
];

const ADDON_FILES = ADDON_TESTS.map((name) => `tests/addon/${name}.test.js`);
const pageTests = (/** @type {string} */ names) => names.split(' ').map((name) => `tests/page/${name}.test.mjs`);
const OTHER_SECURITY = pageTests('security-memory security-stream');
const PACKAGE_TESTS = ['install', 'new'].map((name) => `tests/packages/${name}.test.mjs`);
const PANEL_TESTS = ['exchange', 'live', 'streams', 'about'].map((name) => `tests/app/panel-${name}.test.mjs`);
const ASYNC_TESTS = ['async', 'async-order', 'security-addon'].map((name) => `tests/addon/${name}.test.js`);
const NODE_TESTS = ['immutable', 'populate'].map((name) => `tests/addon/${name}.test.js`);
const DOCTOR_TESTS = ['doctor', 'doctor-foreign'].map((name) => `tests/packages/${name}.test.mjs`);
const VALIDATE_TESTS = ['validate', 'validate-sanitizer'].map((name) => `tests/packages/${name}.test.mjs`);
const IDENTITY_TESTS = ['tests/addon/identity.test.js'];
/** With the addon that ships, by a variable of the loader. */
const asPacked = () => ({ NAPI_RS_NATIVE_LIBRARY_PATH: packedAddon() });
const inOwnProcesses = () => ({ ...asPacked(), ...OWN_ENVIRONMENT });
const ADDRESS_AS_DEFAULT = { INPLACE_EXCHANGE_LIBRARY: fixtureFile('address') };

/**
 * @typedef {object} Step
 * @property {string} name found by `npm test -- NAME`
 * @property {(alone: boolean) => Promise<Count>} run
 * @property {string[]} [needs] steps that run before it, also when they were not chosen
 * @property {'quick' | 'long'} [own] with libraries in processes of their own: `npm test` runs the quick ones alone
 * @property {string} [beside] the step that it runs in parallel with: both mostly wait, or use one core
 */

const needs = ['fixtures'];
const needsPackages = [...needs, 'packages'];

/** In the order in which they run. @type {Step[]} */
const STEPS = [
  { name: 'rustfmt', run: check('cargo', ['fmt', '--all', '--check']) },
  {
    name: 'clippy',
    run: check('cargo', ['clippy', '--quiet', '--workspace', '--all-targets', '--', '-D', 'warnings']),
  },
  { name: 'biome', run: check(packaged('.bin', 'biome'), ['ci', '--error-on-warnings', '.']) },
  { name: 'types', run: check(packaged('.bin', 'tsc'), ['--project', '.']) },
  { name: 'types, for a strict app', run: check(packaged('.bin', 'tsc'), ['--project', 'tests/packages']) },
  {
    name: 'import graph, JavaScript',
    run: check(packaged('.bin', 'depcruise'), ['--config', 'scripts/lib/import-rules.mjs', ...IMPORTING]),
  },
  { name: 'module graph, Rust', run: async () => moduleGraphs() },
  { name: 'graph checks', run: mocha(['tests/tooling/graphs.test.mjs']) },
  { name: 'test files', run: async () => testFilesAreListed(listed) },
  { name: 'workflows', run: mocha(['tests/tooling/workflows.test.mjs']) },
  { name: 'other systems', run: mocha(['tests/tooling/reach.test.mjs']) },
  { name: 'house rules', run: mocha(['tests/tooling/house.test.mjs']) },
  { name: 'generated files', run: async () => generatedAreCurrent() },
  { name: 'header as C11', run: check('cc', header('-std=c11')) },
  { name: 'header as C++17', run: check('c++', header('-x', 'c++', '-std=c++17')) },
  { name: 'fixtures', run: () => buildFixtures().then(() => ({ passed: 1, failed: 0 })) },
  ...RUST_TESTS.map(({ name, args }) => ({ name, needs, run: () => suite('cargo', args, CARGO) })),
  { name: 'examples', run: mocha(['tests/examples/examples.test.mjs']) },
  { name: 'models', run: models },
  { name: 'documents', run: mocha(['docs', 'examples-compile'].map((name) => `tests/tooling/${name}.test.mjs`)) },
  {
    name: 'set-up',
    run: mocha(['setup', 'named-electron', 'processes', 'up-to-date'].map((name) => `tests/tooling/${name}.test.mjs`)),
  },
  { name: 'packages', needs, beside: 'models', run: mocha(PACKAGE_TESTS) },
  { name: 'addon, main process', needs, run: electronMocha('main', [...ADDON_FILES, 'tests/addon/workers.test.js']) },
  { name: 'addon, renderer process', needs: needsPackages, run: electronMocha('renderer', ADDON_FILES, asPacked) },
  {
    name: 'addon, plain Node.js',
    needs: needsPackages,
    run: mocha(['--expose-gc', ...ASYNC_TESTS, ...NODE_TESTS], asPacked),
  },
  ...OWN_STEPS.map(({ name, where, files, own }) => ({
    name: `own processes: ${name}`,
    needs: needsPackages,
    own,
    run:
      where === 'node'
        ? mocha(['--expose-gc', ...files], inOwnProcesses)
        : electronMocha(where, files, inOwnProcesses, ['--require', SWITCH]),
  })),
  { name: 'identity, main process', needs, run: electronMocha('main', IDENTITY_TESTS, ADDRESS_AS_DEFAULT) },
  { name: 'identity, renderer process', needs, run: electronMocha('renderer', IDENTITY_TESTS, ADDRESS_AS_DEFAULT) },
  {
    name: 'page API',
    needs: needsPackages,
    run: mocha(pageTests('connect unexposed exchange spare operations memory'), asPacked),
  },
  {
    name: 'page API, frames and ports',
    needs: needsPackages,
    beside: 'page API',
    run: mocha(
      pageTests(
        'frames stream stream-push stream-reader port worker-port isolation own-process shared-process shared-stream mapped',
      ),
      asPacked,
    ),
  },
  { name: 'security, page', needs, run: mocha(pageTests('security-page security-preload')) },
  { name: 'security, memory', needs, beside: 'security, page', run: mocha(OTHER_SECURITY) },
  { name: 'window', needs, run: mocha(['tests/app/window.test.mjs', 'tests/app/layout.test.mjs']) },
  { name: 'window, panels', needs, beside: 'window', run: mocha(PANEL_TESTS) },
  { name: 'security, app', needs, run: mocha(['tests/app/security-app.test.mjs']) },
  { name: 'window, late event', needs, beside: 'security, app', run: mocha(['tests/app/process-gone.test.mjs']) },
  { name: 'window, own processes', needs, beside: 'security, app', run: mocha(['tests/app/own-process.test.mjs']) },
  { name: 'window, performance', needs, run: mocha(['tests/app/performance.test.mjs']) },
  { name: 'life of a page', needs, run: mocha(['tests/app/lifecycle.test.mjs']) },
  { name: 'fuzz', run: fuzz },
  { name: 'soak', run: mocha(['tests/tooling/soak.test.mjs']) },
  { name: 'packaged', run: mocha(['tests/packages/packaged.test.mjs']) },
  { name: 'packaged, doctor', needs, run: mocha(DOCTOR_TESTS) },
  { name: 'validate', needs, run: mocha(VALIDATE_TESTS) },
  ...(process.platform === 'linux' ? [{ name: 'consumer, electron-builder', run: consumer }] : []),
  { name: 'start', beside: 'packaged, doctor', run: mocha(['tests/tooling/start.test.mjs']) },
  { name: 'release', run: mocha(['tests/tooling/release.test.mjs']) },
];

/** Small models, the same schedules each time, and a few mutants; npm run model goes further. */
function models() {
  const counts = { passed: /^(\d+) (?:models hold|mutants are caught)/gm, failed: /^(\d+) mutants are missed/gm };
  return suite(process.execPath, ['scripts/model.mjs', '--short'], counts);
}

/** One of the apps that npm run consumers packages: the one with all fuses hardened. */
function consumer() {
  const counts = { passed: /^(\d+) passed/gm, failed: /, (\d+) failed$/gm };
  return suite(process.execPath, ['scripts/consumers.mjs', 'electron-builder'], counts);
}

/** With a fixed seed; npm run fuzz takes a random one. */
async function fuzz() {
  const args = ['scripts/fuzz.mjs', '--seed', '1', '--count', '20000'];
  const { status } = await run(process.execPath, args, { cwd: root, tee: true, limitMs: LIMIT_MS, env: environment });
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

await command(async () => {
  const options = /** @type {const} */ ({ electron: { type: 'string' }, own: { type: 'boolean' } });
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const chosen = STEPS.filter(({ own }) => (values.own ? own : own !== 'long')).filter(({ name }) =>
    positionals.every((word) => name.includes(word)),
  );
  if (chosen.length === 0)
    throw new Failure(
      `no step is called ${positionals.join(' ')}. There are:\n${STEPS.map(({ name }) => `  ${name}`).join('\n')}`,
    );
  const needed = new Set(chosen.flatMap(({ needs = [] }) => needs));
  const steps = STEPS.filter((step) => chosen.includes(step) || needed.has(step.name));
  const electron = values.electron ? await namedElectron(values.electron) : await ensureElectron();
  await prepareElectron(electron, { forTests: true });
  useElectron(electron);
  const display = await openDisplay();
  // Not every tool removes what it writes there.
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'inplace-exchange-test-'));
  process.on('exit', () => fs.rmSync(temporary, { recursive: true, force: true, maxRetries: 3 }));
  const folders = { TMPDIR: temporary, TEMP: temporary, TMP: temporary };
  environment = { ...process.env, ...display.environment, ...folders, INPLACE_EXCHANGE_FIXTURES: FIXTURES };
  const total = { passed: 0, failed: 0 };
  /** @type {string[]} */
  const failures = [];
  try {
    /** @param {Step} step @param {boolean} alone */
    const runStep = async ({ name, run }, alone) => {
      const started = Date.now();
      log(`${name} ...`);
      const { passed, failed } = await run(alone).catch(brokenStep);
      total.passed += passed;
      total.failed += failed;
      if (failed > 0) failures.push(name);
      log(`${name}: ${passed} passed, ${failed} failed, ${((Date.now() - started) / 1000).toFixed(1)} s`);
    };
    const names = steps.map(({ name }) => name);
    for (const step of steps) {
      if (step.beside && names.includes(step.beside)) continue; // it has run with that one
      const together = [step, ...steps.filter(({ beside }) => beside === step.name)];
      await Promise.all(together.map((each) => runStep(each, together.length === 1)));
    }
  } finally {
    await display.close();
  }
  log(`in Electron ${electron.version}${failures.length > 0 ? `; failed: ${failures.join(', ')}` : ''}`);
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
  if (total.failed > 0) process.exitCode = 1;
});

/** A step that throws has failed; the steps after it still run. @param {unknown} error @returns {Count} */
function brokenStep(error) {
  process.stdout.write(`${error instanceof Failure ? error.message : error}\n`);
  return { passed: 0, failed: 1 };
}
