// npm run sanitize: the Rust tests of host/, of the app's side of library-process/ and of the libraries, with every memory access
// checked by AddressSanitizer; the addon itself in random streams; the same but for library-process/ by valgrind; and those of
// host/ and library-process/, which have the threads, by ThreadSanitizer, if the source of std is to be had.
// Each must also find a planted error, which shows that it checks at all.

import fs from 'node:fs';
import path from 'node:path';
import { command, Failure, log, run } from './lib/console.mjs';
import { buildFixtures, FIXTURES } from './lib/fixtures.mjs';
import { rust } from './lib/native-build.mjs';
import { sourceOfStd } from './lib/rust-std.mjs';
import { ensureProgram } from './lib/system.mjs';

const root = path.dirname(import.meta.dirname);
const HOST = ['-p', 'inplace-exchange-host'];
const PACKAGES = [...HOST, '-p', 'inplace-exchange-sdk', '-p', 'native-lib', '-p', 'live-lib'];
/** Not its program, which has no tests in it. */
const LIBRARY_PROCESS = ['-p', 'library-process', '--lib'];
/** Valgrind is some fifty times slower: fewer random cases. */
const FEW_CASES = { PROPTEST_CASES: '16' };
/** The program of a library, by its name. */
const PROGRAM = 'inplace-exchange-library';
/** A library that crashes ends its program, which has to end by that signal. */
const ADDRESS_OPTIONS = 'handle_segv=0';
/** Not mapped.rs and streams.rs: nothing is mapped under ThreadSanitizer. */
const THREADED = ['client', 'crashes', 'hostile', 'confined', 'shared', 'shared_ends', 'shared_stuck'].flatMap(
  (name) => ['--test', name],
);
const STREAMS = 300;

await command(async () => {
  if (process.platform !== 'linux') throw new Failure('this runs on Linux only.');
  await ensureProgram('valgrind', '--version');
  await buildFixtures();

  await check(
    {
      name: 'AddressSanitizer',
      env: { ASAN_OPTIONS: ADDRESS_OPTIONS },
      planted: 'planted_overflow',
      report: /AddressSanitizer: heap-buffer-overflow/,
    },
    [
      ...(await instrumented('address', PACKAGES)),
      ...(await instrumented('address', [...LIBRARY_PROCESS, '--test', '*'])),
    ],
  );
  await checkStreams();
  const std = await sourceOfStd().catch((error) => {
    if (!(error instanceof Failure)) throw error;
    log('ThreadSanitizer is left out, because it needs the source of std. Type: rustup component add rust-src');
  });
  if (std)
    await check(
      {
        name: 'ThreadSanitizer',
        env: { TSAN_OPTIONS: 'atexit_sleep_ms=0' }, // a test measures how soon a program ends
        planted: 'planted_race',
        report: /ThreadSanitizer: data race/,
      },
      [
        // Its locks are in std, and are not seen to order anything unless std is instrumented too.
        ...(await instrumented('thread', ['-Zbuild-std', ...HOST], std)),
        ...(await appOfLibraryProcess(std)),
      ],
    );
  await check(
    {
      name: 'valgrind',
      wrapper: ['valgrind', '--quiet', '--error-exitcode=99', '--leak-check=no'],
      env: FEW_CASES,
      planted: 'planted_overflow',
      report: /Invalid write of size/,
    },
    await build(PACKAGES),
  );
});

/**
 * @typedef {object} Tool
 * @property {string} name
 * @property {string[]} [wrapper] the program that runs the tests, and its options
 * @property {Record<string, string>} [env]
 * @property {string} planted the test with an error that the tool must find
 * @property {RegExp} report what the tool says of that error
 */

/**
 * The tests must pass without a report, and the planted error must be reported.
 * @param {Tool} tool @param {string[]} binaries programs of tests
 */
async function check({ name, wrapper = [], env, planted, report }, binaries) {
  const test = (/** @type {string} */ binary, /** @type {string[]} */ ...args) => {
    const [program, ...rest] = [...wrapper, binary, ...args];
    return run(program, rest, { cwd: root, env: { ...process.env, ...env } });
  };
  for (const binary of binaries) {
    log(`${name}, ${path.basename(binary).replace(/-[^-]*$/, '')} ...`);
    clean(name, await test(binary));
  }
  const outcomes = await Promise.all(binaries.map((binary) => test(binary, planted, '--ignored')));
  if (!outcomes.some(({ status, output }) => status !== 0 && report.test(output))) {
    throw new Failure(`${name} did not find ${planted}:\n${outcomes.map(({ output }) => output).join('')}`);
  }
  process.stdout.write(`${name}: ${planted} was found\n`);
}

/** @param {string} tool @param {{ status: number, output: string }} outcome */
function clean(tool, { status, output }) {
  if (status !== 0) throw new Failure(`${tool} has found something:\n${output}`);
  const passed = [...output.matchAll(/^test result: ok\. (\d+) passed/gm)].reduce(
    (sum, match) => sum + Number(match[1]),
    0,
  );
  if (passed === 0) throw new Failure(`${tool} ran no test:\n${output}`);
  process.stdout.write(`${tool}: ${passed} tests, no error\n`);
}

/** Where what is built with a sanitizer goes. @param {string} sanitizer */
function targetOf(sanitizer) {
  return path.join(root, 'target', 'sanitize', sanitizer);
}

