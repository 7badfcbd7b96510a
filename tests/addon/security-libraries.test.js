// What a library, its file or another copy of the addon must not be able to do to the process. Runs in Electron's main
// process and in its renderer process.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const { openLibrary } = require('../../index.js');
const { cameraLog, fixtureLibrary, temporaryFolder, until } = require('../support/fixtures.js');

const NATIVE_LIB = path.basename(fixtureLibrary(process.platform === 'win32' ? 'native_lib' : 'libnative_lib'));

/** A renderer has no Node workers. */
const withWorkers = process.type === 'renderer' ? describe.skip : describe;

/** The check is one of ELF files. */
const onLinux = process.platform === 'linux' ? describe : describe.skip;

/** A file of its own for each test, as a file is loaded once. @param {string} folder @param {string} fixture */
function copyOf(folder, fixture) {
  const file = path.join(folder, path.basename(fixtureLibrary(fixture)));
  fs.copyFileSync(fixtureLibrary(fixture), file);
  return file;
}

/**
 * A worker that opens a library and, if it is given memory, makes a call.
 * @param {string} library @param {{ bytes?: Uint8Array, gate?: Int32Array }} [given] `gate` counts those that are ready in
 *   [1], and opens when [0] is no longer 0
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
  return { answer: once(worker, 'message').then(([message]) => message), ended };
}

const shared = (/** @type {number} */ length) => new Uint8Array(new SharedArrayBuffer(length));

/** Checks that what this thread and a worker have open is one library, which takes one call at a time. @param {string} file */
async function assertOneLibrary(file) {
  const bytes = shared(2);
  const there = openInWorker(file, { bytes });
  await until(() => bytes[0] === 1);
  const here = openLibrary(file);
  try {
    assert.throws(() => here.exchangeDataInPlace(Buffer.from([0, 1])), { code: 'ERR_LIBRARY_BUSY', path: file });
  } finally {
    bytes[1] = 1;
  }
  assert.equal((await there.answer).count, 2);
  await there.ended;
  assert.equal(here.exchangeDataInPlace(Buffer.from([0, 1])), 2);
}

describe(`one file is one library, in the ${process.type} process`, () => {
  const folder = temporaryFolder();

  it('also when it was refused at first', () => {
    const file = copyOf(folder, 'life-late');
    assert.throws(() => openLibrary(file), { code: 'ERR_LIBRARY_ABI', libraryVersion: 99 });
    for (let again = 0; again < 3; again += 1) {
      const counts = Buffer.alloc(2);
      assert.equal(openLibrary(file).exchangeDataInPlace(counts), 2);
      assert.deepEqual([...counts], [1, 0], 'opened once in this environment');
    }
  });

  it('also when its file could not be loaded at first', () => {
    const file = copyOf(folder, 'life');
    const whole = fs.readFileSync(file);
    fs.writeFileSync(file, 'not yet');
    for (let again = 0; again < 2; again += 1) assert.throws(() => openLibrary(file), { code: 'ERR_LIBRARY_LOAD' });
    fs.writeFileSync(file, whole);
    for (let again = 0; again < 2; again += 1) {
      const counts = Buffer.alloc(2);
      openLibrary(file).exchangeDataInPlace(counts);
      assert.deepEqual([...counts], [1, 0]);
    }
  });
});

withWorkers('libraries that several threads open', () => {
  const folder = temporaryFolder();

  it('one that was refused at first takes one call at a time', async () => {
    const file = copyOf(folder, 'slow-late');
    assert.throws(() => openLibrary(file), { code: 'ERR_LIBRARY_ABI', libraryVersion: 99 });
    await assertOneLibrary(file);
  });

  it('one that takes its time to load holds up nobody who opens one that is loaded', async () => {
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
    assert.equal(log.count('started'), 0, 'the slow one is still being loaded');
    assert.ok(opened < 500, `${opened} ms`);
    const answers = await Promise.all(threads.map(({ answer }) => answer));
    assert.ok(
      answers.every((answer) => answer.opened > 500),
      JSON.stringify(answers),
    );
    await Promise.all(threads.map(({ ended }) => ended));
    assert.deepEqual(log.lines(), ['start', 'started']);
    await assertOneLibrary(slow);
  });
});

/**
 * Opens files in a process of their own, which may crash, and gives what came of each: a code and words, or 'loaded'.
 * @param {string[]} files
 * @returns {string[]}
 */
function openElsewhere(files) {
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
    process.execPath,
    ['-e', source, path.join(__dirname, '..', '..', 'index.js'), ...files],
    { env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' }, encoding: 'utf8' },
  );
  const outcomes = stdout.split('\n').slice(0, -1);
  assert.deepEqual({ status, signal }, { status: 0, signal: null }, `opening ${files[outcomes.length]}`);
  return outcomes;
}

