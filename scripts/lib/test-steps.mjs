// The steps of `npm test`.

import path from 'node:path';
import { ADDON_TESTS } from './addon-tests.mjs';
import { run } from './console.mjs';
import { electronFlags } from './electron.mjs';
import { buildFixtures, fixtureFile } from './fixtures.mjs';
import { IMPORTING } from './import-rules.mjs';
import { OWN_ENVIRONMENT, OWN_STEPS, SWITCH } from './own-tests.mjs';
import { packedAddon } from './packages.mjs';
import { RUST_TESTS } from './rust-tests.mjs';
import { generatedAreCurrent, moduleGraphs, testFilesAreListed } from './source-checks.mjs';

const root = path.join(import.meta.dirname, '..', '..');

/** For a step. When a renderer crashes, its test runner would wait for ever. */
const LIMIT_MS = 10 * 60_000;

/** With all that it has started: the tests of Rust are not cargo itself. Windows has no groups. */
const LIMITED = { limitMs: LIMIT_MS, group: process.platform !== 'win32' };

/** @typedef {{ passed: number, failed: number }} Count */
/** @typedef {{ env: NodeJS.ProcessEnv, tee: boolean }} How `tee`: its output is shown at once, not in one piece at its end */

/** A file of an npm package. @param {string[]} parts */
const packaged = (...parts) => path.join(root, 'node_modules', ...parts);

/**
 * A check that passes or fails as a whole, and is silent if it passes.
 * @param {string} program @param {string[]} args
 * @returns {(how: How) => Promise<Count>}
 */
const check = (program, args) => async (how) => {
  const options = { cwd: root, ...LIMITED, env: how.env, shell: process.platform === 'win32' };
  const { status, output } = await run(program, args, options);
  if (status !== 0) process.stdout.write(`${output}\n`);
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
};

/**
 * A test runner, which prints its own counts. One that exits with an error, or ran no test, has failed.
 * @param {string} program @param {string[]} args
 * @param {{ passed: RegExp, failed: RegExp }} counts
 * @param {Extra} [extra]
 * @returns {(how: How) => Promise<Count>}
 */