/**
 * What cargo has to be given to build with a sanitizer.
 * @param {string} sanitizer @returns {Record<string, string>}
 */
function flagsOf(sanitizer) {
  // ThreadSanitizer sees what libc maps and unmaps, and no system call of rustix: to it, two threads that have got the same
  // address one after the other, as the system gives it to another mapping, would race.
  const rustix = sanitizer === 'thread' ? ' --cfg=rustix_use_libc' : '';
  return {
    // Sanitizers are a nightly feature, which this variable enables in the stable compiler.
    RUSTC_BOOTSTRAP: '1',
    RUSTFLAGS: `-Zsanitizer=${sanitizer}${rustix}`,
    CARGO_TARGET_DIR: targetOf(sanitizer),
  };
}

/**
 * Builds tests with a sanitizer.
 * @param {string} sanitizer @param {string[]} args what to build @param {NodeJS.ProcessEnv} [env]
 */
async function instrumented(sanitizer, args, env) {
  const { triple } = await rust();
  return build(['--target', triple, ...args], { ...env, ...flagsOf(sanitizer) });
}

/** The program as it is otherwise. @param {string} folder into which it is put */
async function ordinaryProgram(folder) {
  await cargo(['build', '--quiet', '-p', 'library-process']);
  const file = path.join(folder, PROGRAM);
  fs.rmSync(file, { force: true }); // it may be a second link to what cargo keeps
  fs.copyFileSync(path.join(root, 'target', 'debug', PROGRAM), file);
}

/**
 * The tests of library-process/ that call a library. Their program is an ordinary one: what one of its threads does after
 * another is ordered by the app, which ThreadSanitizer cannot see from there.
 * @param {NodeJS.ProcessEnv} std
 */
async function appOfLibraryProcess(std) {
  const binaries = await instrumented('thread', ['-Zbuild-std', ...LIBRARY_PROCESS, ...THREADED], std);
  await ordinaryProgram(path.dirname(path.dirname(binaries[0])));
  return binaries;
}

/**
 * Random streams in plain Node.js, by the page's code and the addon. In Electron there would be nothing to see: its buffers
 * and the heap are those of an allocator of its own.
 */
async function checkStreams() {
  const { triple } = await rust();
  await cargo(['build', '--quiet', '--target', triple, '-p', 'inplace-exchange'], flagsOf('address'));
  const folder = path.join(root, 'target', 'sanitize', 'streams');
  const addon = path.join(folder, 'addon.node');
  fs.mkdirSync(folder, { recursive: true });
  fs.copyFileSync(path.join(targetOf('address'), triple, 'debug', 'libinplace_exchange.so'), addon);
  await ordinaryProgram(folder);
  // The compiler of Rust has the runtime for programs alone, and Node.js has none.
  const { output } = await run('cc', ['-print-file-name=libasan.so'], { cwd: root });
  const runtime = output.trim();
  if (!path.isAbsolute(runtime)) throw new Failure('cc has no libasan.so, which comes with GCC.');
  const streams = (/** @type {object} */ plan) =>
    run(process.execPath, ['--expose-gc', path.join(root, 'tests', 'fuzz', 'own', 'node.mjs')], {
      cwd: root,
      env: {
        ...process.env,
        INPLACE_EXCHANGE_FIXTURES: FIXTURES,
        NAPI_RS_NATIVE_LIBRARY_PATH: addon,
        LD_PRELOAD: runtime,
        // Leaks would be those of Node.js at its end; and a stream that asks for more memory than there is, is refused.
        ASAN_OPTIONS: `${ADDRESS_OPTIONS}:detect_leaks=0:allocator_may_return_null=1`,
        OWN_PLAN: JSON.stringify(plan),
      },
    });
  const seed = Math.floor(Math.random() * 1e9);
  log(`AddressSanitizer, ${STREAMS} random streams of seed ${seed} ...`);
  const random = await streams({ what: 'randomStreams', seed, count: STREAMS });
  if (random.status !== 0) throw new Failure(`AddressSanitizer has found something:\n${random.output}`);
  const planted = await streams({ what: 'overflow' });
  if (planted.status === 0 || !/AddressSanitizer: heap-buffer-overflow/.test(planted.output))
    throw new Failure(`AddressSanitizer did not find what a library writes behind the last slot:\n${planted.output}`);
  process.stdout.write('AddressSanitizer: no error; what a library writes behind the last slot was found\n');
}

/**
 * Runs cargo, which has to succeed: what it prints.
 * @param {string[]} args @param {NodeJS.ProcessEnv} [env]
 */
async function cargo(args, env) {
  const { status, output } = await run('cargo', args, { cwd: root, env: { ...process.env, ...env } });
  if (status !== 0) throw new Failure(`the build has failed:\n${output}`);
  return output;
}

/**
 * Builds tests.
 * @param {string[]} args what to build @param {NodeJS.ProcessEnv} [env]
 * @returns the paths of their programs
 */
async function build(args, env) {
  const output = await cargo(['test', '--quiet', '--no-run', '--message-format=json-render-diagnostics', ...args], env);
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .filter(({ reason, profile, executable }) => reason === 'compiler-artifact' && profile.test && executable)
    .map(({ executable }) => /** @type {string} */ (executable));
}
