// How the project's commands speak: one voice on stderr, so that stdout carries only what a command was asked for.

import { spawn } from 'node:child_process';
import { own } from './process-tree.mjs';

/** A failure whose message is all that the person at the terminal needs: no stack is printed for it. */
export class Failure extends Error {}

/** @param {string} line */
export const say = (line) => process.stderr.write(`inplace-exchange: ${line}\n`);

/**
 * Runs the body of a command; a failure is printed and becomes exit status 1.
 * @param {() => Promise<void>} body
 */
export async function command(body) {
  try {
    await body();
  } catch (error) {
    say(error instanceof Failure ? error.message : `unexpected: ${error instanceof Error ? error.stack : error}`);
    process.exitCode = 1;
  }
}

/**
 * Redraws one line in a terminal; elsewhere prints a line every few seconds, so that a log stays short.
 * @param {string} what
 * @param {() => string} measure what to show now
 * @returns {() => void} stops it
 */
export function progress(what, measure) {
  const live = process.stderr.isTTY === true;
  const draw = () => (live ? process.stderr.write(`\r\x1b[2K${what} ${measure()}`) : say(`${what} ${measure()}`));
  const timer = setInterval(draw, live ? 200 : 3000).unref();
  return () => {
    clearInterval(timer);
    if (live) process.stderr.write('\r\x1b[2K');
  };
}

/**
 * Runs a program to its end.
 * @param {string} program
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions & { limitMs?: number, tee?: boolean }} [options]
 *   `limitMs` ends the program after that time; `tee` shows its output as well as collecting it
 * @returns {Promise<{ status: number, output: string }>} status 127 when the program is not there, 124 when its time ran out
 */
export function run(program, args, { limitMs, tee = false, ...options } = {}) {
  return new Promise((resolve) => {
    const child = own(spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options }));
    let output = '';
    let late = false;
    /** @param {NodeJS.WriteStream} to */
    const collect = (to) => (/** @type {Buffer} */ chunk) => {
      output += chunk;
      if (tee) to.write(chunk);
    };
    child.stdout?.on('data', collect(process.stdout));
    child.stderr?.on('data', collect(process.stderr));
    const timer = limitMs
      ? setTimeout(() => {
          late = true;
          child.kill();
        }, limitMs)
      : undefined;
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ status: 127, output: `${output}${error.message}` });
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ status: late ? 124 : (code ?? 1), output });
    });
  });
}

/**
 * npm, as the npm that runs us, with the person's own configuration.
 * @param {string[]} args
 * @param {Parameters<typeof run>[2]} [options]
 */
export function npm(args, options) {
  const self = process.env.npm_execpath;
  return self?.endsWith('.js')
    ? run(process.execPath, [self, ...args], options)
    : run('npm', args, { shell: process.platform === 'win32', ...options });
}