const suite =
  (program, args, counts, extra = {}) =>
  async (how) => {
    const env = { ...how.env, ...(typeof extra === 'function' ? extra() : extra) };
    const { status, output } = await run(program, args, { cwd: root, tee: how.tee, ...LIMITED, env });
    if (!how.tee) process.stdout.write(output);
    const sum = (/** @type {RegExp} */ pattern) =>
      [...output.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
    const count = { passed: sum(counts.passed), failed: sum(counts.failed) };
    if (status === 124) process.stdout.write(`not done in ${LIMIT_MS / 60_000} minutes\n`);
    if ((status !== 0 || count.passed === 0) && count.failed === 0) count.failed = 1;
    return count;
  };

/** The test files that steps run. @type {Set<string>} */
const listed = new Set();

const CARGO = { passed: /^test result: .* (\d+) passed/gm, failed: /^test result: .* (\d+) failed/gm };
const MOCHA = { passed: /^ +(\d+) passing/gm, failed: /^ +(\d+) failing/gm };

/** Variables for a step, or what gives them when it runs. @typedef {NodeJS.ProcessEnv | (() => NodeJS.ProcessEnv)} Extra */

/** @param {string[]} files @param {Extra} [extra] */
const mocha = (files, extra) => {
  for (const file of files) listed.add(file);
  const args = [packaged('mocha', 'bin', 'mocha.js'), '--timeout', '30000', ...files];
  return suite(process.execPath, args, MOCHA, extra);
};

/**
 * @param {'main' | 'renderer'} where @param {string[]} files
 * @param {Extra} [extra] @param {string[]} [args]
 */
const electronMocha = (where, files, extra, args = []) => {
  for (const file of files) listed.add(file);
  // Which Electron it is, is known when it runs.
  return (/** @type {How} */ how) =>
    suite(process.execPath, electronMochaArgs(where, [...args, ...files]), MOCHA, extra)(how);
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

/** Small models, the same schedules each time, and a few mutants; npm run model goes further. */
const models = suite(process.execPath, ['scripts/model.mjs', '--short'], {
  passed: /^(\d+) (?:models hold|mutants are caught)/gm,
  failed: /^(\d+) mutants are missed/gm,
});

/** One of the apps that npm run consumers packages: the one with all fuses hardened. */
const consumer = suite(process.execPath, ['scripts/consumers.mjs', 'electron-builder'], {
  passed: /^(\d+) passed/gm,
  failed: /, (\d+) failed$/gm,
});

/** With a fixed seed; npm run fuzz takes a random one. */
const fuzz = check(process.execPath, ['scripts/fuzz.mjs', '--seed', '1', '--count', '20000']);

/**
 * @typedef {object} Step
 * @property {string} name found by `npm test -- NAME`
 * @property {(how: How) => Promise<Count>} run
 * @property {string[]} [needs] steps that run before it, also when they were not chosen
 * @property {string[]} [after] steps that have run before it begins, if they were chosen
 * @property {'quick' | 'long'} [own] with libraries in processes of their own: `npm test` runs the quick ones alone
 * @property {boolean} [alone] no other step runs beside it, as it measures time
 */

const needs = ['fixtures'];
const needsPackages = [...needs, 'packages'];

/** In the order in which they begin. @type {Step[]} */
export const STEPS = [
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
  // Beside one that computes on one core: it measures time as well.
  { name: 'models', run: models },
  { name: 'validate', needs, run: mocha(VALIDATE_TESTS) },
  ...RUST_TESTS.map(({ name, args, after }) => ({ name, needs, after, run: suite('cargo', args, CARGO) })),
  { name: 'examples', run: mocha(['tests/examples/examples.test.mjs']) },
  { name: 'documents', run: mocha(['docs', 'examples-compile'].map((name) => `tests/tooling/${name}.test.mjs`)) },
  {
    name: 'set-up',
    run: mocha(['setup', 'named-electron', 'processes', 'up-to-date'].map((name) => `tests/tooling/${name}.test.mjs`)),
  },
  { name: 'security, memory', needs, run: mocha(OTHER_SECURITY) },
  { name: 'packages', needs, run: mocha(PACKAGE_TESTS) },
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
    run: mocha(
      pageTests(
        'frames stream stream-push stream-reader port worker-port isolation own-process shared-process shared-stream mapped',
      ),
      asPacked,
    ),
  },
  { name: 'security, page', needs, run: mocha(pageTests('security-page security-preload')) },
  { name: 'window', needs, run: mocha(['tests/app/window.test.mjs', 'tests/app/layout.test.mjs']) },
  { name: 'window, panels', needs, run: mocha(PANEL_TESTS) },
  { name: 'security, app', needs, run: mocha(['tests/app/security-app.test.mjs']) },
  { name: 'window, late event', needs, run: mocha(['tests/app/process-gone.test.mjs']) },
  { name: 'window, own processes', needs, run: mocha(['tests/app/own-process.test.mjs']) },
  { name: 'window, performance', needs, alone: true, run: mocha(['tests/app/performance.test.mjs']) },
  { name: 'life of a page', needs, run: mocha(['tests/app/lifecycle.test.mjs']) },
  { name: 'fuzz', run: fuzz },
  { name: 'soak', run: mocha(['tests/tooling/soak.test.mjs']) },
  { name: 'packaged', run: mocha(['tests/packages/packaged.test.mjs']) },
  { name: 'packaged, doctor', needs, run: mocha(DOCTOR_TESTS) },
  ...(process.platform === 'linux' ? [{ name: 'consumer, electron-builder', run: consumer }] : []),
  { name: 'start', run: mocha(['tests/tooling/start.test.mjs']) },
  { name: 'release', run: mocha(['tests/tooling/release.test.mjs']) },
];
