// npm run sanitize: the Rust tests of host/ and of the libraries, with every memory access checked by AddressSanitizer,
// and then by valgrind; those of host/ and of the app's side of library-process/, which have the threads, by
// ThreadSanitizer too, if the source of std is there.
// Each must also find a planted error, which shows that it checks at all.

import fs from 'node:fs';
import path from 'node:path';
import { command, Failure, log, run } from './lib/console.mjs';
import { buildFixtures } from './lib/fixtures.mjs';
import { rust } from './lib/native-build.mjs';
import { ensureProgram } from './lib/system.mjs';

const root = path.dirname(import.meta.dirname);
const HOST = ['-p', 'inplace-exchange-host'];
const PACKAGES = [...HOST, '-p', 'inplace-exchange-sdk', '-p', 'native-lib', '-p', 'live-lib'];
/** Valgrind is some fifty times slower: fewer random cases. */
const FEW_CASES = { PROPTEST_CASES: '16' };

await command(async () => {
  if (process.platform !== 'linux') throw new Failure('this runs on Linux only.');
  await ensureProgram('valgrind', '--version');
  await buildFixtures();

  await check(
    { name: 'AddressSanitizer', planted: 'planted_overflow', report: /AddressSanitizer: heap-buffer-overflow/ },
    await instrumented('address', PACKAGES),
  );
  if (fs.existsSync(await sourceOfStd())) {
    // Its locks are in std, and are not seen to order anything unless std is instrumented too.
    await check({ name: 'ThreadSanitizer', planted: 'planted_race', report: /ThreadSanitizer: data race/ }, [
      ...(await instrumented('thread', ['-Zbuild-std', ...HOST])),
      ...(await appOfLibraryProcess()),
    ]);
  } else {
    log('ThreadSanitizer is left out, because it needs the source of std. Type: rustup component add rust-src');
  }
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

/**
 * Builds tests with a sanitizer.
 * @param {string} sanitizer @param {string[]} args what to build
 */
async function instrumented(sanitizer, args) {
  const { triple } = await rust();
  return build(['--target', triple, ...args], {
    // Sanitizers are a nightly feature, which this variable enables in the stable compiler.
    RUSTC_BOOTSTRAP: '1',
    RUSTFLAGS: `-Zsanitizer=${sanitizer}`,
    CARGO_TARGET_DIR: path.join(root, 'target', 'sanitize', sanitizer),
  });
}

/**
 * The tests of library-process/ that call a library. Their program is an ordinary one: what one of its threads does after
 * another is ordered by the app, which ThreadSanitizer cannot see from there.
 */
async function appOfLibraryProcess() {
  const name = 'inplace-exchange-library';
  const binaries = await instrumented('thread', ['-Zbuild-std', '-p', 'library-process', '--lib', '--test', 'client']);
  const { status, output } = await run('cargo', ['build', '--quiet', '-p', 'library-process'], { cwd: root });
  if (status !== 0) throw new Failure(`the program did not build:\n${output}`);
  const instead = path.join(path.dirname(path.dirname(binaries[0])), name);
  fs.rmSync(instead); // it is a second link to what cargo keeps
  fs.copyFileSync(path.join(root, 'target', 'debug', name), instead);
  return binaries;
}

/**
 * Builds tests.
 * @param {string[]} args what to build @param {Record<string, string>} [env]
 * @returns the paths of their programs
 */
async function build(args, env) {
  const { status, output } = await run(
    'cargo',
    ['test', '--quiet', '--no-run', '--message-format=json-render-diagnostics', ...args],
    { cwd: root, env: { ...process.env, ...env } },
  );
  if (status !== 0) throw new Failure(`the tests did not build:\n${output}`);
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .filter(({ reason, profile, executable }) => reason === 'compiler-artifact' && profile.test && executable)
    .map(({ executable }) => /** @type {string} */ (executable));
}

/** Where `rustup component add rust-src` puts it. */
async function sourceOfStd() {
  const { output } = await run(process.env.RUSTC ?? 'rustc', ['--print', 'sysroot'], { cwd: root });
  return path.join(output.trim(), 'lib', 'rustlib', 'src', 'rust', 'library', 'Cargo.lock');
}
