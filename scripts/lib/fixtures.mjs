// Builds the libraries that the tests load, from tests/fixtures and from the guide's examples.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Failure, run } from './console.mjs';
import { libraryName } from './native-build.mjs';
import { nativeToolchain } from './toolchain.mjs';
import { copyIfChanged, makeIfChanged } from './up-to-date.mjs';

const root = path.join(import.meta.dirname, '..', '..');

/** Their folder. Each has its name below, with the system's extension. */
export const FIXTURES = path.join(root, 'target', 'fixtures');

const LIBRARIES = 'tests/fixtures/libraries';
const OLD_HEADER = 'tests/fixtures/abi-1';
const cString = (/** @type {string} */ text) => `"${text}"`;

/**
 * @typedef {object} Fixture
 * @property {string} source
 * @property {string} [include] the folder of exchange.h
 * @property {Record<string, string>} [defines]
 * @property {string[]} [links] fixtures that it needs
 * @property {string} [notOn] a system on which it cannot be built
 * @property {string} [onlyOn] the only system on which it can
 */

/** By name. @type {Record<string, Fixture>} */
const NATIVE = {
  'uppercase-c': { source: 'docs/examples/uppercase.c' },
  'uppercase-cc': { source: 'docs/examples/uppercase.cc' },
  'uppercase-rs': { source: 'docs/examples/uppercase.rs' },
  'raw-rs': { source: 'docs/examples/raw.rs' },
  meter: { source: 'docs/examples/meter.rs' },
  'meter-pushes': { source: 'docs/examples/meter-pushes.rs' },
  'smooth-c': { source: 'docs/examples/smooth.c' },
  'double-c': { source: 'docs/examples/double.c' },
  address: { source: `${LIBRARIES}/address.rs` },
  throws: { source: `${LIBRARIES}/throws.cc` },
  'unwinds-cc': { source: `${LIBRARIES}/unwinds.cc` },
  'unwinds-rs': { source: `${LIBRARIES}/unwinds.rs` },
  panics: { source: `${LIBRARIES}/panics.rs` },
  int: { source: `${LIBRARIES}/int.c` },
  life: { source: `${LIBRARIES}/life.c` },
  'life-late': { source: `${LIBRARIES}/life.c`, defines: { LATE: '1' } },
  'life-once': { source: `${LIBRARIES}/life.c`, defines: { ONCE: '1' } },
  'life-stuck': { source: `${LIBRARIES}/life.c`, defines: { STUCK: '1' } },
  'life-refused': { source: `${LIBRARIES}/life.c`, defines: { REFUSE: '1' } },
  slow: { source: `${LIBRARIES}/slow.c` },
  'slow-close': { source: `${LIBRARIES}/slow-close.c` },
  'slow-late': { source: `${LIBRARIES}/slow.c`, defines: { LATE: '1' } },
  'slow-start': { source: `${LIBRARIES}/slow.c`, defines: { STARTS: '1500' } },
  'late-destructor': { source: `${LIBRARIES}/late-destructor.c` },
  thread: { source: `${LIBRARIES}/thread.c` },
  'which-thread': { source: `${LIBRARIES}/which-thread.c` },
  counter: { source: `${LIBRARIES}/counter.c`, onlyOn: 'linux' },
  'counter-concurrent': { source: `${LIBRARIES}/counter.c`, defines: { CONCURRENT: '1' }, onlyOn: 'linux' },
  pushes: { source: `${LIBRARIES}/pushes.c` },
  'pushes-concurrent': { source: `${LIBRARIES}/pushes.c`, defines: { CONCURRENT: '1' } },
  camera: { source: `${LIBRARIES}/camera.c` },
  'camera-deaf': { source: `${LIBRARIES}/camera.c`, defines: { DEAF: '1' } },
  'camera-waits': { source: `${LIBRARIES}/camera.c`, defines: { WAITS: '1' } },
  'camera-concurrent': { source: `${LIBRARIES}/camera.c`, defines: { CONCURRENT: '1' } },
  'camera-slow-cancel': { source: `${LIBRARIES}/camera.c`, defines: { CONCURRENT: '1', CANCEL_TAKES: '50000' } },
  'camera-concurrent-deaf': { source: `${LIBRARIES}/camera.c`, defines: { CONCURRENT: '1', DEAF: '1' } },
  'crash-open': misbehaves({ OPEN: '1', DOES: 'crash' }),
  'crash-second': misbehaves({ CALL: '2', DOES: 'crash' }),
  'end-second': misbehaves({ CALL: '2', DOES: 'end' }),
  'nap-load': misbehaves({ LOAD: '1', DOES: 'nap' }),
  'nap-open': misbehaves({ OPEN: '1', DOES: 'nap' }),
  'nap-second': misbehaves({ CALL: '2', DOES: 'nap' }),
  'wait-first': misbehaves({ CALL: '1', DOES: 'wait' }),
  'wait-second': misbehaves({ CALL: '2', DOES: 'wait' }),
  blocks: { source: `${LIBRARIES}/blocks.c` },
  hostile: { source: `${LIBRARIES}/hostile.c`, onlyOn: 'linux' }, // it finds its memory by /proc
  faults: { source: `${LIBRARIES}/faults.c` },
  'faults-concurrent': { source: `${LIBRARIES}/faults.c`, defines: { CONCURRENT: '1' } },
  perform: { source: `${LIBRARIES}/perform.c` },
  'perform-both': { source: `${LIBRARIES}/perform.c`, defines: { BOTH: '1' } },
  'perform-concurrent': { source: `${LIBRARIES}/perform.c`, defines: { CONCURRENT: '1' } },
  // Without `count`, which breaks the contract.
  'perform-sound': {
    source: `${LIBRARIES}/perform.c`,
    defines: { NAMES: cString('upper\\nfail\\n\\nunsaid\\nsteps\\nuntil') },
  },
  'perform-none': { source: `${LIBRARIES}/perform.c`, defines: { NONE: '1' } },
  'perform-null': { source: `${LIBRARIES}/perform.c`, defines: { NAMES: 'NULL' } },
  'perform-doubles': { source: `${LIBRARIES}/perform.c`, defines: { NAMES: cString('upper\\nupper\\n') } },
  // By the header of before exchange_perform, which old libraries were built from.
  'uppercase-old': { source: 'docs/examples/uppercase.c', include: OLD_HEADER },
  'camera-old': { source: `${LIBRARIES}/camera.c`, include: OLD_HEADER },
  attempts: { source: `${LIBRARIES}/attempts.c`, onlyOn: 'linux' }, // where processes can be confined
  'attempts-filters': { source: `${LIBRARIES}/attempts.c`, defines: { FILTERS: '1' }, onlyOn: 'linux' },
  'sdk-cc': { source: `${LIBRARIES}/sdk.cc` },
  'sdk-cc-concurrent': { source: `${LIBRARIES}/sdk.cc`, defines: { CONCURRENT: '1' } },
  'sdk-cc-refuses': { source: `${LIBRARIES}/sdk.cc`, defines: { REFUSES: '1' } },
  'sdk-cc-pushes': { source: `${LIBRARIES}/sdk-pushes.cc` },
  sdk: { source: `${LIBRARIES}/sdk.rs` },
  'sdk-pushes': { source: `${LIBRARIES}/sdk-pushes.rs` },
  request: { source: `${LIBRARIES}/request.c` },
  fills: { source: `${LIBRARIES}/fills.c` },
  overflow: { source: `${LIBRARIES}/overflow.c` },
  undefined: { source: `${LIBRARIES}/undefined.c`, notOn: 'win32' }, // there the linker refuses it
  nothing: { source: `${LIBRARIES}/nothing.c` },
  zero: answer('0'),
  named: answer('0', { NAME: cString('A name of its own') }),
  'name-null': answer('0', { NAME: 'NULL' }),
  'too-small': answer('(int64_t)len + 1000'),
  'too-large': answer('INT64_C(300) * 1024 * 1024'),
  'int64-max': answer('INT64_MAX'),
  'int64-min': answer('INT64_MIN'),
  'two-to-32': answer('INT64_C(4294967296)'),
  'two-to-53-plus-1': answer('INT64_C(9007199254740993)'),
  negative: answer('-9'),
  'negative-message': answer('-9', { MESSAGE: cString('the lens cap is on') }),
  'negative-message-null': answer('-9', { MESSAGE: 'NULL' }),
  'negative-message-not-utf8': answer('-9', { MESSAGE: cString('\\xff\\xfe lens') }),
  'abi-0': answer('0', { VERSION: '0' }),
  'abi-99': answer('0', { VERSION: '99' }),
  'needs-nothing': { ...answer('0', { DEPENDENCY: '1' }), links: ['nothing'] },
};

