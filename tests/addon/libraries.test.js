// Everything that can be named as a library, and everything that a library can answer. Runs in Electron's main process
// and in its renderer process.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { openLibrary } = require('../../index.js');
const { assertDocumented, each, fixtureLibrary, temporaryFolder } = require('../support/fixtures.js');

const PATTERN = 0x5a;

/**
 * Opening fails.
 * @param {any} file @param {string} code @param {RegExp} words @param {Record<string, unknown>} [fields]
 */
function opening(file, code, words, fields) {
  const name = code === 'ERR_LIBRARY_PATH' ? 'TypeError' : 'Error';
  assert.throws(() => openLibrary(file), { name, code, message: words, ...fields });
}

/**
 * Opening works, and the exchange fails.
 * @param {string} library @param {string} code @param {RegExp} words @param {Record<string, unknown>} fields
 */
function exchanging(library, code, words, fields) {
  const file = fixtureLibrary(library);
  const { exchangeDataInPlace } = openLibrary(file);
  const name = code === 'ERR_LIBRARY_FAILED' ? 'Error' : 'RangeError';
  const carried = code === 'ERR_BUFFER_TOO_SMALL' ? fields : { path: file, ...fields };
  for (let again = 0; again < 2; again += 1) {
    const buffer = Buffer.alloc(64, PATTERN);
    assert.throws(() => exchangeDataInPlace(buffer), { name, code, message: words, ...carried });
    assert.ok(buffer.every((byte) => byte === PATTERN));
  }
}

/** @type {string} */
let folder;

/** @param {string} name @param {Uint8Array | string} content */
function write(name, content) {
  const file = path.join(folder, name);
  fs.writeFileSync(file, content);
  return file;
}

/** @param {string} name */
const bytesOf = (name) => fs.readFileSync(fixtureLibrary(name));

