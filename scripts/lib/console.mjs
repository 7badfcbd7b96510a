// What the commands share: messages on stderr, so that stdout has the results alone; and running programs.

import { spawn } from 'node:child_process';
import { end, killOnExit } from './process-tree.mjs';

/** A failure that its message explains to the user: it is printed without a stack. */
export class Failure extends Error {}

/** @param {string} line */
export const log = (line) => process.stderr.write(`inplace-exchange: ${line}\n`);

/**
 * Runs the body of a command. A failure is printed, and becomes exit status 1.
 * @param {() => Promise<void>} body
 */
export async function command(body) {
  try {
    await body();
  } catch (error) {
    log(explain(error));
    process.exitCode = 1;
  }
}

/** @param {unknown} error */
function explain(error) {
  if (!(error instanceof Error)) return `unexpected: ${error}`;
  const isOption = 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_'); // mistyped
  return error instanceof Failure || isOption ? error.message : `unexpected: ${error.stack}`;
}

/**
 * Shows progress: redraws one line in a terminal; elsewhere prints a line every ten seconds, so that a log stays short.
 * @param {string} what
 * @param {() => string} [measure] the current state; the time that it takes, if left out
 * @returns {() => void} stops it
 */
export function progress(what, measure = elapsed()) {
  const live = process.stderr.isTTY === true;
  const draw = () => (live ? process.stderr.write(`\r\x1b[2K${what} ${measure()}`) : log(`${what} ${measure()}`));
  const timer = setInterval(draw, live ? 200 : 10_000).unref();
  return () => {
    clearInterval(timer);
    if (live) process.stderr.write('\r\x1b[2K');
  };
}

function elapsed() {
  const started = Date.now();
  return () => `for ${Math.round((Date.now() - started) / 1000)} s`;
}

/**
 * Runs a program to its end.
 * @param {string} program
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions & { limitMs?: number, tee?: boolean, group?: boolean }} [options]
 *   `limitMs` ends the program after that time; `tee` shows its output as well as collecting it; `group` ends what it has
 *   started, too: npm's scripts would go on, and hold its output open
 * @returns {Promise<{ status: number, output: string }>} status 127 if there is no such program, 124 if its time ran
 *   out
 */
export function run(program, args, { limitMs, tee = false, group = false, ...options } = {}) {
  return new Promise((resolve) => {
    const child = killOnExit(spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: group, ...options }), {
      group,
    });
    let output = '';
    let timedOut = false;
    /** @param {NodeJS.WriteStream} to */
    const collect = (to) => (/** @type {Buffer} */ chunk) => {
      output += chunk;
      if (tee) to.write(chunk);
    };
    child.stdout?.on('data', collect(process.stdout));
    child.stderr?.on('data', collect(process.stderr));
    const timer = limitMs
      ? setTimeout(() => {
          timedOut = true;
          end(child);
        }, limitMs)
      : undefined;
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ status: 127, output: `${output}${error.message}` });
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ status: timedOut ? 124 : (code ?? 1), output });
    });
  });
}

/**
 * Runs npm: the one that runs this command, with the user's configuration.
 * @param {string[]} args
 * @param {Parameters<typeof run>[2]} [options]
 */
export function npm(args, options) {
  const script = process.env.npm_execpath;
  return script?.endsWith('.js')
    ? run(process.execPath, [script, ...args], options)
    : run('npm', args, { shell: process.platform === 'win32', ...options });
}
