// Libraries in processes of their own. Runs in Electron's main process, in its renderer process and in plain Node.js.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { openLibrary } = require('../../index.js');
const {
  FOR_EVER,
  RUNTIME,
  cameraRequest,
  each,
  fixtureLibrary,
  temporaryFolder,
  until,
} = require('../support/fixtures.js');

/** @param {string} name @param {object} [options] */
const open = (name, options) => openLibrary(fixtureLibrary(name), { process: 'own', ...options });

/** On Linux, a process that has ended may wait for init to take note. @param {number | undefined} pid */
const runs = (pid) => {
  try {
    if (process.platform === 'linux') return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
    return process.kill(Number(pid), 0);
  } catch {
    return false;
  }
};

const ON_WINDOWS = process.platform === 'win32';

/** How an error says that the process was ended by a fault in the library: Windows has no signals. */
const FAULT = ON_WINDOWS ? { exitCode: 0xc0000005 } : { signal: 'SIGSEGV' };

/** The error of a call. @param {() => unknown} call @returns {Promise<any>} */
const failure = async (call) => {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return assert.fail('it did not fail');
};

const { EPERM } = os.constants.errno;
const WAYS = /** @type {const} */ (['exchangeDataInPlace', 'exchangeDataAsync']);

describe('the options of a library', () => {
  it('are refused if they make no sense, by what they are', () => {
    const given = /** @type {any} */ (openLibrary);
    for (const options of [null, 7, 'own', true])
      assert.throws(() => given(fixtureLibrary('zero'), options), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
    for (const [options, message] of /** @type {[object, RegExp][]} */ ([
      [{ process: 'other' }, /'own', 'shared' or 'here'; "other" was given/],
      [{ process: null }, /'own', 'shared' or 'here'; null was given/],
      [{ process: 'own', timeout: 0 }, /timeout is in milliseconds, 1 or more; 0 was given/],
      [{ process: 'own', timeout: 1.5 }, /timeout/],
      [{ process: 'own', timeout: '9' }, /timeout/],
      [{ process: 'own', timeout: Number.NaN }, /timeout/],
      [{ process: 'own', timeout: 2 ** 31 }, /timeout/],
      [{ process: 'own', restarts: -1 }, /restarts/],
      [{ process: 'own', restarts: 1n }, /restarts/],
      [{ process: 'own', isolate: 1 }, /isolate is a boolean; 1 was given/],
      [{ process: 'own', confine: 1 }, /confine is a boolean; 1 was given/],
      [{ confine: 'yes' }, /confine is a boolean; "yes" was given/],
      [{ confine: true }, /With confine the process is 'own' or 'shared'; undefined was given/],
      [{ process: 'here', confine: true }, /With confine the process is 'own' or 'shared'; "here" was given/],
      [{ process: 'own', fallback: 'here', confine: true }, /With confine the fallback is 'copy'/],
      [{ process: 'own', fallback: 'there' }, /'copy' or 'here'; "there" was given/],
      [{ process: 'own', fallback: 'here', isolate: true }, /With isolate the fallback is 'copy'/],
      [{ process: 'shared', fallback: 'here' }, /With the process 'shared' the fallback is 'copy'/],
    ]))
      assert.throws(() => given(fixtureLibrary('zero'), options), { code: 'ERR_INVALID_ARG_TYPE', message });
  });

  it('that are left out mean this process', () => {
    for (const options of [undefined, {}, { process: undefined }, { process: /** @type {const} */ ('here') }])
      assert.equal('process' in openLibrary(fixtureLibrary('zero'), options), false);
  });
});

/** Buffers are mapped in renderers alone. */
const TRANSPORT = process.platform === 'linux' && process.type === 'renderer' ? 'mapped' : 'copied';

describe("the fallback 'here'", () => {
  it('is this process, where memory cannot be mapped', () => {
    const library = openLibrary(fixtureLibrary('zero'), { process: 'own', fallback: 'here' });
    assert.equal(library.process?.transport, TRANSPORT === 'mapped' ? 'mapped' : undefined);
    assert.equal(library.exchangeDataInPlace(new Uint8Array(8)), 0);
  });
});

describe(`a library in a process of its own, in the ${process.type ?? 'Node.js'} process`, () => {
  const folder = temporaryFolder();

  for (const way of WAYS) {
    it(`${way} fills the memory, of every size`, async () => {
      const library = open('uppercase-c');
      for (const size of [0, 1, 64, 4095, 4097, 1 << 20, 8_294_400]) {
        const memory = new Uint8Array(size).fill(97);
        const result = await library[way](memory);
        const filled = typeof result === 'number' ? memory : result;
        assert.equal(filled.length, size);
        assert.ok(filled.every((byte) => byte === 65));
      }
      assert.ok(runs(library.process?.pid) && library.process?.pid !== process.pid);
    });

    it(`${way}: a crash is an error with the memory as it was, and the next call is right`, async () => {
      for (const [name, fields] of /** @type {[string, object][]} */ ([
        ['crash-second', FAULT],
        ['end-second', { exitCode: 0 }],
      ])) {
        const library = open(name, { restarts: 50 });
        for (let round = 0; round < 5; round += 1) {
          await library[way](new Uint8Array(64));
          const memory = new Uint8Array(100_000).fill(7);
          const error = await failure(() => library[way](memory));
          const { code, path, signal, exitCode } = error;
          assert.deepEqual(
            { code, path, signal, exitCode },
            {
              code: 'ERR_LIBRARY_CRASHED',
              path: fixtureLibrary(name),
              signal: undefined,
              exitCode: undefined,
              ...fields,
            },
          );
          const after = way === 'exchangeDataAsync' ? error.buffer : memory;
          assert.ok(after.length === 100_000 && after.every((/** @type {number} */ byte) => byte === 7));
        }
      }
    });

    it(`${way}: a call that takes longer than the limit ends the process`, async () => {
      await open('camera', { timeout: 10_000 })[way](cameraRequest(0)); // one that does not
      const library = open('camera', { timeout: 150 });
      const { pid } = /** @type {{ pid: number }} */ (library.process);
      assert.equal(runs(pid), true);
      const started = Date.now();
      const { code, message } = await failure(() => library[way](cameraRequest(FOR_EVER)));
      const took = Date.now() - started;
      assert.equal(code, 'ERR_LIBRARY_TIMEOUT');
      assert.match(message, /limit of 150 ms/);
      assert.ok(took >= 150 && took < 10_000, `${took} ms`);
      assert.equal(runs(pid), false);
    });
  }

  it('is stopped when it has crashed too often', async () => {
    const library = open('crash-second', { restarts: 2 });
    for (let round = 0; round < 3; round += 1) {
      library.exchangeDataInPlace(new Uint8Array(64));
      assert.throws(() => library.exchangeDataInPlace(new Uint8Array(64)), { code: 'ERR_LIBRARY_CRASHED' });
    }
    for (const way of WAYS)
      assert.equal((await failure(() => library[way](new Uint8Array(64)))).code, 'ERR_LIBRARY_STOPPED');
    assert.deepEqual(library.process, { pid: undefined, transport: TRANSPORT, restarts: 2 });
  });

  it('can be aborted', async () => {
    const stop = new AbortController();
    const call = open('camera').exchangeDataAsync(cameraRequest(FOR_EVER), { signal: stop.signal });
    setTimeout(() => stop.abort(), 50);
    const { code, buffer } = await failure(() => call);
    assert.deepEqual([code, buffer.length], ['ABORT_ERR', 64]);
  });

  it('can be aborted while the call starts the process again', async () => {
    const library = open('faults', { restarts: 50 });
    const request = (/** @type {string} */ what) => new Uint8Array(64).fill(what.charCodeAt(0));
    for (let round = 0; round < 5; round += 1) {
      const { signal, exitCode } = await failure(() => library.exchangeDataAsync(request('K')));
      assert.deepEqual([signal, exitCode], ON_WINDOWS ? [undefined, 9] : ['SIGKILL', undefined]);
      const stop = new AbortController();
      const call = library.exchangeDataAsync(request('W'), { signal: stop.signal });
      setTimeout(() => stop.abort(), 1);
      assert.equal((await failure(() => call)).code, 'ABORT_ERR');
    }
  });

  it('is refused when it is opened, with the errors of a library in this process', () => {
    each(['nothing', 'abi-99', 'undefined', 'missing'], (name) => {
      const outcome = (/** @type {object} */ options) => {
        try {
          return openLibrary(fixtureLibrary(name), options);
        } catch (error) {
          return { .../** @type {object} */ (error), message: /** @type {Error} */ (error).message };
        }
      };
      assert.deepEqual(outcome({ process: 'own' }), outcome({}));
    });
  });

  it('has one process for a file and its options, whatever the names of the file', () => {
    const pidOf = (/** @type {ReturnType<typeof open>} */ library) => library.process?.pid;
    const named = path.join(folder, path.basename(fixtureLibrary('named')));
    fs.copyFileSync(fixtureLibrary('named'), named);
    const linked = path.join(folder, `linked${path.extname(fixtureLibrary('named'))}`);
    fs.linkSync(named, linked);
    const one = openLibrary(named, { process: 'own' });
    assert.equal(pidOf(openLibrary(linked, { process: 'own' })), pidOf(one));
    assert.equal(pidOf(openLibrary(named, { process: 'own' })), pidOf(one));
    assert.notEqual(pidOf(openLibrary(named, { process: 'own', timeout: 1000 })), pidOf(one));
  });

  for (const [how, script, status] of /** @type {[string, string, number | null][]} */ ([
    ['exits', 'process.exit(7)', 7],
    ['is killed', "process.kill(process.pid, 'SIGKILL')", ON_WINDOWS ? 1 : null],
    ['crashes', 'process.abort()', ON_WINDOWS ? 134 : null],
  ]))
    it(`ends with the process that started it, which ${how} while the library is in a call that never ends`, async () => {
      const source = `
        const { openLibrary } = require(process.argv[1]);
        const { FOR_EVER, cameraRequest, fixtureLibrary } = require(process.argv[2]);
        const library = openLibrary(fixtureLibrary('camera-deaf'), { process: 'own' });
        library.exchangeDataAsync(cameraRequest(FOR_EVER)).catch(() => {});
        setTimeout(() => { require('node:fs').writeSync(1, String(library.process.pid)); ${script}; }, 100);`;
      const files = ['../../index.js', '../support/fixtures.js'].map((file) => path.join(__dirname, file));
      const child = spawnSync(RUNTIME, ['-e', source, ...files], {
        env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
        encoding: 'utf8',
      });
      assert.equal(child.status, status, child.stderr);
      const pid = Number(child.stdout);
      assert.ok(pid > 0);
      await until(() => !runs(pid));
    });
});

if (process.platform === 'linux') {
  describe(`a library that is confined, in the ${process.type ?? 'Node.js'} process`, () => {
    for (const way of WAYS) {
      /** The errno that an attempt has ended with, or 0. @param {ReturnType<typeof open>} library @param {string} name */
      const attempt = async (library, name) => {
        const memory = Buffer.alloc(64);
        memory.write(name);
        const result = await library[way](memory);
        return Buffer.from(typeof result === 'number' ? memory : result).readInt32LE();
      };

      it(`${way}: a confined library can open nothing and start nothing, and goes on`, async () => {
        const [free, confined] = [open('attempts'), open('attempts', { confine: true })];
        const outcomes = [];
        for (const name of [
          'open',
          'open in exchange_open',
          'socket inet',
          'fork',
          'posix_spawn',
          'kill app',
          'thread',
        ])
          outcomes.push([name, await attempt(free, name), await attempt(confined, name)]);
        assert.deepEqual(outcomes, [
          ['open', 0, EPERM],
          ['open in exchange_open', 0, EPERM],
          ['socket inet', 0, EPERM],
          ['fork', 0, EPERM],
          ['posix_spawn', 0, EPERM],
          ['kill app', 0, EPERM],
          ['thread', 0, 0],
        ]);
        assert.notEqual(free.process?.pid, confined.process?.pid, 'the option is part of what makes a process');
      });

      it(`${way}: a confined library fills large memory, and is confined after a crash, too`, async () => {
        const memory = new Uint8Array(8_294_400).fill(97);
        const result = await open('uppercase-c', { confine: true })[way](memory);
        const filled = typeof result === 'number' ? memory : result;
        assert.ok(filled.length === 8_294_400 && filled.every((byte) => byte === 65));
        const confined = open('attempts', { confine: true, restarts: 50 });
        for (const [name, signal] of [
          ['abort', 'SIGABRT'],
          ['crash', 'SIGSEGV'],
        ]) {
          const error = await failure(() => attempt(confined, name));
          assert.deepEqual([error.code, error.signal], ['ERR_LIBRARY_CRASHED', signal]);
          assert.equal(await attempt(confined, 'open'), EPERM);
        }
      });
    }

    it('that cannot be confined is refused', () => {
      assert.equal(open('attempts-filters').exchangeDataInPlace(Buffer.from('stat'.padEnd(64, '\0'))), 4);
      assert.throws(() => open('attempts-filters', { confine: true }), {
        code: 'ERR_PROCESS_UNAVAILABLE',
        message: /it cannot be confined \(.*synchronization failed/,
      });
    });
  });
} else {
  describe('a library that is to be confined', () => {
    it('is refused on this system', () => {
      assert.throws(() => open('zero', { confine: true }), {
        code: 'ERR_PROCESS_UNAVAILABLE',
        message: /it cannot be confined \(this works on Linux/,
      });
    });
  });
}
