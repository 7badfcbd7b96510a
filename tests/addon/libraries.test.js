// Everything that can be opened as a library, and everything that a library can return. Runs in Electron's main process
// and in its renderer process.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { createServer } = require('node:net');
const path = require('node:path');
const { openLibrary } = require('../../index.js');
const { differs, itHere } = require('../support/differences.js');
const {
  FOR_EVER,
  assertDocumented,
  cameraRequest,
  each,
  fixtureLibrary,
  replaceFile,
  temporaryFolder,
  testUnless,
} = require('../support/fixtures.js');

const PATTERN = 0x5a;

/**
 * Checks that opening the file fails.
 * @param {any} file @param {string} code @param {RegExp} message @param {Record<string, unknown>} [fields]
 */
function refusedToOpen(file, code, message, fields) {
  const name = code === 'ERR_LIBRARY_PATH' ? 'TypeError' : 'Error';
  assert.throws(() => openLibrary(file), { name, code, message, ...fields });
}

/**
 * Checks that the library can be opened, and that its exchange fails.
 * @param {string} library @param {string} code @param {RegExp} message @param {Record<string, unknown>} fields
 */
function failedExchange(library, code, message, fields) {
  const file = fixtureLibrary(library);
  const { exchangeDataInPlace } = openLibrary(file);
  const name = code === 'ERR_LIBRARY_FAILED' ? 'Error' : 'RangeError';
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const buffer = Buffer.alloc(64, PATTERN);
    assert.throws(() => exchangeDataInPlace(buffer), { name, code, message, path: file, ...fields });
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

/**
 * Where a file names the processor that it is for: in ELF, in Mach-O, in PE.
 * @param {Buffer} library
 */
function offsetOfMachine(library) {
  if (process.platform === 'win32') return library.readUInt32LE(0x3c) + 4;
  return process.platform === 'darwin' ? 4 : 18;
}

/** A pipe, which has no reader and no writer. */
function makePipe() {
  if (process.platform !== 'win32') {
    const file = path.join(folder, 'pipe.so');
    execFileSync('mkfifo', [file]);
    return file;
  }
  const name = `\\\\.\\pipe\\${path.basename(folder)}`;
  const server = createServer().listen(name);
  after(() => server.close());
  return name;
}

/** @type {[library: string, outcome: string, test: () => void, notOn?: Record<string, string>][]} */
const MATRIX = [
  [
    'a file that does not exist',
    '`ERR_LIBRARY_NOT_FOUND` with its path',
    () => {
      const file = path.join(folder, 'missing.so');
      refusedToOpen(
        file,
        'ERR_LIBRARY_NOT_FOUND',
        /There is no library at .*missing\.so: .*Build it, or correct the path/,
        {
          path: file,
        },
      );
    },
  ],
  [
    'a file inside app.asar that is not unpacked',
    '`ERR_LIBRARY_NOT_FOUND` with the path that was tried',
    () => {
      const file = path.join(folder, 'app.asar', 'x.so');
      refusedToOpen(file, 'ERR_LIBRARY_NOT_FOUND', /asarUnpack/, {
        path: path.join(folder, 'app.asar.unpacked', 'x.so'),
      });
    },
  ],
  [
    'a directory',
    '`ERR_LIBRARY_LOAD`',
    () => refusedToOpen(folder, 'ERR_LIBRARY_LOAD', /could not load .*: it is a directory/, { path: folder }),
  ],
  [
    'a pipe, which would block a reader',
    '`ERR_LIBRARY_LOAD`',
    () => {
      const file = makePipe();
      if (process.platform === 'win32') {
        // Wine does not find it; what Windows says is not known.
        assert.throws(() => openLibrary(file), { code: /^ERR_LIBRARY_(NOT_FOUND|LOAD)$/, path: file });
        return;
      }
      refusedToOpen(file, 'ERR_LIBRARY_LOAD', /could not load .*: it is a directory, a pipe or a device/, {
        path: file,
      });
    },
  ],
  [
    'a text file',
    "`ERR_LIBRARY_LOAD` with the system's reason",
    () => {
      const file = write('text.so', 'This is a text, and it is longer than a header.\n'.repeat(10));
      refusedToOpen(
        file,
        'ERR_LIBRARY_LOAD',
        /could not load .*text\.so: .*(header|slice|os error 193|Exec format error)/i,
        {
          path: file,
        },
      );
    },
  ],
  [
    'an empty file',
    "`ERR_LIBRARY_LOAD` with the system's reason",
    () => {
      const file = write('empty.so', '');
      refusedToOpen(
        file,
        'ERR_LIBRARY_LOAD',
        /could not load .*empty\.so: .*(too short|slice|os error 193|Exec format error)/i,
        {
          path: file,
        },
      );
    },
  ],
  [
    'a library for another machine',
    "`ERR_LIBRARY_LOAD` with the system's reason",
    () => {
      const bytes = bytesOf('zero');
      bytes[offsetOfMachine(bytes)] ^= 0xff;
      const file = write('machine.so', bytes);
      refusedToOpen(file, 'ERR_LIBRARY_LOAD', /could not load .*machine\.so: .{10}/, { path: file });
    },
    { musl: "musl's loader does not look" },
  ],
  [
    'a truncated library, whatever its length',
    '`ERR_LIBRARY_LOAD`: file too short',
    () => {
      for (const name of ['zero', 'address', 'uppercase-rs']) {
        const whole = bytesOf(name);
        for (const part of [0.001, 0.01, 0.1, 0.25, 0.5, 0.75]) {
          const file = write(`${name}-${part}.so`, whole.subarray(0, whole.length * part));
          refusedToOpen(
            file,
            'ERR_LIBRARY_LOAD',
            /could not load .*: .*(file too short|cannot read file data|os error 193|Exec format error)/,
            {
              path: file,
            },
          );
        }
      }
    },
  ],
  [
    'a library that is still being written into preallocated space: zeros from some offset on',
    '`ERR_LIBRARY_LOAD`: file incomplete',
    () => {
      for (const name of ['zero', 'uppercase-rs']) {
        for (const part of [0.05, 0.5, 0.95]) {
          const bytes = bytesOf(name);
          const file = write(`${name}-zeros-${part}.so`, bytes.fill(0, Math.floor(bytes.length * part)));
          refusedToOpen(file, 'ERR_LIBRARY_LOAD', /could not load .*: file incomplete: /, { path: file });
        }
      }
    },
    { darwin: 'only ELF files are checked', win32: 'only ELF files are checked' },
  ],
  [
    'a library whose own dependency is missing',
    "`ERR_LIBRARY_LOAD` with the system's reason",
    () => {
      const file = write('needs-nothing.so', bytesOf('needs-nothing'));
      refusedToOpen(file, 'ERR_LIBRARY_LOAD', /could not load .*needs-nothing\.so: .*(nothing|os error 126)/, {
        path: file,
      });
    },
  ],
  [
    'a library that calls an undefined function',
    "`ERR_LIBRARY_LOAD` with the function's name",
    () => {
      const file = fixtureLibrary('undefined');
      refusedToOpen(file, 'ERR_LIBRARY_LOAD', /could not load .*defined_nowhere/, { path: file });
    },
    { win32: 'the linker of Windows makes no such library' },
  ],
  [
    'a library that has changed since it was loaded',
    '`ERR_LIBRARY_LOAD`: restart the process to load the new build',
    () => {
      const file = write('changing.so', bytesOf('zero'));
      assert.equal(openLibrary(file).exchangeDataInPlace(Buffer.alloc(1)), 0);
      replaceFile(file, bytesOf('negative'));
      if (differs('build'))
        assert.equal(openLibrary(file).exchangeDataInPlace(Buffer.alloc(1)), 0); // its process runs
      else
        refusedToOpen(file, 'ERR_LIBRARY_LOAD', /changing\.so has changed since it was loaded.*Restart/, {
          path: file,
        });
    },
  ],
  [
    'a relative path',
    '`ERR_LIBRARY_PATH`',
    () =>
      each(['library.so', './library.so', '../x/library.so'], (file) =>
        refusedToOpen(file, 'ERR_LIBRARY_PATH', /absolute path.*search-order hijacking/, { path: file }),
      ),
  ],
  ['an empty path', '`ERR_LIBRARY_PATH`', () => refusedToOpen('', 'ERR_LIBRARY_PATH', /absolute path/, { path: '' })],
  [
    'a path that contains a NUL',
    '`ERR_LIBRARY_PATH`',
    () => refusedToOpen(`${fixtureLibrary('zero')}\0.txt`, 'ERR_LIBRARY_PATH', /NUL/),
  ],
  [
    'a number, or another value that is not a string',
    '`ERR_LIBRARY_PATH`',
    () =>
      each([7, undefined, null, {}, ['/x'], Symbol('x'), { toString: () => '/x' }], (value) =>
        refusedToOpen(value, 'ERR_LIBRARY_PATH', /a string/),
      ),
  ],
  [
    'a library without `exchange_inplace`',
    '`ERR_LIBRARY_SYMBOL` with its name',
    () =>
      refusedToOpen(fixtureLibrary('nothing'), 'ERR_LIBRARY_SYMBOL', /does not export exchange_inplace/, {
        path: fixtureLibrary('nothing'),
        symbol: 'exchange_inplace',
      }),
  ],
  [
    '`exchange_abi_version` returns 0',
    '`ERR_LIBRARY_ABI` with both versions',
    () =>
      refusedToOpen(fixtureLibrary('abi-0'), 'ERR_LIBRARY_ABI', /version 0 .* version 1/, {
        libraryVersion: 0,
        hostVersion: 1,
      }),
  ],
  [
    '`exchange_abi_version` returns 99',
    '`ERR_LIBRARY_ABI` with both versions',
    () =>
      refusedToOpen(fixtureLibrary('abi-99'), 'ERR_LIBRARY_ABI', /version 99 .* version 1/, {
        libraryVersion: 99,
        hostVersion: 1,
      }),
  ],
  [
    'returns more than `len`',
    '`ERR_BUFFER_TOO_SMALL` with `required` and its path',
    () => failedExchange('too-small', 'ERR_BUFFER_TOO_SMALL', /too-small\.\w+ needs 1064 bytes/, { required: 1064 }),
  ],
  [
    'returns INT64_MAX',
    '`ERR_LIBRARY_COUNT` with the exact `count`',
    () => failedExchange('int64-max', 'ERR_LIBRARY_COUNT', /9223372036854775807 bytes/, { count: 2n ** 63n - 1n }),
  ],
  [
    'returns INT64_MIN',
    '`ERR_LIBRARY_FAILED` with the exact `status`, a bigint',
    () => failedExchange('int64-min', 'ERR_LIBRARY_FAILED', /status -9223372036854775808/, { status: -(2n ** 63n) }),
  ],
  [
    'returns 2^32',
    '`ERR_LIBRARY_COUNT` with the exact `count`',
    () => failedExchange('two-to-32', 'ERR_LIBRARY_COUNT', /4294967296 bytes/, { count: 2n ** 32n }),
  ],
  [
    'returns 2^53+1',
    '`ERR_LIBRARY_COUNT` with the exact `count`',
    () => failedExchange('two-to-53-plus-1', 'ERR_LIBRARY_COUNT', /9007199254740993 bytes/, { count: 2n ** 53n + 1n }),
  ],
  [
    'returns a 32-bit `int`, -5',
    '`ERR_LIBRARY_COUNT`; the message explains the cause',
    () => failedExchange('int', 'ERR_LIBRARY_COUNT', /32-bit int/, { count: 2n ** 32n - 5n }),
  ],
  [
    'a negative status, without `exchange_error_message`',
    '`ERR_LIBRARY_FAILED` with `status`',
    () => failedExchange('negative', 'ERR_LIBRARY_FAILED', /status -9, and gives no reason/, { status: -9 }),
  ],
  [
    'a negative status with a message',
    "`ERR_LIBRARY_FAILED` with `status` and the library's message",
    () =>
      failedExchange('negative-message', 'ERR_LIBRARY_FAILED', /status -9: the lens cap is on/, {
        status: -9,
        words: 'the lens cap is on',
      }),
  ],
  [
    'a negative status whose message is NULL',
    '`ERR_LIBRARY_FAILED` with `status`',
    () =>
      failedExchange('negative-message-null', 'ERR_LIBRARY_FAILED', /status -9, and gives no reason/, { status: -9 }),
  ],
  [
    'a negative status whose message is not UTF-8',
    '`ERR_LIBRARY_FAILED`; the invalid bytes are replaced',
    () =>
      failedExchange('negative-message-not-utf8', 'ERR_LIBRARY_FAILED', /status -9: \ufffd\ufffd lens/, { status: -9 }),
  ],
  [
    'a panic in Rust, caught inside',
    '`ERR_LIBRARY_FAILED`',
    () => failedExchange('panics', 'ERR_LIBRARY_FAILED', /status -4: caught: inside/, { status: -4 }),
  ],
  [
    'an exception in C++, caught inside',
    '`ERR_LIBRARY_FAILED`',
    () => failedExchange('throws', 'ERR_LIBRARY_FAILED', /status -3: caught: inside/, { status: -3 }),
  ],
  [
    'refuses to be opened',
    '`ERR_LIBRARY_FAILED` at the first exchange; the next exchange tries again',
    () => {
      const { exchangeDataInPlace } = openLibrary(fixtureLibrary('life-refused'));
      assert.throws(() => exchangeDataInPlace(Buffer.alloc(8)), { code: 'ERR_LIBRARY_FAILED', status: -7 });
      assert.equal(exchangeDataInPlace(Buffer.alloc(8)), 2);
    },
  ],
];

describe(`libraries, in the ${process.type} process`, () => {
  folder = temporaryFolder();

  for (const [library, outcome, test, notOn] of MATRIX) testUnless(`${library}: ${outcome}`, test, notOn);

  it('docs/errors.md has this table', () =>
    assertDocumented(
      ['library', 'gives'],
      MATRIX.map(([library, outcome]) => [library, outcome]),
    ));

  for (const language of ['c', 'cc', 'rs']) {
    it(`the guide's example uppercase.${language} works`, () => {
      const library = openLibrary(fixtureLibrary(`uppercase-${language}`));
      const buffer = Buffer.from('memory that v8 owns: äöü');
      assert.equal(library.exchangeDataInPlace(buffer), buffer.length);
      assert.equal(buffer.toString(), 'MEMORY THAT V8 OWNS: äöü');
      assert.equal(library.exchangeDataInPlace(Buffer.alloc(0)), 0);
    });
  }

  it('one that was built before exchange_perform works as it did', async () => {
    const { exchangeDataInPlace, operations } = openLibrary(fixtureLibrary('uppercase-old'));
    const bytes = new TextEncoder().encode('abc');
    assert.equal(exchangeDataInPlace(bytes), 3);
    assert.equal(new TextDecoder().decode(bytes), 'ABC');
    assert.deepEqual(operations, []);
    const controller = new AbortController();
    const camera = openLibrary(fixtureLibrary('camera-old'));
    const call = camera.exchangeDataAsync(cameraRequest(FOR_EVER), { signal: controller.signal });
    setTimeout(() => controller.abort(), 30);
    await assert.rejects(call, { code: 'ABORT_ERR' });
  });

  it('a handle has its path, name, ABI version and functions', () => {
    const file = fixtureLibrary('named');
    const library = openLibrary(file);
    assert.equal(library.path, file);
    assert.equal(library.name, 'A name of its own');
    assert.equal(library.abiVersion, 1);
    assert.deepEqual(Object.keys(library), [
      ...['path', 'name', 'abiVersion', 'exchangeDataInPlace', 'exchangeDataAsync', 'operations', 'operation'],
      ...(differs('handle') ? ['process'] : []),
    ]);
    for (const name of ['zero', 'name-null']) {
      assert.equal(openLibrary(fixtureLibrary(name)).name, path.basename(fixtureLibrary(name)));
    }
  });

  it('several libraries are open at once, each with its own result', () => {
    const handles = ['zero', 'uppercase-c', 'uppercase-rs', 'address', 'named'].map((name) =>
      openLibrary(fixtureLibrary(name)),
    );
    const counts = handles.map(({ exchangeDataInPlace }) => exchangeDataInPlace(Buffer.alloc(32)));
    assert.deepEqual(counts, [0, 32, 32, 32, 0]);
  });

  it('a file with several names is one library', () => {
    const file = write('one.so', bytesOf('life'));
    const linked = path.join(folder, 'linked.so');
    const hard = path.join(folder, 'hard.so');
    fs.linkSync(file, hard);
    const names = [file, hard, path.join(folder, '.', 'one.so')];
    if (process.platform !== 'win32') {
      fs.symlinkSync(file, linked); // on Windows only administrators may
      names.push(linked);
    }
    const handles = names.map((name) => openLibrary(name));
    assert.deepEqual(
      handles.map((handle) => handle.path),
      handles.map(() => fs.realpathSync(file)),
    );
    for (const { exchangeDataInPlace } of handles) {
      const counts = Buffer.alloc(2);
      exchangeDataInPlace(counts);
      assert.deepEqual([...counts], [1, 0], 'exchange_open was called once in this environment');
    }
  });

  it('accepts a path with spaces and non-ASCII letters', () => {
    fs.mkdirSync(path.join(folder, 'größer als 8 µm'));
    assert.equal(
      openLibrary(write('größer als 8 µm/zéro.so', bytesOf('zero'))).exchangeDataInPlace(Buffer.alloc(1)),
      0,
    );
  });

  it('looks up a path inside app.asar in app.asar.unpacked', () => {
    fs.mkdirSync(path.join(folder, 'app.asar.unpacked'));
    const file = write('app.asar.unpacked/inside.so', bytesOf('zero'));
    assert.equal(openLibrary(path.join(folder, 'app.asar', 'inside.so')).path, file);
  });

  itHere('refused', 'a refused library stays loaded, because its initialiser may have started a thread', async () => {
    const file = write('thread.so', bytesOf('thread'));
    const open = () => refusedToOpen(file, 'ERR_LIBRARY_ABI', /version 2/, { path: file });
    open();
    open();
    await new Promise((resolve) => setTimeout(resolve, 300)); // its thread has ended
    replaceFile(file, bytesOf('zero'));
    refusedToOpen(file, 'ERR_LIBRARY_LOAD', /has changed since it was loaded/, { path: file });
  });

  it('a path of extreme length gets the usual error', () => {
    refusedToOpen('x'.repeat(2 ** 24), 'ERR_LIBRARY_PATH', /absolute path/);
    const longest = process.platform === 'win32' ? 2 ** 14 : 2 ** 20; // Windows has none of 2^15 and more
    refusedToOpen(path.resolve('/', 'x'.repeat(longest)), 'ERR_LIBRARY_NOT_FOUND', /There is no library at/);
  });

  it('finds a dependency in the folder of the library', () => {
    assert.equal(openLibrary(fixtureLibrary('needs-nothing')).exchangeDataInPlace(Buffer.alloc(1)), 0);
  });
});
