// The libraries in processes of their own that the calls are made of, and what this process holds.

const fs = require('node:fs');
const { fixtureLibrary } = require('../../support/fixtures.js');
const { libraryPrograms, mappedBuffers, mappings, sharedBytes } = require('../../support/library-programs.js');

const LIMIT_MS = 300;
const options = { process: /** @type {const} */ ('own'), restarts: 1_000_000 };

/** @param {number} timeout in milliseconds, of the one that has a limit */
const files = (timeout = LIMIT_MS) => ({
  one: { path: fixtureLibrary('faults'), ...options },
  limited: { path: fixtureLibrary('faults'), ...options, timeout },
  several: { path: fixtureLibrary('faults-concurrent'), ...options },
});

/** Those of streams in this process. The last one is no file. */
const STREAMED = [
  ...['counter', 'counter-concurrent', 'pushes', 'pushes-concurrent', 'sdk-pushes', 'sdk-cc-pushes'],
  ...['camera', 'camera-concurrent', 'perform', 'perform-concurrent'],
  ...['too-small', 'negative', 'int64-max', 'uppercase-c', 'missing'],
];

/** Of streams, which a page alone has. */
const streamed = () => ({
  ...Object.fromEntries(STREAMED.map((name) => [name, fixtureLibrary(name)])),
  'own-counter': { path: fixtureLibrary('counter'), ...options },
});

/** The processes of libraries that this one has started, zombies too. */
const ownPrograms = () => libraryPrograms().filter(({ parent }) => parent === process.pid);

/** How many threads of this process have a name, of which the system keeps 15 bytes. @param {string} name */
const threads = (name) =>
  fs.readdirSync('/proc/self/task').filter((task) => {
    try {
      return fs.readFileSync(`/proc/self/task/${task}/comm`, 'utf8') === `${name.slice(0, 15)}\n`;
    } catch {
      return false;
    }
  }).length;

/** What is left behind if it is not given back. Counted, without the threads and mappings of the runtime itself. */
function held() {
  const sockets = fs.readdirSync('/proc/self/fd').length;
  const controls = fs.readFileSync('/proc/self/maps', 'utf8').match(/memfd:inplace-exchange-control/g) ?? [];
  return {
    processes: ownPrograms().length,
    watchers: threads('library-watcher'),
    streams: threads('stream'),
    descriptors: sockets,
    controls: controls.length,
  };
}

/** The same, and all else that could grow from page to page. */
function left() {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  const field = (/** @type {string} */ name) => Number(status.match(new RegExp(`^${name}:\\s+(\\d+)`, 'm'))?.[1]);
  return {
    ...held(),
    shared: sharedBytes('self'),
    threads: field('Threads'),
    buffers: mappedBuffers(),
    mappings: mappings('self').length,
    memory: field('VmRSS') * 1024,
  };
}

module.exports = { LIMIT_MS, files, held, left, ownPrograms, streamed, threads };
