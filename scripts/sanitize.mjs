// npm run sanitize: the Rust tests of host/ and of the libraries, with every memory access checked by AddressSanitizer,
// and then by valgrind. Each must also find a planted error, which shows that it checks at all.

import path from 'node:path';
import { command, Failure, log, run } from './lib/console.mjs';
import { buildFixtures } from './lib/fixtures.mjs';
import { rust } from './lib/native-build.mjs';
import { ensureProgram } from './lib/system.mjs';

const root = path.dirname(import.meta.dirname);
const PACKAGES = ['-p', 'inplace-exchange-host', '-p', 'native-lib', '-p', 'live-lib'];
const PLANTED = ['planted_overflow', '--ignored'];
/** Valgrind is some fifty times slower: fewer random cases. */
const FEW_CASES = { PROPTEST_CASES: '16' };

await command(async () => {
  if (process.platform !== 'linux') throw new Failure('this runs on Linux only.');
  await ensureProgram('valgrind', '--version');
  await buildFixtures();
  const { triple } = await rust();

  const sanitizer = {
    // A nightly feature, which this variable enables in the stable compiler.
    RUSTC_BOOTSTRAP: '1',
    RUSTFLAGS: '-Zsanitizer=address',
    CARGO_TARGET_DIR: path.join(root, 'target', 'sanitize'),
  };
  const cargo = (/** @type {string[]} */ ...args) =>
    run('cargo', ['test', '--quiet', '--target', triple, ...PACKAGES, '--', ...args], {
      cwd: root,
      env: { ...process.env, ...sanitizer },
    });
  log('AddressSanitizer ...');
  clean('AddressSanitizer', await cargo());
  found('AddressSanitizer', await cargo(...PLANTED), /AddressSanitizer: heap-buffer-overflow/);

  const binaries = await testBinaries();
  const valgrind = (/** @type {string} */ binary, /** @type {string[]} */ ...args) =>
    run('valgrind', ['--quiet', '--error-exitcode=99', '--leak-check=no', binary, ...args], {
      cwd: root,
      env: { ...process.env, ...FEW_CASES },
    });
  for (const binary of binaries) {
    log(`valgrind, ${path.basename(binary).replace(/-[^-]*$/, '')} ...`);
    clean('valgrind', await valgrind(binary));
  }
  const planted = await Promise.all(binaries.map((binary) => valgrind(binary, ...PLANTED)));
  found(
    'valgrind',
    { status: Math.max(...planted.map(({ status }) => status)), output: planted.map(({ output }) => output).join('') },
    /Invalid write of size/,
  );
});

/** @typedef {{ status: number, output: string }} Outcome */

/** @param {string} tool @param {Outcome} outcome */
function clean(tool, { status, output }) {
  if (status !== 0) throw new Failure(`${tool} has found something:\n${output}`);
  const passed = [...output.matchAll(/^test result: ok\. (\d+) passed/gm)].reduce(
    (sum, match) => sum + Number(match[1]),
    0,
  );
  if (passed === 0) throw new Failure(`${tool} ran no test:\n${output}`);
  process.stdout.write(`${tool}: ${passed} tests, no error\n`);
}

/** @param {string} tool @param {Outcome} outcome @param {RegExp} report */
function found(tool, { status, output }, report) {
  if (status === 0 || !report.test(output)) throw new Failure(`${tool} did not find the planted overflow:\n${output}`);
  process.stdout.write(`${tool}: the planted overflow was found\n`);
}

/** Builds the tests without a sanitizer. @returns the paths of their programs */
async function testBinaries() {
  const { status, output } = await run('cargo', ['test', '--no-run', '--message-format=json', ...PACKAGES], {
    cwd: root,
  });
  if (status !== 0) throw new Failure(`the tests did not build:\n${output}`);
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .filter(({ reason, profile, executable }) => reason === 'compiler-artifact' && profile.test && executable)
    .map(({ executable }) => /** @type {string} */ (executable));
}
