// The process survives incomplete library files, refused libraries and a second copy of the addon. Runs in Electron's
// main process and in its renderer process.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const { openLibrary } = require('../../index.js');
const { differs, itHere } = require('../support/differences.js');
const { RUNTIME, cameraLog, fixtureLibrary, temporaryFolder, testUnless, until } = require('../support/fixtures.js');

const ROOT = path.join(__dirname, '..', '..');
const BUILT = fs.readdirSync(ROOT).filter((file) => file.endsWith('.node'));

/** The addon of these tests: this checkout's own, or the one that the loader's variable names. */
const ADDON = process.env.NAPI_RS_NATIVE_LIBRARY_PATH ?? path.join(ROOT, BUILT[0]);

const NATIVE_LIB = path.basename(fixtureLibrary(process.platform === 'win32' ? 'native_lib' : 'libnative_lib'));

/** A renderer has no Node.js workers. */
const withWorkers = process.type === 'renderer' ? describe.skip : describe;

const NOT_ELF = { darwin: 'only ELF files are checked', win32: 'only ELF files are checked' };

/** A separate file for a test, because a file is loaded only once. @param {string} folder @param {string} fixture */
function copyOf(folder, fixture) {
  const file = path.join(folder, path.basename(fixtureLibrary(fixture)));
  fs.copyFileSync(fixtureLibrary(fixture), file);
  return file;
}

/**
 * A worker that opens a library and, if it gets memory, makes a call.
 * @param {string} library @param {{ bytes?: Uint8Array, gate?: Int32Array }} [data] `gate[1]` counts the workers that
 *   wait until `gate[0]` is not 0
 */
