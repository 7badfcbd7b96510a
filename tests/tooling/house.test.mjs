// The house rules: the length of files, and the places of `unsafe`.

import assert from 'node:assert/strict';
import { codeOf } from '../../scripts/lib/module-graph.mjs';
import { read, sourceFiles } from '../support/source-files.mjs';

const SOURCE = /\.(c|cc|h|rs|js|mjs|cjs|ts|mts|css|html)$/;
const GENERATED = ['native.js', 'index.d.ts'];
const TEST = /^tests\/|\/tests\.rs$|\/tests\//;

const MAX_LINES = 300;
const MAX_TEST_LINES = 500;

/** The places where `unsafe` may be: the foreign interfaces, and memory that is shared with another process. */
const UNSAFE = [
  'src/js/',
  'src/api/',
  'src/env/completions.rs',
  'src/env/mapping.rs',
  'src/env/teardown.rs',
  'src/memory.rs',
  'host/src/abi.rs',
  'host/src/abi/perform.rs',
  'host/src/abi/stream.rs',
  'host/src/abi/text.rs',
  'host/src/lent_memory.rs',
  'host/src/loader.rs',
  'host/src/loader/',
  'host/src/stream/memory.rs',
  'host/src/paging.rs',
  'library-process/src/confine.rs',
  'library-process/src/connection/calls.rs',
  'library-process/src/lender.rs',
  'library-process/src/mapped.rs',
  'library-process/src/pages.rs',
  'library-process/src/shared_memory.rs',
  'library-process/src/stream.rs',
  'library-process/src/system/unix/app.rs',
  'library-process/src/system/unix/view.rs',
  'library-process/src/system/windows',
  'library-process/src/trial.rs',
  'sdk/src/abi.rs',
  'sdk/src/bytes.rs',
  'sdk/src/control.rs',
  'sdk/src/call.rs',
  'sdk/src/definition.rs',
  'sdk/src/library.rs',
  'sdk/src/macros.rs',
  'sdk/src/memory.rs',
  'sdk/src/message.rs',
  'sdk/src/sink.rs',
  'sdk/src/slot.rs',
  'sdk/src/testing/',
  'validator/src/fault.rs',
  'validator/src/memory.rs',
  'validator/src/sanitizer.rs',
  'validator/src/texts.rs',
];

const sources = () => sourceFiles(SOURCE).filter((file) => !GENERATED.includes(file));

describe('the sources', () => {
  it(`have at most ${MAX_LINES} lines in a file, ${MAX_TEST_LINES} in a test file`, () => {
    const files = sources();
    assert.ok(files.includes('main.js') && files.includes('tests/tooling/house.test.mjs'));
    const lengths = files.map((file) => ({ file, lines: read(file).trimEnd().split('\n').length }));
    const tooLong = lengths.filter(({ file, lines }) => lines > (TEST.test(file) ? MAX_TEST_LINES : MAX_LINES));
    assert.deepEqual(tooLong, []);
  });

  it('use unsafe code at the foreign interfaces only', () => {
    const unsafe = sources().filter(
      (file) =>
        /^(src|host|library-process|validator|sdk\/src)\/.*\.rs$/.test(file) &&
        !TEST.test(file) &&
        /\bunsafe\b/.test(codeOf(read(file))),
    );
    const allowed = (/** @type {string} */ file) => UNSAFE.some((place) => file.startsWith(place));
    assert.deepEqual(
      unsafe.filter((file) => !allowed(file)),
      [],
    );
    const unused = UNSAFE.filter((place) => !unsafe.some((file) => file.startsWith(place)));
    assert.deepEqual(unused, [], 'places without unsafe code');
  });
});