/** @type {[what: string, gives: string, test: () => void][]} */
const MATRIX = [
  [
    'a file that is not there',
    '`ERR_LIBRARY_NOT_FOUND` with its path',
    () => {
      const file = path.join(folder, 'missing.so');
      opening(file, 'ERR_LIBRARY_NOT_FOUND', /There is no library at .*missing\.so: .*Build it, or correct the path/, {
        path: file,
      });
    },
  ],
  [
    'a file inside app.asar that is not unpacked',
    '`ERR_LIBRARY_NOT_FOUND`, with where it was looked for',
    () => {
      const file = path.join(folder, 'app.asar', 'x.so');
      opening(file, 'ERR_LIBRARY_NOT_FOUND', /asarUnpack/, { path: path.join(folder, 'app.asar.unpacked', 'x.so') });
    },
  ],
  [
    'a directory',
    '`ERR_LIBRARY_LOAD`',
    () => opening(folder, 'ERR_LIBRARY_LOAD', /could not load .*: it is a directory/, { path: folder }),
  ],
  [
    'a pipe, which would keep a reader waiting',
    '`ERR_LIBRARY_LOAD`',
    () => {
      const file = path.join(folder, 'pipe.so');
      execFileSync('mkfifo', [file]);
      opening(file, 'ERR_LIBRARY_LOAD', /could not load .*: it is a directory, a pipe or a device/, { path: file });
    },
  ],
  [
    'a text file',
    "`ERR_LIBRARY_LOAD` with the system's reason",
    () => {
      const file = write('text.so', 'This is a text, and it is longer than a header.\n'.repeat(10));
      opening(file, 'ERR_LIBRARY_LOAD', /could not load .*text\.so: .*(header|slice|not a valid)/i, { path: file });
    },
  ],
  [
    'an empty file',
    "`ERR_LIBRARY_LOAD` with the system's reason",
    () => {
      const file = write('empty.so', '');
      opening(file, 'ERR_LIBRARY_LOAD', /could not load .*empty\.so: .*(too short|slice|not a valid)/i, { path: file });
    },
  ],
  [
    'a library for another machine',
    "`ERR_LIBRARY_LOAD` with the system's reason",
    () => {
      const bytes = bytesOf('zero');
      bytes[18] ^= 0xff; // e_machine
      const file = write('machine.so', bytes);
      opening(file, 'ERR_LIBRARY_LOAD', /could not load .*machine\.so: .{10}/, { path: file });
    },
  ],
  [
    'a truncated library, however much is missing',
    '`ERR_LIBRARY_LOAD`: file too short',
    () => {
      for (const name of ['zero', 'address', 'uppercase-rs']) {
        const whole = bytesOf(name);
        for (const part of [0.001, 0.01, 0.1, 0.25, 0.5, 0.75]) {
          const file = write(`${name}-${part}.so`, whole.subarray(0, whole.length * part));
          opening(file, 'ERR_LIBRARY_LOAD', /could not load .*: .*(file too short|cannot read file data)/, {
            path: file,
          });
        }
      }
    },
  ],
  [
    'a library that is still being written into space set aside for it: zeros from somewhere on',
    '`ERR_LIBRARY_LOAD`: file incomplete',
    () => {
      if (process.platform !== 'linux') return; // the check is one of ELF files
      for (const name of ['zero', 'uppercase-rs']) {
        for (const part of [0.05, 0.5, 0.95]) {
          const bytes = bytesOf(name);
          const file = write(`${name}-zeros-${part}.so`, bytes.fill(0, Math.floor(bytes.length * part)));
          opening(file, 'ERR_LIBRARY_LOAD', /could not load .*: file incomplete: /, { path: file });
        }
      }
    },
  ],
  [
    'a library whose own dependency is missing',
    "`ERR_LIBRARY_LOAD` with the system's reason",
    () => {
      const file = write('needs-nothing.so', bytesOf('needs-nothing'));
      opening(file, 'ERR_LIBRARY_LOAD', /could not load .*needs-nothing\.so: .*nothing/, { path: file });
    },
  ],
  [
    'a library that calls a function which is defined nowhere',
    '`ERR_LIBRARY_LOAD` naming the function',
    () => {
      const file = fixtureLibrary('undefined');
      opening(file, 'ERR_LIBRARY_LOAD', /could not load .*defined_nowhere/, { path: file });
    },
  ],
  [
    'a library that has changed since it was loaded',
    '`ERR_LIBRARY_LOAD`: restart to see the new build',
    () => {
      const file = write('changing.so', bytesOf('zero'));
      assert.equal(openLibrary(file).exchangeDataInPlace(Buffer.alloc(1)), 0);
      fs.renameSync(write('new.so', bytesOf('negative')), file);
      opening(file, 'ERR_LIBRARY_LOAD', /changing\.so has changed since it was loaded.*Restart/, { path: file });
    },
  ],
  [
    'a relative path',
    '`ERR_LIBRARY_PATH`',
    () =>
      each(['library.so', './library.so', '../x/library.so'], (file) =>
        opening(file, 'ERR_LIBRARY_PATH', /absolute path.*search-order hijacking/, { path: file }),
      ),
  ],
  ['an empty path', '`ERR_LIBRARY_PATH`', () => opening('', 'ERR_LIBRARY_PATH', /absolute path/, { path: '' })],
  [
    'a path with a NUL',
    '`ERR_LIBRARY_PATH`',
    () => opening(`${fixtureLibrary('zero')}\0.txt`, 'ERR_LIBRARY_PATH', /NUL/),
  ],
  [
    'a number, or anything else that is no string',
    '`ERR_LIBRARY_PATH`',
    () =>
      each([7, undefined, null, {}, ['/x'], Symbol('x'), { toString: () => '/x' }], (value) =>
        opening(value, 'ERR_LIBRARY_PATH', /a string/),
      ),
  ],
  [
    'a library without `exchange_inplace`',
    '`ERR_LIBRARY_SYMBOL` naming it',
    () =>
      opening(fixtureLibrary('nothing'), 'ERR_LIBRARY_SYMBOL', /does not export exchange_inplace/, {
        path: fixtureLibrary('nothing'),
        symbol: 'exchange_inplace',
      }),
  ],
  [
    '`exchange_abi_version` says 0',
    '`ERR_LIBRARY_ABI` with both versions',
    () =>
      opening(fixtureLibrary('abi-0'), 'ERR_LIBRARY_ABI', /version 0 .* version 1/, {
        libraryVersion: 0,
        hostVersion: 1,
      }),
  ],
  [
    '`exchange_abi_version` says 99',
    '`ERR_LIBRARY_ABI` with both versions',
    () =>
      opening(fixtureLibrary('abi-99'), 'ERR_LIBRARY_ABI', /version 99 .* version 1/, {
        libraryVersion: 99,
        hostVersion: 1,
      }),
  ],
  [
    'answers with more than `len`',
    '`ERR_BUFFER_TOO_SMALL` with `required`',
    () => exchanging('too-small', 'ERR_BUFFER_TOO_SMALL', /needs 1064 bytes/, { required: 1064 }),
  ],
  [
    'answers with INT64_MAX',
    '`ERR_LIBRARY_COUNT` with the exact `count`',
    () => exchanging('int64-max', 'ERR_LIBRARY_COUNT', /9223372036854775807 bytes/, { count: 2n ** 63n - 1n }),
  ],
  [
    'answers with INT64_MIN',
    '`ERR_LIBRARY_FAILED` with the exact `status`, a bigint',
    () => exchanging('int64-min', 'ERR_LIBRARY_FAILED', /status -9223372036854775808/, { status: -(2n ** 63n) }),
  ],
  [
    'answers with 2^32',
    '`ERR_LIBRARY_COUNT` with the exact `count`',
    () => exchanging('two-to-32', 'ERR_LIBRARY_COUNT', /4294967296 bytes/, { count: 2n ** 32n }),
  ],
  [
    'answers with 2^53+1',
    '`ERR_LIBRARY_COUNT` with the exact `count`',
    () => exchanging('two-to-53-plus-1', 'ERR_LIBRARY_COUNT', /9007199254740993 bytes/, { count: 2n ** 53n + 1n }),
  ],
  [
    'returns a 32-bit `int`, -5',
    '`ERR_LIBRARY_COUNT`, and the message says why',
    () => exchanging('int', 'ERR_LIBRARY_COUNT', /32-bit int/, { count: 2n ** 32n - 5n }),
  ],
  [
    'a negative status, without `exchange_error_message`',
    '`ERR_LIBRARY_FAILED` with `status`',
    () => exchanging('negative', 'ERR_LIBRARY_FAILED', /status -9, and gives no reason/, { status: -9 }),
  ],
  [
    'a negative status with a message',
    "`ERR_LIBRARY_FAILED` with `status` and the library's words",
    () => exchanging('negative-message', 'ERR_LIBRARY_FAILED', /status -9: the lens cap is on/, { status: -9 }),
  ],
  [
    'a negative status whose message is NULL',
    '`ERR_LIBRARY_FAILED` with `status`',
    () => exchanging('negative-message-null', 'ERR_LIBRARY_FAILED', /status -9, and gives no reason/, { status: -9 }),
  ],
  [
    'a negative status whose message is not UTF-8',
    '`ERR_LIBRARY_FAILED`; the broken bytes are replaced',
    () => exchanging('negative-message-not-utf8', 'ERR_LIBRARY_FAILED', /status -9: \ufffd\ufffd lens/, { status: -9 }),
  ],
  [
    'a panic in Rust, caught inside',
    '`ERR_LIBRARY_FAILED`',
    () => exchanging('panics', 'ERR_LIBRARY_FAILED', /status -4: caught: inside/, { status: -4 }),
  ],
  [
    'an exception in C++, caught inside',
    '`ERR_LIBRARY_FAILED`',
    () => exchanging('throws', 'ERR_LIBRARY_FAILED', /status -3: caught: inside/, { status: -3 }),
  ],
  [
    'refuses to be opened',
    '`ERR_LIBRARY_FAILED` at the first exchange; the next one asks again',
    () => {
      const { exchangeDataInPlace } = openLibrary(fixtureLibrary('life-refused'));
      assert.throws(() => exchangeDataInPlace(Buffer.alloc(8)), { code: 'ERR_LIBRARY_FAILED', status: -7 });
      assert.equal(exchangeDataInPlace(Buffer.alloc(8)), 2);
    },
  ],
];