function openInWorker(library, { bytes, gate } = {}) {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { openLibrary } = require(workerData.addon);
    if (workerData.gate) {
      Atomics.add(workerData.gate, 1, 1);
      Atomics.wait(workerData.gate, 0, 0);
    }
    const started = Date.now();
    try {
      const { exchangeDataInPlace } = openLibrary(workerData.library);
      const opened = Date.now() - started;
      parentPort.postMessage({ opened, count: workerData.bytes && exchangeDataInPlace(workerData.bytes) });
    } catch ({ code }) {
      parentPort.postMessage({ code });
    }`;
  const addon = path.join(__dirname, '..', '..', 'index.js');
  const worker = new Worker(source, { eval: true, workerData: { addon, library, bytes, gate } });
  const ended = once(worker, 'exit');
  return { result: once(worker, 'message').then(([message]) => message), ended };
}

const shared = (/** @type {number} */ length) => new Uint8Array(new SharedArrayBuffer(length));

/**
 * Checks that a file is one library in this thread and in a worker, which takes one call at a time.
 * @param {string} file
 */
async function assertOneLibrary(file) {
  const bytes = shared(2);
  const worker = openInWorker(file, { bytes });
  await until(() => bytes[0] === 1);
  const library = openLibrary(file);
  try {
    assert.throws(() => library.exchangeDataInPlace(Buffer.from([0, 1])), { code: 'ERR_LIBRARY_BUSY', path: file });
  } finally {
    bytes[1] = 1;
  }
  assert.equal((await worker.result).count, 2);
  await worker.ended;
  assert.equal(library.exchangeDataInPlace(Buffer.from([0, 1])), 2);
}

describe(`a file is one library, in the ${process.type} process`, () => {
  const folder = temporaryFolder();

  itHere('refused', 'even if it was refused at first', () => {
    const file = copyOf(folder, 'life-late');
    assert.throws(() => openLibrary(file), { code: 'ERR_LIBRARY_ABI', libraryVersion: 99 });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const counts = Buffer.alloc(2);
      assert.equal(openLibrary(file).exchangeDataInPlace(counts), 2);
      assert.deepEqual([...counts], [1, 0], 'exchange_open was called once in this environment');
    }
  });

  it('even if it could not be loaded at first', () => {
    const file = copyOf(folder, 'life');
    const whole = fs.readFileSync(file);
    fs.writeFileSync(file, 'not yet');
    for (let attempt = 0; attempt < 2; attempt += 1)
      assert.throws(() => openLibrary(file), { code: 'ERR_LIBRARY_LOAD' });
    fs.writeFileSync(file, whole);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const counts = Buffer.alloc(2);
      openLibrary(file).exchangeDataInPlace(counts);
      assert.deepEqual([...counts], [1, 0]);
    }
  });
});

withWorkers('libraries that several threads open', () => {
  const folder = temporaryFolder();

  itHere('refused', 'a library that was refused at first takes one call at a time', async () => {
    const file = copyOf(folder, 'slow-late');
    assert.throws(() => openLibrary(file), { code: 'ERR_LIBRARY_ABI', libraryVersion: 99 });
    await assertOneLibrary(file);
  });

  it('a library that is slow to load does not block a thread that opens a loaded one', async () => {
    const loaded = copyOf(folder, 'zero');
    openLibrary(loaded);
    const log = cameraLog();
    const slow = copyOf(folder, 'slow-start');
    const gate = new Int32Array(new SharedArrayBuffer(8));
    const threads = [openInWorker(slow, { gate }), openInWorker(slow, { gate })];
    await until(() => gate[1] === 2);
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    await log.until('start');
    const started = Date.now();
    assert.equal(openLibrary(loaded).exchangeDataInPlace(Buffer.alloc(1)), 0);
    const opened = Date.now() - started;
    assert.equal(log.count('started'), 0, 'the slow library is still being loaded');
    assert.ok(opened < 500, `${opened} ms`);
    const results = await Promise.all(threads.map(({ result }) => result));
    assert.ok(
      results.every((result) => result.opened > 500),
      JSON.stringify(results),
    );
    await Promise.all(threads.map(({ ended }) => ended));
    if (!differs('twice')) assert.deepEqual(log.lines(), ['start', 'started']);
    if (!differs('shared')) await assertOneLibrary(slow);
  });
});

/**
 * Opens files in another process, which must not crash. Returns an outcome for each: code and message, or 'loaded'.
 * @param {string[]} files
 * @returns {string[]}
 */
function openInChild(files) {
  const source = `
    const { openLibrary } = require(process.argv[1]);
    const { writeSync } = require('node:fs');
    for (const file of process.argv.slice(2)) {
      let outcome = 'loaded';
      try {
        openLibrary(file);
      } catch ({ code, message }) {
        outcome = code + ' ' + message;
      }
      writeSync(1, outcome + '\\n');
    }`;
  const { status, signal, stdout } = spawnSync(
    RUNTIME,
    ['-e', source, path.join(__dirname, '..', '..', 'index.js'), ...files],
    { env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' }, encoding: 'utf8' },
  );
  const outcomes = stdout.split('\n').slice(0, -1);
  assert.deepEqual({ status, signal }, { status: 0, signal: null }, `opening ${files[outcomes.length]}`);
  return outcomes;
}

describe(`an incomplete library file, in the ${process.type} process`, () => {
  const folder = temporaryFolder();
  const SECTION_HEADER = 64; // bytes; the last one ends the file
  const offsets = (/** @type {number} */ length) => [
    ...Array.from({ length: 19 }, (_, index) => Math.floor((length * 5 * (index + 1)) / 100)),
    length - SECTION_HEADER,
  ];
  const nativeLib = path.join(path.dirname(ADDON), NATIVE_LIB);

  for (const [language, library] of [
    ['C', fixtureLibrary('zero')],
    ['Rust', nativeLib],
  ]) {
    for (const [damage, make, expected] of /** @type {[string, (whole: Buffer, kept: number) => Buffer, RegExp][]} */ ([
      [
        'cut off',
        (whole, kept) => whole.subarray(0, kept),
        /^ERR_LIBRARY_LOAD .* (?:file too short|cannot read file data|Exec format error)/,
      ],
      ['zeros', (whole, kept) => Buffer.from(whole).fill(0, kept), /^ERR_LIBRARY_LOAD .* file incomplete: /],
    ])) {
      const title = `built from ${language}, ${damage} from any offset on: refused, and the process survives`;
      const test = () => {
        const whole = fs.readFileSync(library);
        const files = offsets(whole.length).map((kept) => {
          const file = path.join(folder, `${language}-${damage.replace(' ', '-')}-${kept}.so`);
          fs.writeFileSync(file, make(whole, kept));
          return file;
        });
        const complete = path.join(folder, `${language}-${damage.replace(' ', '-')}-complete.so`);
        fs.writeFileSync(complete, whole);
        const outcomes = openInChild([...files, complete]);
        assert.equal(outcomes.pop(), 'loaded');
        assert.equal(outcomes.length, 20);
        for (const outcome of outcomes) assert.match(outcome, expected);
      };
      testUnless(title, test, NOT_ELF);
    }
  }

  const withoutSections = () => {
    const bytes = fs.readFileSync(fixtureLibrary('zero'));
    const table = Number(bytes.readBigUInt64LE(40)); // e_shoff
    bytes.fill(0, 40, 48);
    bytes.fill(0, 60, 64); // e_shnum, e_shstrndx
    const file = path.join(folder, 'sstripped.so');
    fs.writeFileSync(file, bytes.subarray(0, table));
    assert.equal(openLibrary(file).exchangeDataInPlace(Buffer.alloc(1)), 0);
  };
  testUnless('a file without section headers, which loading does not need, is loaded', withoutSections, NOT_ELF);
});

/**
 * Runs a script in another process, and returns the value that it passes to `reply`. In the script, `data` has the
 * given values and the path of the `addon`.
 * @param {string} script @param {Record<string, unknown>} data @param {NodeJS.ProcessEnv} [environment]
 * @returns {any}
 */
function runInChild(script, data, environment) {
  const source = `
    const fs = require('node:fs');
    const path = require('node:path');
    const data = JSON.parse(process.argv[1]);
    const reply = (value) => fs.writeSync(1, JSON.stringify(value));
    const outcome = (call) => {
      try {
        return call();
      } catch ({ name, code, path, message }) {
        return { name, code, path, message };
      }
    };
    ${script}`;
  const addon = path.join(__dirname, '..', '..', 'index.js');
  const { status, signal, stdout, stderr } = spawnSync(RUNTIME, ['-e', source, JSON.stringify({ addon, ...data })], {
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1', ...environment },
    encoding: 'utf8',
  });
  assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr);
  return JSON.parse(stdout);
}

describe(`the default library of a packaged app, from the ${process.type} process`, () => {
  const folder = temporaryFolder();
  /** Whether INPLACE_EXCHANGE_LIBRARY selects the library. @param {string} resources */
  const followsVariable = (resources) => {
    const script = `
      Object.defineProperty(process, 'resourcesPath', { value: data.resources });
      const { exchangeDataInPlace } = require(data.addon);
      reply(outcome(() => exchangeDataInPlace(Buffer.alloc(256))));`;
    const result = runInChild(script, { resources }, { INPLACE_EXCHANGE_LIBRARY: fixtureLibrary('negative') });
    if (result.code === 'ERR_LIBRARY_FAILED') return true;
    assert.ok(result > 0, JSON.stringify(result));
    return false;
  };

  /** @param {string} title @param {() => void} test */
  const ofPackaged = (title, test) =>
    BUILT.includes(path.basename(ADDON))
      ? itHere('default', title, test)
      : it.skip(`${title}: left out, as a packaged app ignores the variable that names this addon`, test);

  ofPackaged('is its own, even if its folder is reached by another name', () => {
    const link = path.join(folder, 'link');
    fs.symlinkSync(ROOT, link, 'junction'); // on Windows anybody may make one of these
    assert.equal(followsVariable(ROOT), false);
    assert.equal(followsVariable(link), false);
    assert.equal(followsVariable(path.join(link, 'tests', '..')), false);
  });

  ofPackaged('is its own if the folder of the app cannot be found', () => {
    assert.equal(followsVariable(path.join(folder, 'missing')), false);
  });

  itHere('default', 'is the one that the variable names if the app is not packaged', () => {
    assert.equal(followsVariable(folder), true);
    assert.equal(followsVariable(path.join(ROOT, 'tests')), true);
  });
});

describe(`two copies of the addon, from the ${process.type} process`, () => {
  const folder = temporaryFolder();
  const name = path.basename(ADDON);
  const library = NATIVE_LIB;
  const copy = path.join(folder, name);
  fs.copyFileSync(ADDON, copy);
  fs.copyFileSync(path.join(path.dirname(ADDON), library), path.join(folder, library));

  const LOAD = `
    const first = require(data.addon);
    const second = require(data.copy);`;

  it('each copy calls its own default library', () => {
    const script = `${LOAD}
      const call = ({ exchangeDataInPlace }) => outcome(() => exchangeDataInPlace(Buffer.alloc(256)) > 0);
      reply([call(first), call(second), call(first)]);`;
    assert.deepEqual(runInChild(script, { copy }), [true, true, true]);
  });

  const copiesLoadedGlobally = () => {
    const files = ['address', 'named'].map((fixture) => copyOf(folder, fixture));
    const script = `
      const load = (filename) => {
        const module = { exports: {}, filename };
        process.dlopen(module, filename, require('node:os').constants.dlopen.RTLD_GLOBAL | 1);
        return module.exports;
      };
      const first = load(data.own);
      const second = load(data.copy);
      const open = (addon, file) => outcome(() => addon.openLibrary(file).path);
      const [address, named] = data.files;
      reply([open(first, address), open(second, named), open(second, address).code, open(first, named).code]);`;
    assert.deepEqual(runInChild(script, { own: ADDON, copy, files }), [
      ...files,
      'ERR_LIBRARY_CLAIMED',
      'ERR_LIBRARY_CLAIMED',
    ]);
  };
  testUnless('copies loaded with RTLD_GLOBAL can be told apart', copiesLoadedGlobally, {
    win32: 'Windows has no such flag',
  });

  itHere('copies', 'a library that one copy has loaded is refused to the other, by any of its names', () => {
    const file = copyOf(folder, 'zero');
    const linked = path.join(folder, 'linked.so');
    fs.linkSync(file, linked);
    const script = `${LOAD}
      const open = (addon, file) => outcome(() => addon.openLibrary(file).path);
      reply([open(first, data.file), open(second, data.file), open(second, data.linked), open(first, data.file)]);`;
    const [loaded, claimed, claimedByLink, reopened] = runInChild(script, { copy, file, linked });
    assert.equal(loaded, file);
    for (const [refused, at] of [
      [claimed, file],
      [claimedByLink, linked],
    ]) {
      assert.deepEqual([refused.name, refused.code, refused.path], ['Error', 'ERR_LIBRARY_CLAIMED', at]);
      assert.ok(refused.message.includes(ADDON), refused.message);
      assert.match(refused.message, /npm ls inplace-exchange.*npm dedupe/);
    }
    assert.equal(reopened, file);
  });

  itHere('copies', 'a library that failed to load or was refused can be opened by the other copy', () => {
    const [late, file] = [copyOf(folder, 'life-late'), path.join(folder, 'broken.so')];
    fs.writeFileSync(file, 'not yet');
    const script = `${LOAD}
      const open = (addon, file) => outcome(() => addon.openLibrary(file).path);
      const failed = open(first, data.file);
      fs.copyFileSync(data.zero, data.file);
      reply([
        failed.code, open(second, data.file), open(first, data.file).code,
        open(first, data.late).code, open(second, data.late), open(first, data.late).code,
      ]);`;
    assert.deepEqual(runInChild(script, { copy, late, file, zero: fixtureLibrary('zero') }), [
      'ERR_LIBRARY_LOAD',
      file,
      'ERR_LIBRARY_CLAIMED',
      'ERR_LIBRARY_ABI',
      late,
      'ERR_LIBRARY_CLAIMED',
    ]);
  });

  it('both never load the same library, even if they open it at the same time', () => {
    const files = Array.from({ length: 40 }, (_, index) => {
      const file = path.join(folder, `race-${index}.so`);
      fs.copyFileSync(fixtureLibrary('zero'), file);
      return file;
    });
    const script = `${LOAD}
      const { Worker } = require('node:worker_threads');
      const gate = new Int32Array(new SharedArrayBuffer(4));
      const source = \`
        const { parentPort, workerData: { file, files, gate } } = require('node:worker_threads');
        const { openLibrary } = require(file);
        parentPort.postMessage(files.map((library, round) => {
          Atomics.add(gate, 0, 1);
          while (Atomics.load(gate, 0) < 2 * (round + 1)) {}
          try {
            return openLibrary(library).path;
          } catch ({ code }) {
            return code;
          }
        }));\`;
      const addons = [data.own, data.copy];
      const outcomes = addons.map((file) => new Promise((resolve) => {
        new Worker(source, { eval: true, workerData: { file, files: data.files, gate } }).on('message', resolve);
      }));
      Promise.all(outcomes).then(reply);`;
    const [first, second] = runInChild(script, { own: ADDON, copy, files });
    for (const [round, file] of files.entries()) {
      const both = [first[round], second[round]];
      const refused = both.filter((outcome) => outcome === 'ERR_LIBRARY_CLAIMED').length;
      assert.ok(refused >= 1, `${both}`);
      assert.equal(both.filter((outcome) => outcome === file).length, 2 - refused);
    }
  });
});
