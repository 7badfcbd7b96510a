// npx inplace-exchange validate, of libraries that gcc has built with -fsanitize=thread: a race that no answer shows is
// found, and none in libraries without.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { addSanitized, races, runtimeOf } from '../../validator/command/sanitizer.mjs';
import { CHECKS } from '../../validator/command/validate.mjs';
import { root } from '../support/source-files.mjs';

const require = createRequire(import.meta.url);
const { temporaryFolder } = require('../support/fixtures.js');

const command = path.join(root, 'lib', 'doctor', 'cli.mjs');
const libraries = path.join(root, 'tests', 'fixtures', 'libraries');
const THREAD = ['-fsanitize=thread', '-g'];
const ALL = '.';

/** @param {string[]} args */
const gcc = (...args) => {
  const first = ['-std=c11', '-D_GNU_SOURCE', '-O1', '-fPIC', '-Wall', '-Wextra', '-I', path.join(root, 'include')];
  return spawnSync('gcc', [...first, ...args], { encoding: 'utf8' });
};

if (process.platform === 'linux') {
  describe('validate, with ThreadSanitizer', function () {
    this.slow(10_000);
    const folder = temporaryFolder();

    before(function () {
      const probe = path.join(folder, 'probe');
      fs.writeFileSync(`${probe}.c`, 'int main(void) { return 0; }\n');
      // Some systems have gcc without the runtime, or addresses with which it does not start.
      if (gcc(...THREAD, '-o', probe, `${probe}.c`).status !== 0 || spawnSync(probe).status !== 0) this.skip();
    });

    /** @param {string} name @param {string[]} args @returns {string} its path */
    function build(name, ...args) {
      const library = path.join(folder, `${name}.so`);
      const { status, stderr } = gcc('-shared', '-o', library, ...args);
      assert.equal(status, 0, stderr);
      return library;
    }

    /** @param {string} library @param {string} only */
    function findings(library, only) {
      const args = [command, 'validate', library, '--only', only, '--seed', '1', '--quick', '--json'];
      const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      assert.ok(stdout, stderr);
      const { findings: found, checks } = JSON.parse(stdout);
      /** @type {string[]} */
      const ids = found.map((/** @type {any} */ { status, id }) => `${status} ${id}`);
      // How many calls are cancelled depends on how fast the others are.
      return { found, checks, ids: ids.filter((id) => id !== 'note long-calls') };
    }

    const source = path.join(libraries, 'races.c');

    it('finds a race of two calls whose answers are right, with both places', () => {
      const { found, ids } = findings(build('races', ...THREAD, '-DRACES', source), '^threads$');
      assert.deepEqual(ids, ['problem data-race', 'note sanitized']);
      const access = String.raw`(read|written) \(4 bytes\) in count \(races\.c:\d+\) < exchange_inplace \(races\.c:\d+\)`;
      assert.match(
        found[0].message,
        new RegExp(`^a data race: heap block of size \\d+ is ${access}, on another thread ${access}$`),
      );
      assert.equal(found[0].contract.section, 'EXCHANGE_CONCURRENT');
    });

    it('finds a race with a thread of the library', () => {
      const { found, ids } = findings(build('ticks', ...THREAD, '-DTICKS', source), '^threads$');
      assert.deepEqual(ids, ['problem thread-race', 'note sanitized']);
      assert.match(found[0].message, /\bcount \(races\.c:\d+\) < tick \(races\.c:\d+\)/);
    });

    it('finds no race where it was not built with it', () => {
      const { ids } = findings(build('plain', '-DRACES', source), ALL);
      assert.deepEqual(ids, []);
    });

    it('finds nothing in a library that is ordered by its mutex and by the host', () => {
      const { ids, checks } = findings(build('sound', ...THREAD, source), ALL);
      assert.deepEqual(ids, ['note sanitized']);
      const made = checks.filter((/** @type {any} */ { status }) => status === 'ok');
      assert.deepEqual(
        made.map((/** @type {any} */ { name }) => name),
        CHECKS,
      );
    });

    it('finds nothing in a library that counts with atomics', () => {
      const { ids } = findings(
        build('counter', ...THREAD, '-DCONCURRENT', path.join(libraries, 'counter.c')),
        '^threads$',
      );
      assert.deepEqual(ids, ['note sanitized']);
    });

    it('finds what the other checks look for', () => {
      const defects = path.join(libraries, 'defects.c');
      const { found } = findings(build('writes', ...THREAD, '-DDEFECT=WRITES_AFTER', defects), '^guards$');
      assert.deepEqual(
        found.map((/** @type {any} */ { id, message }) => [id, message]),
        [['outside', 'byte 1 after the memory was written (100 bytes of text)']],
      );
    });

    it('says what to install where the runtime is missing', () => {
      const library = build('missing', ...THREAD, source);
      const bytes = fs.readFileSync(library, 'latin1');
      fs.writeFileSync(library, bytes.replaceAll(/libtsan\.so\.\d/g, 'libtsan.so.X'), 'latin1');
      const { found, ids } = findings(library, '^(symbols|threads)$');
      assert.deepEqual(ids, ['problem load-sanitizer']);
      assert.match(found[0].message, /libtsan\.so\.X, is not found$/);
      assert.match(found[0].next, /apt-get install libtsan2/);
    });

    it('says why a library that is not linked to a runtime, as by clang, cannot be loaded', () => {
      const object = path.join(folder, 'unlinked.o');
      assert.equal(gcc(...THREAD, '-c', '-o', object, source).status, 0);
      const { ids } = findings(build('unlinked', object), 'symbols');
      assert.deepEqual(ids, ['problem load-unlinked']);
    });
  });
}