onLinux(`a library that is not all there, in the ${process.type} process`, () => {
  const folder = temporaryFolder();
  const percentages = [...Array.from({ length: 19 }, (_, index) => 5 * (index + 1)), 99];
  const nativeLib = path.join(__dirname, '..', '..', NATIVE_LIB);

  for (const [language, library] of [
    ['C', fixtureLibrary('zero')],
    ['Rust', nativeLib],
  ]) {
    for (const [what, make, expected] of /** @type {[string, (whole: Buffer, kept: number) => Buffer, RegExp][]} */ ([
      ['cut off', (whole, kept) => whole.subarray(0, kept), /^ERR_LIBRARY_LOAD .* file too short/],
      ['zeros', (whole, kept) => Buffer.from(whole).fill(0, kept), /^ERR_LIBRARY_LOAD .* file incomplete: /],
    ])) {
      it(`of ${language}, ${what} from any part of it on: refused, and the process lives`, () => {
        const whole = fs.readFileSync(library);
        const files = percentages.map((percent) => {
          const file = path.join(folder, `${language}-${what.replace(' ', '-')}-${percent}.so`);
          fs.writeFileSync(file, make(whole, Math.floor((whole.length * percent) / 100)));
          return file;
        });
        const untouched = path.join(folder, `${language}-${what.replace(' ', '-')}-100.so`);
        fs.writeFileSync(untouched, whole);
        const outcomes = openElsewhere([...files, untouched]);
        assert.equal(outcomes.pop(), 'loaded');
        assert.equal(outcomes.length, percentages.length);
        for (const outcome of outcomes) assert.match(outcome, expected);
      });
    }
  }

  it('has no section headers, which loading does not need: loaded', () => {
    const bytes = fs.readFileSync(fixtureLibrary('zero'));
    const table = Number(bytes.readBigUInt64LE(40)); // e_shoff
    bytes.fill(0, 40, 48);
    bytes.fill(0, 60, 64); // e_shnum, e_shstrndx
    const file = path.join(folder, 'sstripped.so');
    fs.writeFileSync(file, bytes.subarray(0, table));
    assert.equal(openLibrary(file).exchangeDataInPlace(Buffer.alloc(1)), 0);
  });
});

/**
 * Runs a script in a process of its own, and gives what it writes, as JSON. It has `given`, with the address of
 * the `addon` in it.
 * @param {string} script @param {Record<string, unknown>} given @param {NodeJS.ProcessEnv} [environment]
 * @returns {any}
 */
function elsewhere(script, given, environment) {
  const source = `
    const fs = require('node:fs');
    const path = require('node:path');
    const given = JSON.parse(process.argv[1]);
    const answer = (value) => fs.writeSync(1, JSON.stringify(value));
    const outcome = (call) => {
      try {
        return call();
      } catch ({ name, code, path, message }) {
        return { name, code, path, message };
      }
    };
    ${script}`;
  const addon = path.join(__dirname, '..', '..', 'index.js');
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['-e', source, JSON.stringify({ addon, ...given })],
    { env: { ...process.env, ELECTRON_RUN_AS_NODE: '1', ...environment }, encoding: 'utf8' },
  );
  assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr);
  return JSON.parse(stdout);
}

describe(`which library a packaged app calls, from the ${process.type} process`, () => {
  const folder = temporaryFolder();
  const root = path.join(__dirname, '..', '..');

  /** Whether INPLACE_EXCHANGE_LIBRARY has a say. @param {string} resources */
  const canBeTold = (resources) => {
    const script = `
      Object.defineProperty(process, 'resourcesPath', { value: given.resources });
      const { exchangeDataInPlace } = require(given.addon);
      answer(outcome(() => exchangeDataInPlace(Buffer.alloc(256))));`;
    const answer = elsewhere(script, { resources }, { INPLACE_EXCHANGE_LIBRARY: fixtureLibrary('negative') });
    if (answer.code === 'ERR_LIBRARY_FAILED') return true;
    assert.ok(answer > 0, JSON.stringify(answer));
    return false;
  };

  it('its own, when its folder goes by another name', () => {
    const link = path.join(folder, 'link');
    fs.symlinkSync(root, link);
    assert.equal(canBeTold(root), false);
    assert.equal(canBeTold(link), false);
    assert.equal(canBeTold(path.join(link, 'tests', '..')), false);
  });

  it('its own, when it cannot be told where the app is', () => {
    assert.equal(canBeTold(path.join(folder, 'missing')), false);
  });

  it('the one that the variable names, when it is not packaged', () => {
    assert.equal(canBeTold(folder), true);
    assert.equal(canBeTold(path.join(root, 'tests')), true);
  });
});

