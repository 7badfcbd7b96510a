// npm run reach -- SYSTEM: builds the packages for another system, or for other versions of Node.js, and runs there what
// can be run on this machine, which has to be Linux x64. What it needs is fetched into target/tools, once.
//
//   npm run reach -- linux-x64      the addon's tests in Node 20, 22, 24 and 26; the app's in an older Electron
//   npm run reach -- linux-arm64    the same in Node for arm64, under qemu
//   npm run reach -- linux-musl     the same in Node for musl
//   npm run reach -- windows-x64    the same in node.exe, under Wine; clippy for Microsoft's compiler
//   npm run reach -- macos          links for both processors; clippy; on Linux, what libraries' processes have for macOS

import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ADDON_TESTS } from './lib/addon-tests.mjs';
import { command, Failure, log, npm, progress, run } from './lib/console.mjs';
import { buildFixtures, FIXTURES } from './lib/fixtures.mjs';
import { buildAsOnMacOS } from './lib/macos-ways.mjs';
import { nodeForArm64, nodeForMusl, nodeForWindows, nodeHere } from './lib/nodes.mjs';
import { OWN_ADDON_TESTS, SWITCH } from './lib/own-tests.mjs';
import { pack, packedAddon, platformPackage } from './lib/packages.mjs';
import { buildPortable } from './lib/portable-build.mjs';
import { fetchZig, nativeToolchain, zigToolchain } from './lib/toolchain.mjs';

const root = path.dirname(import.meta.dirname);
const FOLDER = path.join(root, 'target', 'reach');

/** For one file of tests; qemu is some ten times slower. */
const LIMIT_MS = 10 * 60_000;
const CASE_LIMIT_MS = 5 * 60_000;

/** V8 has no memory cage in Node.js. */
const TESTS = [...ADDON_TESTS.filter((name) => name !== 'memory-cage'), 'workers', 'immutable', 'identity'];

/** The steps of `npm test` that pass in an older Electron; those left out need what it does not have. */
const OLDER_ELECTRON = '27.3.10';
const STEPS_OF_OLDER = [
  'addon, main process',
  'identity, main process',
  'page API',
  'security, page',
  'window',
  'life of a page',
  'fuzz',
];

/** What is linted for a system: what ships, and its tests. */
const LINTED = [
  'inplace-exchange',
  'inplace-exchange-host',
  'library-process',
  'inplace-exchange-sdk',
  'validator',
  'native-lib',
  'live-lib',
].flatMap((name) => ['-p', name]);

/**
 * @typedef {object} System
 * @property {string[]} targets of Rust, which are built
 * @property {(() => Promise<Node>)[]} nodes in which the tests run
 * @property {string[]} linted targets
 * @property {string[]} [without] tests that cannot be run there
 * @property {boolean} [own] whether tests run a second time with every library in a process of its own
 * @property {boolean} [asOnMacOS] whether that is run here, as macOS has it
 * @property {string[]} [stepsOfOlder] steps of `npm test` to run in OLDER_ELECTRON
 *
 * @typedef {import('./lib/nodes.mjs').Node} Node
 * @typedef {{ passed: number, failed: number, skipped: number }} Count
 */

/** @type {Record<string, System>} */
const SYSTEMS = {
  'linux-x64': {
    targets: ['x86_64-unknown-linux-gnu'],
    nodes: [20, 22, 24, 26].map((major) => () => nodeHere(major)),
    linted: [],
    stepsOfOlder: STEPS_OF_OLDER,
  },
  'linux-arm64': {
    targets: ['aarch64-unknown-linux-gnu'],
    nodes: [nodeForArm64],
    without: ['own-process'], // its program is for another processor, and the kernel does not start it
    linted: ['aarch64-unknown-linux-gnu'],
  },
  'linux-musl': {
    targets: ['x86_64-unknown-linux-musl'],
    nodes: [nodeForMusl],
    without: ['own-process'], // there is no program
    linted: [],
  },
  'windows-x64': {
    targets: ['x86_64-pc-windows-gnu'],
    nodes: [nodeForWindows],
    own: true,
    linted: ['x86_64-pc-windows-msvc', 'aarch64-pc-windows-msvc'],
  },
  macos: {
    targets: ['x86_64-apple-darwin', 'aarch64-apple-darwin'],
    nodes: [],
    asOnMacOS: true,
    linted: ['x86_64-apple-darwin', 'aarch64-apple-darwin'],
  },
};

/** @type {Count} */
const total = { passed: 0, failed: 0, skipped: 0 };

