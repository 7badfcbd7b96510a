// The programs in which libraries run, of all processes of this system, and what a process holds because of them. From
// /proc: Linux only, where there are such programs.

const fs = require('node:fs');

/** @typedef {{ pid: number, parent: number, library: string }} Program `library` is empty for one that has ended */

/** Those that have ended too, until their parents have taken notice. @returns {Program[]} */
function libraryPrograms() {
  if (process.platform !== 'linux') return [];
  return fs.readdirSync('/proc').flatMap((pid) => {
    try {
      const [, name, parent] = /** @type {RegExpMatchArray} */ (
        fs.readFileSync(`/proc/${pid}/stat`, 'latin1').match(/\((.*)\) \S (\d+)/s)
      );
      if (name !== 'inplace-exchang') return []; // a name has 15 bytes
      const [, library = ''] = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return [{ pid: Number(pid), parent: Number(parent), library }];
    } catch {
      return []; // no process, or one that has ended
    }
  });
}

/** Fails if libraries whose path begins so still run after a while. @param {string} path */
async function noneIsLeft(path) {
  const until = Date.now() + 3000;
  for (;;) {
    const left = libraryPrograms().filter(({ library }) => library.startsWith(path));
    if (left.length === 0) return;
    if (Date.now() > until) throw new Error(`programs of libraries are left: ${left.map(({ pid }) => pid).join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The memory in bytes that a process shares with its programs. @param {number | 'self'} pid */
function sharedBytes(pid) {
  /** @type {Map<number, number>} by inode: a file may have several descriptors */
  const sizes = new Map();
  for (const descriptor of fs.readdirSync(`/proc/${pid}/fd`)) {
    try {
      const file = `/proc/${pid}/fd/${descriptor}`;
      if (!fs.readlinkSync(file).startsWith('/memfd:inplace-exchange-')) continue;
      const { ino, blocks } = fs.statSync(file);
      sizes.set(ino, blocks * 512);
    } catch {
      // closed meanwhile
    }
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** A line for each mapping of a process. @param {number | 'self'} pid */
const mappings = (pid) => fs.readFileSync(`/proc/${pid}/maps`, 'latin1').trimEnd().split('\n');

/** How many buffers, of so many bytes or more, hold memory of libraries' programs, whose own mappings of it are longer. */
const mappedBuffers = (bytes = 0) =>
  mappings('self')
    .filter((line) => line.includes('inplace-exchange-buffers'))
    .map((line) => line.split(' ')[0].split('-'))
    .map(([start, end]) => Number(BigInt(`0x${end}`) - BigInt(`0x${start}`)))
    .filter((length) => length >= bytes && length < 2 ** 36).length;

module.exports = { libraryPrograms, mappedBuffers, mappings, noneIsLeft, sharedBytes };