describe(`two copies of the addon, from the ${process.type} process`, () => {
  const folder = temporaryFolder();
  const root = path.join(__dirname, '..', '..');
  const name = /** @type {string} */ (fs.readdirSync(root).find((file) => file.endsWith('.node')));
  const library = NATIVE_LIB;
  const copy = path.join(folder, name);
  fs.copyFileSync(path.join(root, name), copy);
  fs.copyFileSync(path.join(root, library), path.join(folder, library));

  const LOAD = `
    const here = require(given.addon);
    const there = require(given.copy);`;

  it('each calls a default library of its own', () => {
    const script = `${LOAD}
      const call = ({ exchangeDataInPlace }) => outcome(() => exchangeDataInPlace(Buffer.alloc(256)) > 0);
      answer([call(here), call(there), call(here)]);`;
    assert.deepEqual(elsewhere(script, { copy }), [true, true, true]);
  });

  it('a copy that was loaded with RTLD_GLOBAL is not taken for the other', () => {
    const files = ['address', 'named'].map((fixture) => copyOf(folder, fixture));
    const script = `
      const load = (filename) => {
        const module = { exports: {}, filename };
        process.dlopen(module, filename, require('node:os').constants.dlopen.RTLD_GLOBAL | 1);
        return module.exports;
      };
      const here = load(path.join(path.dirname(given.addon), path.basename(given.copy)));
      const there = load(given.copy);
      const open = (addon, file) => outcome(() => addon.openLibrary(file).path);
      const [address, named] = given.files;
      answer([open(here, address), open(there, named), open(there, address).code, open(here, named).code]);`;
    assert.deepEqual(elsewhere(script, { copy, files }), [...files, 'ERR_LIBRARY_CLAIMED', 'ERR_LIBRARY_CLAIMED']);
  });

  it('a library that one has loaded is refused to the other, under whatever name', () => {
    const file = copyOf(folder, 'zero');
    const linked = path.join(folder, 'linked.so');
    fs.linkSync(file, linked);
    const script = `${LOAD}
      const open = (addon, file) => outcome(() => addon.openLibrary(file).path);
      answer([open(here, given.file), open(there, given.file), open(there, given.linked), open(here, given.file)]);`;
    const [first, second, third, last] = elsewhere(script, { copy, file, linked });
    assert.equal(first, file);
    for (const [refused, at] of [
      [second, file],
      [third, linked],
    ]) {
      assert.deepEqual([refused.name, refused.code, refused.path], ['Error', 'ERR_LIBRARY_CLAIMED', at]);
      assert.ok(refused.message.includes(path.join(root, name)), refused.message);
      assert.match(refused.message, /npm ls inplace-exchange.*npm dedupe/);
    }
    assert.equal(last, file);
  });

  it('a library that could not be loaded, or was refused, is free for the other', () => {
    const [late, file] = [copyOf(folder, 'life-late'), path.join(folder, 'broken.so')];
    fs.writeFileSync(file, 'not yet');
    const script = `${LOAD}
      const open = (addon, file) => outcome(() => addon.openLibrary(file).path);
      const failed = open(here, given.file);
      fs.copyFileSync(given.zero, given.file);
      answer([
        failed.code, open(there, given.file), open(here, given.file).code,
        open(here, given.late).code, open(there, given.late), open(here, given.late).code,
      ]);`;
    assert.deepEqual(elsewhere(script, { copy, late, file, zero: fixtureLibrary('zero') }), [
      'ERR_LIBRARY_LOAD',
      file,
      'ERR_LIBRARY_CLAIMED',
      'ERR_LIBRARY_ABI',
      late,
      'ERR_LIBRARY_CLAIMED',
    ]);
  });

  it('never do both load one, also when they open it at once', () => {
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
      const addons = [path.join(path.dirname(given.addon), path.basename(given.copy)), given.copy];
      const outcomes = addons.map((file) => new Promise((resolve) => {
        new Worker(source, { eval: true, workerData: { file, files: given.files, gate } }).on('message', resolve);
      }));
      Promise.all(outcomes).then(answer);`;
    const [here, there] = elsewhere(script, { copy, files });
    for (const [round, file] of files.entries()) {
      const both = [here[round], there[round]];
      const refused = both.filter((outcome) => outcome === 'ERR_LIBRARY_CLAIMED').length;
      assert.ok(refused >= 1, `${both}`);
      assert.equal(both.filter((outcome) => outcome === file).length, 2 - refused);
    }
  });
});
