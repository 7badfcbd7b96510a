// npx inplace-exchange validate: each planted defect is found by the check that is there for it, and none is found in
// libraries that keep the contract. With --quick: fewer calls than a run for a library that ships.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { readNative } from '../../lib/doctor/native-file.mjs';
import { libraryName, validatorName } from '../../scripts/lib/native-build.mjs';
import { FUNCTIONS, RULES } from '../../validator/command/contract.mjs';
import { runCheck } from '../../validator/command/process.mjs';
import { CHECKS, validate } from '../../validator/command/validate.mjs';
import { read, root, sourceFiles } from '../support/source-files.mjs';

const require = createRequire(import.meta.url);
const { fixtureLibrary, temporaryFolder } = require('../support/fixtures.js');

const command = path.join(root, 'lib', 'doctor', 'cli.mjs');
const program = path.join(root, validatorName());
const exportsOf = (/** @type {string} */ library) => readNative(fs.readFileSync(library))?.exports ?? [];
const neededBy = () => [];
const isLinux = process.platform === 'linux';

/** @param {string[]} args */
const cli = (...args) => spawnSync(process.execPath, [command, ...args], { encoding: 'utf8' });

/** A request of live-lib, for a picture of 64 by 64 pixels. @param {string} folder */
function liveRequest(folder) {
  const file = path.join(folder, 'request');
  const numbers = [0.016, 0.5, 0.5, 0.1, 0.1, 1, 0.5, 0.5, 1, 0.5, 0.9, 0.2];
  const integers = Uint32Array.of(Buffer.from('INK1').readUInt32LE(), 64, 64, 0);
  fs.writeFileSync(file, Buffer.concat([Buffer.from(integers.buffer), Buffer.from(Float32Array.from(numbers).buffer)]));
  return file;
}

/** @param {string} library @param {string[]} checks @param {string} [input] */
function findings(library, checks, input) {
  const silent = { begin: () => {}, end: () => {} };
  return validate({ program, exportsOf, neededBy }, library, { checks, seed: 1, quick: true, input }, silent);
}

/** By the library: the check that finds it, what it finds, and how bad that is. @type {[string, string, string, string?][]} */
const FOUND = [
  ['defect-writes-after', 'guards', 'outside'],
  ['defect-writes-before', 'guards', 'outside'],
  ['defect-reads-after', 'guards', 'outside'],
  ['defect-reads-before', 'guards', 'outside'],
  ['defect-reads-empty', 'empty', 'empty-access'],
  ...(process.arch === 'x64'
    ? [/** @type {[string, string, string]} */ (['defect-aligned', 'alignment', 'alignment'])]
    : []),
  ['defect-keeps-pointer', 'earlier', 'late-access'],
  ['defect-late-thread', 'earlier', 'late-access'],
  ['int', 'returns', 'count-int'],
  ['defect-huge-count', 'returns', 'count-range'],
  ['perform', 'returns', 'count-range'],
  ['defect-no-words', 'returns', 'no-words', 'warning'],
  ['defect-words-not-utf8', 'returns', 'text-utf8'],
  ['defect-words-reused', 'returns', 'text-changes'],
  ['defect-bad-message', 'returns', 'words-utf8', 'warning'],
  ['defect-exits', 'returns', 'exited'],
  ['defect-aborts', 'returns', 'crash'],
  ['unwinds-cc', 'returns', 'unwound'],
  ['unwinds-rs', 'returns', 'unwound'],
  ['defect-name-changes', 'symbols', 'text-changes'],
  ['defect-name-not-utf8', 'symbols', 'text-utf8'],
  ['defect-reserved-flags', 'symbols', 'flags-reserved'],
  ['defect-long-name', 'symbols', 'operations-limit'],
  ['defect-same-name', 'symbols', 'operations-twice', 'warning'],
  ['defect-operations-alone', 'symbols', 'operations-unused', 'warning'],
  ['defect-misspelled', 'symbols', 'unknown-export', 'warning'],
  ['nothing', 'symbols', 'load-symbol'],
  ['abi-99', 'symbols', 'load-version'],
  ['undefined', 'symbols', 'load'],
  ['defect-never-fits', 'too-small', 'never-fits'],
  ['defect-exact-fails', 'too-small', 'exact-fails', 'warning'],
  ['defect-input-lost', 'too-small', 'input-changed', 'note'],
  ['defect-stale-bytes', 'repeat', 'stale'],
  ['defect-trusts-input', 'random', 'crash'],
  ['defect-shares-a-buffer', 'threads', 'concurrent-differs'],
  ['defect-thread-local', 'threads', 'thread-differs'],
  ['defect-reads-twice', 'shared', 'outside'],
  ['defect-closes-for-all', 'open-close', 'session-fails'],
  ['defect-opens-once', 'open-close', 'reopen-refused'],
  ['defect-leaks-in-open', 'open-close', 'descriptors-grow'],
  ['defect-second-refused', 'open-close', 'second-refused', 'warning'],
  ['defect-open-refused', 'open-close', 'open-refused'],
  ['defect-cancel-flag', 'cancel', 'cancel-sticks'],
  ['defect-cancel-late', 'cancel', 'cancel-late'],
  ['defect-cancel-blocks', 'cancel', 'cancel-blocks'],
  ['defect-cancel-absent', 'cancel', 'cancel-absent', 'warning'],
  ['defect-cancel-unasked', 'cancel', 'cancel-unasked'],
  ['defect-leaks-memory', 'endurance', 'memory-grows'],
  ['defect-leaks-descriptors', 'endurance', 'descriptors-grow'],
  ['defect-leaks-threads', 'endurance', 'threads-grow'],
];

