// One check in a process of its own, which a library may end.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** @typedef {'problem' | 'warning' | 'note'} Severity */
/** @typedef {{ id: string, status: Severity, message: string }} Observation */
/** @typedef {{ case: string, bytes: number, nanoseconds: number, memset: number }} Speed of a call whose message has so many bytes */
/**
 * @typedef {object} Outcome
 * @property {Observation[]} observations
 * @property {string} summary what was done
 * @property {string} [skipped] why nothing was
 * @property {Speed[]} speed
 * @property {string} output what the library and its runtime have printed
 */

/** What a library prints is kept to explain its end; more of it is of no use. */
const MAX_OUTPUT = 16_384;
/** With reports of a sanitizer. */
const MAX_REPORTS = 1 << 20;

const UNWOUND = /panicked at|panic in a function that cannot unwind|cannot catch foreign|terminate called/;

/**
 * @param {string} program @param {string[]} args @param {number} limitMs
 * @param {NodeJS.ProcessEnv} [env] of a library that needs a sanitizer
 * @returns {Promise<Outcome>}
 */
export function runCheck(program, args, limitMs, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    /** @type {Outcome} */
    const outcome = { observations: [], summary: '', speed: [], output: '' };
    const state = { step: '', fault: /** @type {string[] | undefined} */ (undefined), done: false, hung: false };
    let output = '';
    child.stderr.on('data', (chunk) => {
      output = (output + chunk).slice(-(env ? MAX_REPORTS : MAX_OUTPUT));
    });
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => take(line.split('\t'), outcome, state));
    const timer = setTimeout(() => {
      state.hung = true;
      child.kill('SIGKILL');
    }, limitMs);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 2 && !state.done) {
        reject(new Error(output.trim()));
        return;
      }
      const end = state.done ? undefined : explain(state, code, signal, output, limitMs);
      if (end) outcome.observations.push({ ...end, status: 'problem' });
      resolve({ ...outcome, output });
    });
  });
}

/**
 * @param {string[]} line @param {Outcome} outcome
 * @param {{ step: string, fault: string[] | undefined, done: boolean }} state
 */
function take([kind, ...fields], outcome, state) {
  if (kind === 'step') state.step = fields[0];
  else if (kind === 'fault') state.fault = fields;
  else if (kind === 'done') state.done = true;
  else if (kind === 'summary') outcome.summary = fields[0];
  else if (kind === 'skip') outcome.skipped = fields[0];
  else if (kind === 'speed') {
    const [bytes, nanoseconds, memset] = fields.slice(1).map(Number);
    outcome.speed.push({ case: fields[0], bytes, nanoseconds, memset });
  } else if (kind === 'problem' || kind === 'warning' || kind === 'note')
    outcome.observations.push({ id: fields[0], status: kind, message: fields[1] });
}

/**
 * Why the process has ended before the check had.
 * @param {{ step: string, fault: string[] | undefined, hung: boolean }} state
 * @param {number | null} code @param {NodeJS.Signals | null} signal @param {string} output @param {number} limitMs
 * @returns {{ id: string, message: string }}
 */
function explain({ step, fault, hung }, code, signal, output, limitMs) {
  const during = step && ` (${step})`;
  if (hung) return { id: 'hang', message: `it had not ended after ${limitMs / 1000} s${during}` };
  if (fault) return explainFault(fault, signal, during);
  if (UNWOUND.test(output)) {
    const said = output.split('\n').filter((line) => line.trim() !== '')[0];
    return {
      id: 'unwound',
      message: `a panic or an exception has left the library, ${signal ?? code}: ${said}${during}`,
    };
  }
  if (signal) return { id: 'crash', message: `the library has ended the process, ${signal}${during}` };
  return { id: 'exited', message: `the library has ended the process, with exit code ${code}${during}` };
}

/** @param {string[]} fault @param {NodeJS.Signals | null} signal @param {string} during */
function explainFault([place, offset, access, address], signal, during) {
  const distance = Number(offset);
  switch (place) {
    case 'earlier': {
      const message = `byte ${distance} of the memory of an earlier call was ${access}${during}`;
      return { id: 'late-access', message };
    }
    case 'empty':
      return { id: 'empty-access', message: `byte ${distance} was ${access}, of memory of 0 bytes${during}` };
    case 'before':
    case 'after': {
      const bytes = place === 'before' ? -distance : distance + 1;
      return { id: 'outside', message: `byte ${bytes} ${place} the memory was ${access}${during}` };
    }
    default: {
      if (during.includes('at an odd address') && (address === '0x0' || signal === 'SIGBUS'))
        return { id: 'alignment', message: `the library has crashed, ${signal}${during}` };
      const where = address === '0x0' ? 'at the address 0, or without the alignment that it needs' : `at ${address}`;
      return { id: 'crash', message: `the library has crashed, ${signal}, ${where}${during}` };
    }
  }
}