/** The ways in which defects.c breaks the contract, for `npx inplace-exchange validate`. */
const DEFECTS = [
  ...fs.readFileSync(path.join(root, LIBRARIES, 'defects.c'), 'utf8').matchAll(/^#define (\w+) \d+$/gm),
].map(([, name]) => name);
for (const name of DEFECTS)
  NATIVE[`defect-${name.toLowerCase().replaceAll('_', '-')}`] = {
    source: `${LIBRARIES}/defects.c`,
    defines: { DEFECT: name },
    onlyOn: 'linux', // where the command runs
  };

/** @param {string} expression @param {Record<string, string>} [defines] */
function answer(expression, defines) {
  return { source: `${LIBRARIES}/answer.c`, defines: { ANSWER: expression, ...defines } };
}

/** @param {Record<string, string>} defines */
function misbehaves(defines) {
  return { source: `${LIBRARIES}/misbehaves.c`, defines };
}

/**
 * Builds all of them, or those that have changed.
 * @param {import('./toolchain.mjs').Toolchain} [toolchain] for another system @param {string} [folder]
 */
export async function buildFixtures(toolchain, folder = FIXTURES) {
  fs.mkdirSync(folder, { recursive: true });
  const { os, built, cargo, compilers } = toolchain ?? (await nativeToolchain());
  const extension = path.extname(libraryName('x', os));
  const fileOf = (/** @type {string} */ name) => path.join(folder, `${name}${extension}`);
  await cargo(['-p', 'fixture-probe', '--lib', '--examples']);
  copyIfChanged(path.join(built, libraryName('fixture_probe', os)), fileOf('probe'));
  for (const [name, { source, include = 'include', defines = {}, links = [], notOn, onlyOn }] of Object.entries(
    NATIVE,
  )) {
    if (notOn === os || (onlyOn ?? os) !== os) continue;
    const output = fileOf(name);
    if (source.endsWith('.rs')) {
      const library = libraryName(name.replaceAll('-', '_'), os);
      copyIfChanged(path.join(built, 'examples', library), output);
      continue;
    }
    const [program, ...first] = source.endsWith('.cc')
      ? [...compilers['c++'], '-std=c++17']
      : [...compilers.c, '-std=c11'];
    const linked = links.map((link) => (os === 'win32' ? path.join(folder, `${link}.lib`) : fileOf(link)));
    const command = [
      program,
      ...first,
      ...['-O2', '-shared', ...(os === 'win32' ? [] : ['-fPIC'])],
      ...['-Wall', '-Wextra', '-Werror'],
      ...['-I', include],
      // The name by which a dependant looks for it, in place of the path at which it was linked.
      ...(os === 'linux' ? [`-Wl,-soname,${path.basename(output)}`] : []),
      ...['-o', output, source],
      ...Object.entries(defines).map(([key, value]) => `-D${key}=${value}`),
      ...linked,
      ...(links.length > 0 ? FOUND_BESIDE[os] : []),
    ];
    const headers = [include, path.dirname(source)].flatMap(headersIn);
    const inputs = [source, ...headers].map((file) => path.join(root, file)).concat(linked);
    await makeIfChanged(output, command, inputs, () => compile(command));
  }
}

/** @param {string} folder in this repository */
const headersIn = (folder) =>
  fs
    .readdirSync(path.join(root, folder))
    .filter((name) => /\.h(pp)?$/.test(name))
    .map((name) => path.join(folder, name));

/**
 * Copies them, for commands that run for long: a build or a test meanwhile must not change the libraries that their pages
 * open again. The copies are removed in the end, also after Ctrl-C.
 */
export function copyFixtures() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'inplace-exchange-libraries-'));
  fs.cpSync(FIXTURES, folder, { recursive: true });
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** How a library finds another one in its own folder. @type {Record<string, string[]>} */
const FOUND_BESIDE = { linux: ['-Wl,-rpath,$ORIGIN'], darwin: ['-Wl,-rpath,@loader_path'], win32: [] };

/** For this system. @param {string} name */
export const fixtureFile = (name) => path.join(FIXTURES, `${name}${path.extname(libraryName('x'))}`);

/** @param {string[]} command */
async function compile([program, ...args]) {
  const { status, output } = await run(program, args, { cwd: root });
  if (status !== 0) throw new Failure(`${program} ${args.join(' ')}\n${output}`);
}