describe(`libraries, in the ${process.type} process`, () => {
  folder = temporaryFolder();

  for (const [what, gives, test] of MATRIX) it(`${what}: ${gives}`, test);

  it('docs/errors.md shows this table', () =>
    assertDocumented(
      ['library', 'gives'],
      MATRIX.map(([what, gives]) => [what, gives]),
    ));

  for (const language of ['c', 'cc', 'rs']) {
    it(`the example of the guide in ${language}`, () => {
      const library = openLibrary(fixtureLibrary(`uppercase-${language}`));
      const buffer = Buffer.from('memory that v8 owns: äöü');
      assert.equal(library.exchangeDataInPlace(buffer), buffer.length);
      assert.equal(buffer.toString(), 'MEMORY THAT V8 OWNS: äöü');
      assert.equal(library.exchangeDataInPlace(Buffer.alloc(0)), 0);
    });
  }

  it('a handle says what it is, and cannot be changed', () => {
    const file = fixtureLibrary('named');
    const library = openLibrary(file);
    assert.equal(library.path, file);
    assert.equal(library.name, 'A name of its own');
    assert.equal(library.abiVersion, 1);
    assert.deepEqual(Object.keys(library), ['path', 'name', 'abiVersion', 'exchangeDataInPlace', 'exchangeDataAsync']);
    for (const name of ['zero', 'name-null']) {
      assert.equal(openLibrary(fixtureLibrary(name)).name, path.basename(fixtureLibrary(name)));
    }
  });

  it('many are open at once, each with its own answer', () => {
    const handles = ['zero', 'uppercase-c', 'uppercase-rs', 'address', 'named'].map((name) =>
      openLibrary(fixtureLibrary(name)),
    );
    const counts = handles.map(({ exchangeDataInPlace }) => exchangeDataInPlace(Buffer.alloc(32)));
    assert.deepEqual(counts, [0, 32, 32, 32, 0]);
  });

  it('one file is one library, under whatever name', () => {
    const file = write('one.so', bytesOf('life'));
    const linked = path.join(folder, 'linked.so');
    const hard = path.join(folder, 'hard.so');
    fs.symlinkSync(file, linked);
    fs.linkSync(file, hard);
    const handles = [file, linked, hard, path.join(folder, '.', 'one.so')].map((name) => openLibrary(name));
    assert.deepEqual(
      handles.map((handle) => handle.path),
      handles.map(() => fs.realpathSync(file)),
    );
    for (const { exchangeDataInPlace } of handles) {
      const counts = Buffer.alloc(2);
      exchangeDataInPlace(counts);
      assert.deepEqual([...counts], [1, 0], 'opened once in this environment');
    }
  });

  it('takes a path with spaces and letters beyond ASCII', () => {
    fs.mkdirSync(path.join(folder, 'größer als 8 µm'));
    assert.equal(
      openLibrary(write('größer als 8 µm/zéro.so', bytesOf('zero'))).exchangeDataInPlace(Buffer.alloc(1)),
      0,
    );
  });

  it('finds beside app.asar what is named inside it', () => {
    fs.mkdirSync(path.join(folder, 'app.asar.unpacked'));
    const file = write('app.asar.unpacked/inside.so', bytesOf('zero'));
    assert.equal(openLibrary(path.join(folder, 'app.asar', 'inside.so')).path, file);
  });

  it('a library that is refused stays loaded, for a thread that it may have started', async () => {
    const file = write('thread.so', bytesOf('thread'));
    const refusing = () => opening(file, 'ERR_LIBRARY_ABI', /version 2/, { path: file });
    refusing();
    refusing();
    await new Promise((resolve) => setTimeout(resolve, 300)); // its thread has come and gone
    fs.renameSync(write('better.so', bytesOf('zero')), file);
    opening(file, 'ERR_LIBRARY_LOAD', /has changed since it was loaded/, { path: file });
  });

  it('an error does not get lost in a path beyond all limits', () => {
    opening('x'.repeat(2 ** 24), 'ERR_LIBRARY_PATH', /absolute path/);
    opening(`/${'x'.repeat(2 ** 20)}`, 'ERR_LIBRARY_NOT_FOUND', /There is no library at/);
  });

  it('finds a dependency that stands beside the library', () => {
    assert.equal(openLibrary(fixtureLibrary('needs-nothing')).exchangeDataInPlace(Buffer.alloc(1)), 0);
  });
});
