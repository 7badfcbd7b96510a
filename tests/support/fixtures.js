// The paths of the fixtures, and helpers for the tests in all processes.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const FIXTURES = process.env.INPLACE_EXCHANGE_FIXTURES ?? '';
const EXTENSION = { darwin: '.dylib', win32: '.dll' }[/** @type {string} */ (process.platform)] ?? '.so';

/**
 * The path of a fixture library (scripts/lib/fixtures.mjs names them).
 * @param {string} name
 */
const fixtureLibrary = (name) => path.join(FIXTURES, `${name}${EXTENSION}`);

/** Starts this runtime again. Another program than its own where the system cannot start that, as under qemu. */
const RUNTIME = process.env.INPLACE_EXCHANGE_NODE ?? process.execPath;

/**
 * The fixture addon for addresses, and for the limits of this runtime.
 * @returns {{
 *   addressOf(view: ArrayBufferView): bigint,
 *   wrapNativeMemory(): { status: number, message: string },
 *   copyNativeMemory(): { nativeAddress: bigint, buffer: Buffer },
 * }}
 */
function loadProbe() {
  const module = { exports: {} };
  process.dlopen(module, fixtureLibrary('probe'));
  return /** @type {any} */ (module.exports);
}

/** A temporary folder, removed after the tests of this block. */
function temporaryFolder() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'inplace-exchange-'));
  after(() => {
    try {
      fs.rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      if (process.platform !== 'win32') throw error; // Windows removes no library that is loaded
    }
  });
  return folder;
}

/**
 * Replaces a file that may be loaded as a library. Windows does not overwrite that, but lets it have another name.
 * @param {string} file @param {Uint8Array} content
 */
function replaceFile(file, content) {
  fs.renameSync(file, `${file}.replaced`);
  fs.writeFileSync(file, content);
}

/** The report, which takes its time, has the version of glibc. */
function hasMusl() {
  if (process.platform !== 'linux') return false;
  const { header } = /** @type {any} */ (process.report.getReport());
  return !header.glibcVersionRuntime;
}

/**
 * A test, or on some systems none.
 * @param {string} title @param {() => unknown} test
 * @param {Record<string, string>} [notOn] why, by `process.platform` or for `musl`
 */
function testUnless(title, test, notOn = {}) {
  const reason = notOn.musl && hasMusl() ? notOn.musl : notOn[process.platform];
  if (reason) it.skip(`${title}: left out, as ${reason}`, test);
  else it(title, test);
}

/** Resolves when the condition is true. @param {() => boolean | Promise<boolean>} condition */
async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** @type {string[]} */
const logFolders = [];

// At the end of all tests. A worker, and a process that a test starts, has none.
if (typeof after === 'function')
  after(() => {
    for (const folder of logFolders) fs.rmSync(folder, { recursive: true, force: true });
  });

/** A new log of the camera fixtures, for this process and the processes that it starts. */
function cameraLog() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'inplace-exchange-camera-'));
  logFolders.push(folder);
  const file = path.join(folder, 'log');
  fs.writeFileSync(file, '');
  process.env.CAMERA_LOG = file;
  const lines = () => fs.readFileSync(file, 'utf8').trim().split('\n');
  const count = (/** @type {string} */ line) => lines().filter((other) => other === line).length;
  return { file, lines, count, until: (/** @type {string} */ line, times = 1) => until(() => count(line) >= times) };
}

const FOR_EVER = 2 ** 32 - 1;

/**
 * A buffer with the request for a camera fixture: how long the call takes.
 * @param {number} milliseconds @param {ArrayBufferLike} [memory]
 */
function cameraRequest(milliseconds, memory = new ArrayBuffer(64)) {
  const bytes = new Uint8Array(memory);
  new DataView(memory).setUint32(0, milliseconds, true);
  return bytes;
}

/**
 * Checks that a document has the table of cases that the tests run.
 * @param {string[]} head @param {string[][]} rows
 */
function assertDocumented(head, rows, document = 'docs/errors.md') {
  const line = (/** @type {string[]} */ cells) => `| ${cells.join(' | ')} |`;
  const table = [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
  const page = fs.readFileSync(path.join(__dirname, '..', '..', document), 'utf8');
  if (!page.includes(table)) throw new Error(`${document} lacks this table:\n\n${table}\n`);
}

/**
 * @template T
 * @param {T[]} values @param {(value: T) => unknown} test
 */
function each(values, test) {
  for (const value of values) test(value);
}

module.exports = {
  FOR_EVER,
  RUNTIME,
  assertDocumented,
  cameraLog,
  cameraRequest,
  each,
  fixtureLibrary,
  loadProbe,
  replaceFile,
  temporaryFolder,
  testUnless,
  until,
};
