// ThreadSanitizer, for libraries that were built with it: its runtime is loaded before them, and what it reports is read.

import path from 'node:path';

/** The runtime of gcc. That of clang is part of the executable, so that libraries do not name it. */
const RUNTIME = /^libtsan\.so/;

/** The one check whose threads are ordered by nothing but what the library does. In others memory is shared on purpose. */
const LOOKS_FOR_RACES = 'threads';

/** Reports go on, so that answers are still compared; the exit code stays that of the check. */
const OPTIONS = [
  ...['halt_on_error=0', 'exitcode=0', 'log_path=stderr', 'atexit_sleep_ms=0', 'color=never', 'history_size=4'],
  ...['report_thread_leaks=0', 'report_signal_unsafe=0', 'report_mutex_bugs=0', 'detect_deadlocks=0'],
];

/** @import { Observation, Outcome } from './process.mjs' */
/** @typedef {{ name: string, place: string, module: string }} Frame */
/** @typedef {{ verb: string, frames: Frame[] }} Access */

/** The runtime that a library needs. @param {string[]} needed the libraries that it is linked to */
export const runtimeOf = (needed) => needed.find((name) => RUNTIME.test(name));

/** What a check is started with. @param {string} runtime @param {string} check @returns {NodeJS.ProcessEnv} */
export function environmentFor(runtime, check) {
  const { LD_PRELOAD, TSAN_OPTIONS } = process.env;
  const reports = `report_bugs=${check === LOOKS_FOR_RACES ? 1 : 0}`;
  return {
    ...process.env,
    LD_PRELOAD: [runtime, LD_PRELOAD].filter(Boolean).join(':'), // it has to be the first
    TSAN_OPTIONS: [TSAN_OPTIONS, ...OPTIONS, reports].filter(Boolean).join(':'), // of two the last counts
  };
}

/**
 * Adds what the runtime has said to what a check has found, and leaves out what only its own memory shows.
 * @param {Outcome} outcome @param {string} runtime @param {string} check @param {string} program its path
 */
export function addSanitized(outcome, runtime, check, program) {
  const { output } = outcome;
  if (/^ERROR: ld\.so: object .* cannot be preloaded/m.test(output)) {
    const message = `it was built with -fsanitize=thread, and its runtime, ${runtime}, is not found`;
    outcome.observations = [{ id: 'load-sanitizer', status: 'problem', message }];
    return;
  }
  if (/FATAL: ThreadSanitizer: (unexpected memory mapping|unable to disable ASLR)/.test(output)) {
    const message = `${runtime} does not start with the random addresses of this system`;
    outcome.observations = [{ id: 'load-addresses', status: 'problem', message }];
    return;
  }
  const fatal = /ERROR: ThreadSanitizer: (.+)/.exec(output)?.[1];
  outcome.observations = outcome.observations
    .filter(({ id }) => id !== 'memory-grows')
    .map((each) =>
      fatal && each.id === 'exited' ? { ...each, id: 'crash', message: `ThreadSanitizer: ${fatal}` } : each,
    );
  if (check !== LOOKS_FOR_RACES) return;
  outcome.observations.push(...races(output, path.basename(program)), {
    id: 'sanitized',
    status: 'note',
    message: `it runs with ${runtime}, which looks for data races, and makes calls slower and memory grow`,
  });
}

/** A library of which the runtime is in no library: dlopen() names the first of its functions. @param {Outcome} outcome */
export function explainUnlinked(outcome) {
  const unlinked = outcome.observations.findIndex(({ id, message }) => id === 'load' && /\b__tsan_\w+/.test(message));
  if (unlinked < 0) return;
  const message =
    'it was built with -fsanitize=thread, and is not linked to a runtime: that of clang is in executables';
  outcome.observations[unlinked] = { id: 'load-unlinked', status: 'problem', message };
}

/** @param {string} output @param {string} program its name @returns {Observation[]} the first of each kind */
export function races(output, program) {
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const report of output.split(/^={18}$/m)) {
    if (!/^WARNING: ThreadSanitizer: (data race|heap-use-after-free)/m.test(report)) continue;
    const accesses = accessesIn(report);
    const known = accesses.filter(({ frames }) => frames.length > 0);
    // Memory of the program itself, ordered by locks that the runtime does not see.
    if (known.length === 0 || known.some(({ frames }) => frames[0].module === program)) continue;
    const isOfCalls = known.every(({ frames }) => frames.some(({ name }) => /^exchange_(inplace|perform)$/.test(name)));
    const id = isOfCalls ? 'data-race' : 'thread-race';
    if (!found.has(id)) found.set(id, describe(accesses, program, report));
  }
  return [...found].map(([id, message]) => ({ id, status: 'problem', message }));
}

/** @param {string} report @returns {Access[]} */
function accessesIn(report) {
  /** @type {Access[]} */
  const accesses = [];
  for (const part of report.split(/\n\s*\n/)) {
    const head = /^ {2}(?:Previous )?(?:atomic )?(read|write) of size (\d+) at /im.exec(part);
    if (!head) continue;
    const frames = [...part.matchAll(/^ +#\d+ (.+) (\S+) \(([^()\s]+)\+0x[\da-f]+\)/gm)].map(
      ([, name, place, module]) => ({ name, place, module: path.basename(module) }),
    );
    const verb = head[1].toLowerCase() === 'read' ? 'read' : 'written';
    accesses.push({ verb: `${verb} (${head[2]} bytes)`, frames: frames.filter(({ module }) => !RUNTIME.test(module)) });
  }
  return accesses;
}

/** @param {Access[]} accesses @param {string} program @param {string} report */
function describe(accesses, program, report) {
  const [first, second] = accesses.map(({ verb, frames }) => {
    const own = frames.filter(({ module }) => module !== program).slice(0, 3);
    const places = own.map(
      ({ name, place, module }) => `${name} (${/:\d/.test(place) ? path.basename(place) : module})`,
    );
    return `${verb} in ${places.join(' < ') || 'a place that is not known any more'}`;
  });
  const what = /^ {2}Location is (global '[^']+'|heap block of size \d+)/m.exec(report)?.[1] ?? 'memory';
  return `a data race: ${what} is ${first}, on another thread ${second}`;
}