/** With what is remarkable about them, if anything. @type {[string, string[]?, boolean?][]} */
const SOUND = [
  [path.join(root, libraryName('native_lib'))],
  [path.join(root, libraryName('live_lib')), ['note differs'], true],
  ['uppercase-c'],
  ['uppercase-cc'],
  ['uppercase-rs'],
  ['double-c'],
  ['perform-sound', ['warning words-utf8', 'note long-calls']], // by design: it says its input, and goes on
  ['defect-none'],
];

if (isLinux) {
  describe('validate', function () {
    this.slow(5000);
    const folder = temporaryFolder();

    for (const [fixture, check, id, status = 'problem'] of FOUND) {
      it(`finds in ${fixture}, by the check '${check}': ${id}`, async () => {
        const { findings: found } = await findings(fixtureLibrary(fixture), [check]);
        assert.deepEqual(
          found.filter((each) => each.id === id).map((each) => [each.check, each.status]),
          [[check, status]],
          JSON.stringify(found, null, 2),
        );
      });
    }

    it('finds a library that never returns, in the time that is given', async () => {
      /** @type {{ id: string, message: string }[]} */
      let found = [];
      // On a busy machine it may take longer to get to the step in which the library hangs.
      for (const seconds of [1, 5]) {
        ({ observations: found } = await runCheck(
          program,
          ['returns', fixtureLibrary('defect-hangs')],
          seconds * 1000,
        ));
        if (found[0]?.message === `it had not ended after ${seconds} s (100 bytes of text)`) break;
      }
      assert.equal(found.length, 1);
      assert.equal(found[0].id, 'hang');
      assert.match(found[0].message, /^it had not ended after [15] s \(100 bytes of text\)$/);
    });

    it('has one defect for each that is looked for', () => {
      const planted = [...read('tests/fixtures/libraries/defects.c').matchAll(/^#define (\w+) \d+$/gm)].map(
        ([, name]) => `defect-${name.toLowerCase().replaceAll('_', '-')}`,
      );
      const tried = [...FOUND.map(([fixture]) => fixture), 'defect-none', 'defect-hangs', 'defect-aligned'];
      assert.deepEqual(
        planted.filter((name) => !tried.includes(name)),
        [],
      );
    });

    for (const [library, remarks = [], needsRequest = false] of SOUND) {
      it(`finds nothing in ${path.basename(library)}${remarks.length > 0 ? ` but ${remarks}` : ''}`, async () => {
        const file = path.isAbsolute(library) ? library : fixtureLibrary(library);
        const { checks, findings: found } = await findings(
          file,
          CHECKS,
          needsRequest ? liveRequest(folder) : undefined,
        );
        assert.deepEqual(
          found.map(({ status, id }) => `${status} ${id}`),
          remarks,
          JSON.stringify(found, null, 2),
        );
        assert.deepEqual(
          checks.map(({ name }) => name),
          CHECKS,
        );
        const skipped = checks.filter(({ status }) => status === 'skipped').map(({ name }) => name);
        assert.deepEqual(
          skipped.filter((name) => !['open-close', 'cancel'].includes(name)),
          [],
        );
      });
    }

    it('says what is wrong, where the contract says so, and what to do', () => {
      const library = fixtureLibrary('defect-writes-after');
      const { status, stdout } = cli('validate', library, '--only', '^guards$', '--seed', '7', '--quick');
      assert.equal(status, 1);
      const sentence = 'data points to len bytes that the host lends until this function returns.';
      assert.match(
        stdout,
        /^problem {2}guards +\d\.\d s {2}byte 1 after the memory was written \(100 bytes of text\)$/m,
      );
      assert.ok(
        stdout.includes(`exchange.h, exchange_inplace: “${sentence}”\n         -> Compare each offset`),
        stdout,
      );
      assert.match(stdout, /\n1 problem, no warnings; 1 of 1 checks made in \d\.\d s, quick, seed 7\n$/);
    });

    it('reports to programs with stable keys', () => {
      const library = fixtureLibrary('defect-name-not-utf8');
      const { status, stdout } = cli(
        'validate',
        library,
        '--only',
        'symbols|speed',
        '--seed',
        '7',
        '--quick',
        '--json',
      );
      const { findings: found, checks, speed, system, ...rest } = JSON.parse(stdout);
      assert.equal(status, 1);
      const { version } = require('../../package.json');
      assert.deepEqual(rest, { format: 1, ok: false, library, version, seed: 7, quick: true, input: null });
      assert.deepEqual(Object.keys(found[0]), ['id', 'check', 'status', 'message', 'contract', 'next']);
      assert.deepEqual(
        checks.map((/** @type {any} */ { name, status: each }) => [name, each]),
        [
          ['symbols', 'problem'],
          ['speed', 'ok'],
        ],
      );
      assert.deepEqual(
        speed.map((/** @type {any} */ { bytes }) => bytes),
        [64, 4096, 65_536, 1_048_576, 8_388_608],
      );
      assert.equal(system.platform, 'linux');
      assert.equal(cli('validate', fixtureLibrary('defect-none'), '--only', 'symbols', '--json').status, 0);
    });

    it('makes the calls with the request that is given', async () => {
      const library = path.join(root, libraryName('live_lib'));
      const without = await findings(library, ['returns']);
      assert.deepEqual(
        without.findings.map(({ id }) => id),
        ['all-failed'],
      );
      const given = await findings(library, ['returns', 'speed'], liveRequest(folder));
      assert.deepEqual(given.findings, []);
      assert.equal(given.speed[0].bytes, 64 * 64 * 4);
    });

    it('refuses what it cannot check, with the reason, also for programs', () => {
      for (const [args, reason] of /** @type {[string[], RegExp][]} */ ([
        [[], /^type: npx inplace-exchange validate LIBRARY$/],
        [['a', 'b'], /^type: npx inplace-exchange validate LIBRARY$/],
        [['/no-such.so'], /^there is no file \/no-such\.so$/],
        [[fixtureLibrary('zero'), '--input', '/no-such'], /^there is no file \/no-such$/],
        [[fixtureLibrary('zero'), '--only', 'nothing'], /^no check matches nothing\. There are: symbols empty /],
        [[fixtureLibrary('zero'), '--only', '('], /^\( is no regular expression$/],
        [[fixtureLibrary('zero'), '--seed', '-'], /^a seed is a number below 2\^32$/],
        [['--unknown'], /^Unknown option '--unknown'/],
      ])) {
        const { status, stdout, stderr } = cli('validate', ...args, '--json');
        assert.equal(status, 2, stderr);
        const { format, ok, error } = JSON.parse(stdout);
        assert.deepEqual({ format, ok }, { format: 1, ok: false });
        assert.match(error, reason);
        assert.ok(stderr.startsWith(`inplace-exchange: ${error}\n`), stderr);
      }
    });
  });
}

describe('validate, everywhere', () => {
  it('says on other systems that it runs on Linux only', () => {
    const other = 'data:text/javascript,Object.defineProperty(process,"platform",{value:"darwin"})';
    const args = ['--import', other, command, 'validate', 'library.dylib'];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.equal(status, 2);
    assert.equal(stderr, 'inplace-exchange: validate runs on Linux only, so far\n');
  });

  it('is in the help', () => {
    assert.match(cli('--help').stdout, /^npx inplace-exchange validate LIBRARY \[OPTIONS\]$/m);
    if (!isLinux) return;
    const { stdout } = cli('validate', '--help');
    assert.match(stdout, /^npx inplace-exchange validate LIBRARY \[OPTIONS\]/);
    for (const name of CHECKS) assert.match(stdout, new RegExp(`\\b${name}\\b`));
  });

  it('quotes exchange.h as it is', () => {
    const header = read('include/exchange.h')
      .replace(/^ *\/?\*+\/?/gm, ' ')
      .replace(/\s+/g, ' ');
    for (const [id, { section, text }] of Object.entries(RULES)) {
      if (text) assert.ok(header.includes(text), `${id}: ${text}`);
      for (const part of section?.split(', ') ?? [])
        if (part !== 'the beginning') assert.match(header, new RegExp(`\\b${part}\\b`), id);
    }
    const declared = [...read('include/exchange.h').matchAll(/^EXCHANGE_EXPORT .*?(\w+)\(/gm)].map(([, name]) => name);
    assert.deepEqual([...FUNCTIONS].sort(), declared.sort());
  });

  it('knows every finding of the program, and every check', () => {
    const sources = [
      ...sourceFiles(/^validator\/src\/.*\.rs$/),
      'validator/command/process.mjs',
      'validator/command/sanitizer.mjs',
      'validator/command/validate.mjs',
    ];
    const source = sources.map(read).join('\n');
    const reported = new Set(Object.keys(RULES).map((id) => id.replace(/^.*\//, '')));
    for (const id of reported) assert.match(source, new RegExp(`["']${id}["']`));
    for (const [, id] of source.matchAll(/events::(?:problem|warning|note)\(\s*"([\w-]+)"/g)) assert.ok(RULES[id], id);
    const named = [...read('validator/src/checks.rs').matchAll(/^ +"([\w-]+)" => /gm)].map(([, name]) => name);
    assert.deepEqual(named.sort(), [...CHECKS].sort());
  });
});