/** Prints a result, and counts it. @param {string} what @param {Partial<Count>} count @param {string} [output] shown if it failed */
function report(what, { passed = 0, failed = 0, skipped = 0 }, output = '') {
  if (failed > 0) process.stdout.write(`${output.trim()}\n`);
  const more = skipped > 0 ? `, ${skipped} skipped` : '';
  process.stdout.write(`${what}: ${passed} passed, ${failed} failed${more}\n`);
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}

/** @param {string} output of mocha @param {number} status @returns {Count} */
function countOf(output, status) {
  const count = (/** @type {string} */ word) => Number(new RegExp(`^ +(\\d+) ${word}`, 'm').exec(output)?.[1] ?? 0);
  return judged(status, { passed: count('passing'), failed: count('failing'), skipped: count('pending') });
}

/** A run that ended with an error, or had no test, has failed. @param {number} status @param {Count} count @returns {Count} */
function judged(status, count) {
  const isBroken = (status !== 0 || count.passed === 0) && count.failed === 0;
  return isBroken ? { ...count, failed: 1 } : count;
}

/**
 * Runs one file of tests.
 * @param {Node} node @param {string} name @param {{ addon: string, fixtures: string, output: string }} files
 * @param {{ flags?: string[], own?: boolean }} [how]
 */
async function runTests(node, name, { addon, fixtures, output }, { flags = [], own = false } = {}) {
  const [extension] = fs.readdirSync(fixtures).filter((file) => file.startsWith('address.'));
  const env = {
    NAPI_RS_NATIVE_LIBRARY_PATH: node.pathOf(addon),
    INPLACE_EXCHANGE_FIXTURES: node.pathOf(fixtures),
    ...(own && { LIBRARY_PROCESS: 'own', NODE_OPTIONS: `--require ${node.pathOf(SWITCH)}` }),
    ...(name === 'identity' && { INPLACE_EXCHANGE_LIBRARY: node.pathOf(path.join(fixtures, extension)) }),
  };
  const seen = () => fs.readFileSync(output, 'utf8').match(/^ +[✔√]/gm)?.length ?? 0;
  const done = progress(`${node.name}: ${name}`, () => `${seen()} passed`);
  const mocha = [
    'node_modules/mocha/bin/_mocha',
    '--timeout',
    String(CASE_LIMIT_MS),
    ...(node.needsExit ? ['--exit'] : []),
  ];
  const args = ['--expose-gc', ...flags, ...mocha, `tests/addon/${name}.test.js`];
  const result = await node.run(args, { env, limitMs: LIMIT_MS, output });
  done();
  const label = [node.name, ...(own ? ['own processes'] : []), name, ...flags].join(', ');
  report(label, countOf(result.output, result.status), result.output);
}

/**
 * Installs the packages into an empty folder, as npm would on that system, and exchanges there.
 * @param {Node} node @param {import('./lib/portable-build.mjs').NativeBuild} build @param {string[]} tarballs
 * @param {string} folder
 */
async function install(node, build, tarballs, folder) {
  const app = path.join(folder, 'app');
  fs.rmSync(app, { recursive: true, force: true });
  fs.mkdirSync(app, { recursive: true });
  fs.copyFileSync(path.join(root, 'tests', 'support', 'smoke.cjs'), path.join(app, 'smoke.cjs'));
  // As a dependency of the main package, the one for a system is optional: npm then asks which system is meant.
  const isMain = (/** @type {string} */ file) => /^inplace-exchange-\d/.test(path.basename(file));
  const local = (/** @type {string | undefined} */ file) => `file:${file}`;
  const manifest = {
    dependencies: { 'inplace-exchange': local(tarballs.find(isMain)) },
    optionalDependencies: { [platformPackage(build.platform)]: local(tarballs.find((file) => !isMain(file))) },
  };
  fs.writeFileSync(path.join(app, 'package.json'), JSON.stringify(manifest));
  const { os, cpu, libc } = build.system;
  const system = [`--os=${os}`, `--cpu=${cpu}`, ...(libc ? [`--libc=${libc}`] : [])];
  const flags = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const installed = await npm(['install', ...flags, ...system], { cwd: app });
  const output = path.join(folder, 'output');
  const said =
    installed.status === 0
      ? await node.run([node.pathOf(path.join(app, 'smoke.cjs'))], { env: {}, limitMs: LIMIT_MS, output })
      : installed;
  const isRight = said.output.includes(`${os} ${cpu}: Hello from Rust!`);
  report(`${node.name}, the installed packages`, isRight ? { passed: 1 } : { failed: 1 }, said.output);
}