describe("validate, of ThreadSanitizer's words", () => {
  const report = (/** @type {string} */ second) => `==================
WARNING: ThreadSanitizer: data race (pid=1)
  Write of size 8 at 0x7ff40f325fa8 by thread T6:
    #0 memset ../../sanitizer_common_interceptors.inc:799 (libtsan.so.2+0x5cbc4)
    #1 fill(exchange_call const*) /src/codec.cc:50 (codec.so+0x14a1) (BuildId: 12ab)
    #2 exchange_perform /src/codec.cc:61:5 (codec.so+0x14a1)
    #3 <null> <null> (validator+0x72a16)

  Previous read of size 8 at 0x7ff40f325fa8 by thread T3:
    #0 memcpy ../../sanitizer_common_interceptors.inc:827 (libtsan.so.2+0x5dda6)
${second}
SUMMARY: ThreadSanitizer: data race
==================
`;

  it('leaves out a race with the program itself', () => {
    assert.deepEqual(races(report('    #1 <null> <null> (validator+0x7059a)\n'), 'validator'), []);
  });

  it('names the functions of the library alone, also without debug information', () => {
    const [{ id, message }] = races(report('    #1 exchange_perform <null> (codec.so+0x1500)\n'), 'validator');
    assert.equal(id, 'data-race');
    assert.equal(
      message,
      'a data race: memory is written (8 bytes) in fill(exchange_call const*) (codec.cc:50) < exchange_perform (codec.cc:61:5), ' +
        'on another thread read (8 bytes) in exchange_perform (codec.so)',
    );
  });

  it('reports each kind once', () => {
    const second = report('    #1 exchange_perform <null> (codec.so+0x1500)\n');
    assert.equal(races(second + second, 'validator').length, 1);
  });

  it('tells addresses with which it cannot start, and its own end, from that of the library', () => {
    const idsFor = (/** @type {string} */ output) => {
      /** @type {Parameters<typeof addSanitized>[0]} */
      const outcome = { observations: [], summary: '', speed: [], output };
      outcome.observations.push({ id: 'exited', status: 'problem', message: 'with exit code 0' });
      outcome.observations.push({ id: 'memory-grows', status: 'problem', message: '1 KiB' });
      addSanitized(outcome, 'libtsan.so.2', 'returns', '/validator');
      return outcome.observations.map(({ id }) => id);
    };
    assert.deepEqual(idsFor('FATAL: ThreadSanitizer: unexpected memory mapping 0x1-0x2\n'), ['load-addresses']);
    assert.deepEqual(idsFor('==1==ERROR: ThreadSanitizer: allocation-size-too-big\n'), ['crash']);
    assert.deepEqual(idsFor(''), ['exited']);
  });

  it('knows the runtime of gcc by its name', () => {
    assert.equal(runtimeOf(['libc.so.6', 'libtsan.so.2']), 'libtsan.so.2');
    assert.equal(runtimeOf(['libc.so.6', 'libtsandbox.so']), undefined);
  });
});
