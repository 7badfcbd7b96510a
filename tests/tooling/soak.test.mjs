// The soak test itself: it distinguishes growth from fluctuation, a short run passes, and planted faults fail it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { killOnExit } from '../../scripts/lib/process-tree.mjs';
import { growth, Series } from '../../scripts/lib/soak-verdict.mjs';
import { KINDS, windowsOf } from '../soak/kinds.mjs';

const root = path.join(import.meta.dirname, '..', '..');
const MiB = 2 ** 20;
const isLinux = process.platform === 'linux';
const OWN_KINDS = 'own-main,own-shared,own-abort,own-recycle,own-reload,own-random,own-kill';

/**
 * @param {string[]} args
 * @returns {Promise<{ status: number | null, output: string, errors: string }>}
 */
function soak(...args) {
  const child = killOnExit(spawn(process.execPath, ['scripts/soak.mjs', ...args], { cwd: root }));
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  return new Promise((resolve) => child.once('close', (status) => resolve({ status, output, errors })));
}

/** The usage of a process in each second. @param {number} seconds @param {(second: number) => number} value */
function series(seconds, value) {
  const result = new Series();
  for (let second = 0; second < seconds; second += 1) result.add(second, value(second));
  return result;
}

/** @param {import('../../scripts/lib/soak-verdict.mjs').Quantity} quantity @param {Series} values @param {number} seconds */
const judge = (quantity, values, seconds) => growth(new Map([['a process', { [quantity]: values }]]), seconds);

describe('the soak', function () {
  this.timeout(120_000);

  for (const [quantity, allowed, excessive, message] of /** @type {const} */ ([
    [
      'memory',
      40 * MiB,
      300 * MiB,
      'from 200 MiB of memory to 500 MiB of memory, by more than 15 % and 48 MiB of memory',
    ],
    ['descriptors', 16, 17, 'from 40 descriptors to 57 descriptors, by more than 16 descriptors'],
    ['threads', 8, 9, 'from 40 threads to 49 threads, by more than 8 threads'],
    ['running', 2, 3, 'from 40 processes to 43 processes, by more than 2 processes'],
    ['mappings', 310, 311, 'from 40 mappings to 351 mappings, by more than 25 % and 300 mappings'],
    [
      'programs',
      2,
      3,
      'from 40 programs of libraries to 43 programs of libraries, by more than 2 programs of libraries',
    ],
  ])) {
    it(`reports growth above the allowed amount: ${quantity}`, () => {
      const start = quantity === 'memory' ? 200 * MiB : 40;
      const stepped = (/** @type {number} */ by) => series(300, (second) => start + (second < 200 ? 0 : by));
      assert.deepEqual(judge(quantity, stepped(allowed), 300), { grown: [], judged: 1 });
      assert.deepEqual(judge(quantity, stepped(excessive), 300), {
        grown: [`a process has grown ${message}`],
        judged: 1,
      });
    });
  }

  it('does not report warm-up or fluctuation as growth', () => {
    const warming = series(300, (second) => (second < 60 ? second : 60) * 10 * MiB);
    const sawtooth = series(300, (second) => (100 + (second % 20) * 50) * MiB);
    const twoLevels = series(300, (second) => (second % 10 < (second < 200 ? 3 : 7) ? 500 : 200) * MiB);
    for (const values of [warming, sawtooth, twoLevels])
      assert.deepEqual(judge('memory', values, 300), { grown: [], judged: 1 });
  });

  it('does not judge a process with too few samples', () => {
    assert.deepEqual(
      judge(
        'threads',
        series(10, (second) => second * 100),
        10,
      ),
      { grown: [], judged: 0 },
    );
  });

  it('keeps a bounded number of points over the whole run, and still finds a slow leak', () => {
    const seconds = 24 * 3600;
    const slow = series(seconds, (second) => 200 * MiB + second * 2048);
    const [first, last] = /** @type {number[]} */ (slow.thirds(seconds));
    assert.ok(last - first > 100 * MiB, `${first} to ${last}`);
    assert.equal(judge('memory', slow, seconds).grown.length, 1);
    assert.ok(slow.length <= 720, `${slow.length} points`);
  });

  it('gives each kind a window, whose page runs its loads', () => {
    assert.deepEqual(windowsOf(['main', 'abort', 'crash', 'own-main', 'own-reload']), {
      calls: { kinds: ['main', 'abort'], loads: ['main', 'abort'], process: 'here' },
      crashing: { kinds: ['crash'], loads: ['crash'], process: 'here' },
      'own calls': { kinds: ['own-main'], loads: ['main'], process: 'own' },
      'own reloaded': {
        kinds: ['own-reload'],
        loads: ['main', 'shared', 'worker', 'abort', 'random'],
        process: 'own',
      },
    });
  });

  it('lists its options, and refuses unknown values', async () => {
    const help = await soak('--help');
    assert.equal(help.status, 0);
    for (const kind of Object.keys(KINDS)) assert.match(help.output, new RegExp(`^ +${kind} `, 'm'));
    for (const [args, message] of /** @type {[string[], RegExp][]} */ ([
      [['--only', 'main,nothing'], /no load called nothing/],
      [['--plant', 'tree'], /--plant takes leak/],
      [['--minutes', '0'], /--minutes takes a number above 0/],
    ])) {
      const { status, errors } = await soak(...args);
      assert.equal(status, 1);
      assert.match(errors, message);
    }
  });

  for (const kinds of [
    'main,shared,abort,recycle,reload,crash',
    ...(isLinux ? [OWN_KINDS, 'sharing,sharing-crash'] : []),
  ]) {
    it(`passes a short run: ${kinds}`, async () => {
      const { status, output, errors } = await soak('--minutes', '0.2', '--only', kinds);
      assert.equal(status, 0, output + errors);
      assert.match(output, /^passed, 1\d s: no unexpected end, no wrong byte, nothing hung/m);
    });
  }

  it('fails on a wrong byte, an unexpected end of a process, and a program that is left behind', async () => {
    const plants = /** @type {const} */ ([
      ['wrong', /main: wrong byte \d+ at \d+/],
      ['crash', /calls: the page's process has ended \(crashed\)/],
      ...(isLinux ? [/** @type {const} */ (['stray', /the program \d+ of a library was left behind/])] : []),
    ]);
    // At the same time, as they mostly wait for the fault.
    const runs = plants.map(([plant]) => soak('--minutes', '0.5', '--only', 'main', '--plant', plant));
    for (const [index, { status, errors }] of (await Promise.all(runs)).entries()) {
      assert.equal(status, 1);
      assert.match(errors, plants[index][1]);
    }
  });
});