/** What a library's process has for macOS, as far as Linux has it too. @param {string} output */
async function runAsOnMacOS(output) {
  log("building libraries' processes as macOS has them, and the fixtures, for this system.");
  await buildFixtures(await nativeToolchain());
  const { addon, tests } = await buildAsOnMacOS();
  report('as on macOS, the crate', judged(tests.status, tests), tests.output);
  const node = await nodeHere(24);
  const named = { ...node, name: `as on macOS, ${node.name}` };
  const files = { addon, fixtures: FIXTURES, output };
  await runTests(named, 'own-process', files);
  for (const test of OWN_ADDON_TESTS) await runTests(named, test, files, { own: true });
}

/** @param {string} name */
async function reach(name) {
  const { targets, nodes, linted, without = [], own, asOnMacOS, stepsOfOlder = [] } = SYSTEMS[name];
  const folder = path.join(FOLDER, name);
  fs.mkdirSync(folder, { recursive: true });
  const folders = { dist: path.join(folder, 'packages'), staged: path.join(folder, 'staged') };
  const builds = [];
  for (const target of targets) {
    const build = await buildPortable(target);
    builds.push(build);
    report(`${target}, linked`, { passed: 1 });
  }
  const tarballs = await pack(builds, { folders });
  for (const file of tarballs)
    process.stdout.write(`${path.relative(root, file)}, ${(fs.statSync(file).size / 1000).toFixed(0)} kB\n`);

  const [build] = builds;
  const files = {
    addon: packedAddon(folders),
    fixtures: path.join(folder, 'fixtures'),
    output: path.join(folder, 'output'),
  };
  if (nodes.length > 0) {
    log(`building the fixtures for ${targets[0]}.`);
    await buildFixtures(await zigToolchain(targets[0]), files.fixtures);
  }
  for (const find of nodes) {
    const node = await find();
    await install(node, build, tarballs, folder);
    for (const test of TESTS.filter((test) => !without.includes(test))) await runTests(node, test, files);
    for (const test of own ? OWN_ADDON_TESTS : []) await runTests(node, test, files, { own });
    // Node 26 has immutable memory, if V8 is asked for it.
    if (node.name.startsWith('Node 26'))
      await runTests(node, 'inputs', files, { flags: ['--js-immutable-arraybuffer'] });
  }
  if (asOnMacOS) await runAsOnMacOS(files.output);
  for (const target of linted) {
    const { check } = await zigToolchain(target);
    const done = progress(`clippy for ${target}`);
    const { status, output } = await check('clippy', ['--quiet', ...LINTED, '--all-targets', '--', '-D', 'warnings']);
    done();
    report(`${target}, clippy`, status === 0 ? { passed: 1 } : { failed: 1 }, output);
  }
  for (const step of stepsOfOlder) {
    const args = ['scripts/test.mjs', step, '--electron', OLDER_ELECTRON];
    const done = progress(`Electron ${OLDER_ELECTRON}: ${step}`);
    const { status, output } = await run(process.execPath, args, { cwd: root });
    done();
    const [, passed = 0, failed = 0] = /^(\d+) passed, (\d+) failed$/m.exec(output) ?? [];
    const count = { passed: Number(passed), failed: Number(failed), skipped: 0 };
    report(`Electron ${OLDER_ELECTRON}, ${step}`, judged(status, count), output);
  }
}

/** Two runs would write the same files. The lock is this process's, and ends with it. */
async function lock() {
  fs.mkdirSync(FOLDER, { recursive: true });
  const file = fs.openSync(path.join(FOLDER, 'lock'), 'w');
  const { status } = await run('flock', ['--nonblock', '3'], { stdio: ['ignore', 'ignore', 'ignore', file] });
  if (status !== 0) throw new Failure('npm run reach is running in this checkout already. Wait until it has ended.');
}

await command(async () => {
  const { positionals } = parseArgs({ allowPositionals: true });
  const unknown = positionals.filter((name) => !(name in SYSTEMS));
  if (positionals.length === 0 || unknown.length > 0)
    throw new Failure(`name one of: ${Object.keys(SYSTEMS).join(', ')}. For instance: npm run reach -- windows-x64`);
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Failure('this runs on Linux x64, from where the other systems are reached.');
  await lock();
  const missing = await fetchZig();
  if (missing) throw new Failure(`zig, which builds for other systems, is missing: ${missing}`);
  for (const name of positionals) await reach(name);
  process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
  if (total.failed > 0) process.exitCode = 1;
});
