// The advice to the system to use huge pages for large memory. Linux tells what was advised, and what is there.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { addressOf, openLibrary } = require('../../index.js');
const { fixtureLibrary } = require('../support/fixtures.js');

const MiB = 2 ** 20;
const HUGE_FROM = 4 * MiB;
/** `hg`: of memory for which huge pages were asked for (`Documentation/filesystems/proc.rst` of Linux). */
const ADVISED = 'hg';

const hasHugePages = () => {
  try {
    return readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'utf8').length > 0;
  } catch {
    return false;
  }
};

/**
 * How many of these bytes are in memory for which huge pages were asked for.
 * @param {Uint8Array} bytes
 */
function advisedOf(bytes) {
  const start = Number(addressOf(bytes));
  const end = start + bytes.byteLength;
  let part = 0;
  let total = 0;
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /
      .exec(line)
      ?.slice(1)
      .map((hex) => Number.parseInt(hex, 16));
    if (range) part = Math.max(0, Math.min(end, range[1]) - Math.max(start, range[0]));
    else if (line.startsWith('VmFlags:') && line.split(/\s+/).includes(ADVISED)) total += part;
  }
  return total;
}

/** All memory of this test: an allocator may keep pages that were advised when memory is freed. @type {Uint8Array[]} */
const kept = [];

/** @param {Uint8Array} bytes */
function keep(bytes) {
  kept.push(bytes);
  return bytes;
}

/** @type {[string, (length: number) => Uint8Array][]} */
const MEMORIES = [['an ArrayBuffer', (length) => keep(new Uint8Array(length))]];
if (typeof SharedArrayBuffer === 'function')
  MEMORIES.push(['a SharedArrayBuffer', (length) => keep(new Uint8Array(new SharedArrayBuffer(length)))]);

/** @type {[string, string, (library: any, bytes: Uint8Array) => Promise<Uint8Array>][]} */
const CALLS = [
  [
    'in place',
    'address',
    async (library, bytes) => {
      library.exchangeDataInPlace(bytes);
      return bytes;
    },
  ],
  [
    'in place, by exchange_perform',
    'perform',
    async (library, bytes) => {
      library.exchangeDataInPlace(bytes);
      return bytes;
    },
  ],
  [
    'asynchronously',
    'address',
    async (library, bytes) => keep(new Uint8Array((await library.exchangeDataAsync(bytes)).buffer)),
  ],
];

(hasHugePages() ? describe : describe.skip)(`huge pages in the ${process.type ?? 'Node.js'} process`, () => {
  for (const [kind, allocate] of MEMORIES)
    for (const [how, name, call] of CALLS)
      it(`are asked for with ${kind} of 4 MiB, lent ${how}, for its whole pages and no others`, async () => {
        const library = openLibrary(fixtureLibrary(name));
        await call(library, new Uint8Array(128)); // opens the library
        for (const length of [HUGE_FROM, HUGE_FROM + 12_345]) {
          const bytes = allocate(length);
          assert.equal(advisedOf(bytes), 0);
          const lent = await call(library, bytes);
          const advised = advisedOf(lent);
          assert.ok(advised > length - 2 * 4096 && advised <= length, `${advised} of ${length}`);
        }
      });

  it('are asked for at the first call of a library, too', async () => {
    const bytes = keep(new Uint8Array(HUGE_FROM));
    openLibrary(fixtureLibrary('zero')).exchangeDataInPlace(bytes);
    assert.ok(advisedOf(bytes) > 0);
  });

  it('are not asked for with less memory', () => {
    const bytes = keep(new Uint8Array(HUGE_FROM - 1));
    openLibrary(fixtureLibrary('address')).exchangeDataInPlace(bytes);
    assert.equal(bytes[HUGE_FROM - 2], 0xa5);
    assert.equal(advisedOf(bytes), 0);
  });

  it('are not asked for with memory that was filled before', () => {
    const bytes = keep(new Uint8Array(2 * HUGE_FROM).fill(1));
    openLibrary(fixtureLibrary('address')).exchangeDataInPlace(bytes);
    assert.equal(bytes[HUGE_FROM], 0xa5);
    assert.equal(advisedOf(bytes), 0);
  });
});
