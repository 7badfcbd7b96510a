// The libraries in processes of their own that the calls are made of, and what this process holds.

const fs = require('node:fs');
const { fixtureLibrary } = require('../../support/fixtures.js');

const LIMIT_MS = 300;
const options = { process: /** @type {const} */ ('own'), restarts: 1_000_000 };

const FILES = {
  one: { path: fixtureLibrary('faults'), ...options },
  limited: { path: fixtureLibrary('faults'), ...options, timeout: LIMIT_MS },
  several: { path: fixtureLibrary('faults-concurrent'), ...options },
};

/** The processes of libraries that this one has started, zombies too. */
function ownProcesses() {
  return fs.readdirSync('/proc').filter((pid) => {
    try {
      const [, name, parent] = /** @type {RegExpMatchArray} */ (
        fs.readFileSync(`/proc/${pid}/stat`, 'latin1').match(/\((.*)\) \S (\d+)/s)
      );
      return Number(parent) === process.pid && name.startsWith('inplace-exchang');
    } catch {
      return false; // no process, or one that has ended
    }
  }).length;
}

/** What is left behind if it is not given back. Counted, without the threads and mappings of the runtime itself. */
function held() {
  const threads = fs.readdirSync('/proc/self/task').filter((task) => {
    try {
      return fs.readFileSync(`/proc/self/task/${task}/comm`, 'utf8').startsWith('library-watche');
    } catch {
      return false;
    }
  });
  const sockets = fs.readdirSync('/proc/self/fd').length;
  const controls = fs.readFileSync('/proc/self/maps', 'utf8').match(/memfd:inplace-exchange-control/g) ?? [];
  return { processes: ownProcesses(), watchers: threads.length, descriptors: sockets, controls: controls.length };
}

module.exports = { FILES, LIMIT_MS, held };
