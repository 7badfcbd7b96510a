// The programs that a command starts: when it ends, they have ended, and so has what they started.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { run } from '../../scripts/lib/console.mjs';

const { temporaryFolder } = createRequire(import.meta.url)('../support/fixtures.js');
const CONSOLE = pathToFileURL(path.join(import.meta.dirname, '..', '..', 'scripts', 'lib', 'console.mjs'));

const TICK_MS = 50;
const MAX_TICKS = 200; // it ends by itself, if a test fails

describe('a program in a group of its own', () => {
  if (process.platform === 'win32') return; // which has no process groups

  const folder = temporaryFolder();
  const ticks = path.join(folder, 'ticks');
  /** Does not pass a signal on, as npm's shell does not; what it has started writes, and holds its output open. */
  const shell = `(for i in $(seq ${MAX_TICKS}); do sleep ${TICK_MS / 1000}; echo >> '${ticks}'; done) & wait`;

  beforeEach(() => fs.writeFileSync(ticks, ''));
  const written = () => fs.statSync(ticks).size;

  async function assertEnded() {
    const before = written();
    assert.ok(before > 0 && before < MAX_TICKS);
    await sleep(5 * TICK_MS);
    assert.equal(written(), before);
  }

  /** A command that runs the shell. @param {string} script */
  async function command(script) {
    const source = `import { run } from '${CONSOLE}'; await run('sh', ['-c', ${JSON.stringify(script)}], { group: true })`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: 'ignore' });
    while (written() === 0) await sleep(TICK_MS);
    return { child, closed: new Promise((resolve) => child.once('close', resolve)) };
  }

  it('ends with all that it has started when its time is over', async () => {
    assert.equal((await run('sh', ['-c', shell], { group: true, limitMs: 40 * TICK_MS })).status, 124);
    await assertEnded();
  });

  it('ends when its time is over, even if it ignores the first signal', async () => {
    const started = Date.now();
    const ignores = `trap '' TERM; sleep 0.1; exec sleep ${MAX_TICKS}`;
    assert.equal((await run('sh', ['-c', ignores], { group: true, limitMs: 10 * TICK_MS })).status, 124);
    assert.ok(Date.now() - started < 10_000);
  });

  it('is not waited for when its time is over, if something that has left the group holds its output open', async () => {
    const started = Date.now();
    const leaves = "node -e \"require('child_process').spawn('sleep', ['30'], { detached: true, stdio: 'inherit' })\"";
    assert.equal((await run('sh', ['-c', leaves], { group: true, limitMs: 1000 })).status, 124);
    assert.ok(Date.now() - started < 10_000);
  });

  it('ends with all that it has started when the command is told to end', async () => {
    const { child, closed } = await command(shell);
    child.kill('SIGTERM');
    assert.equal(await closed, 130);
    await assertEnded();
  });

  it('ends before the command, also if Ctrl-C is pressed twice', async () => {
    const done = path.join(folder, 'done');
    const { child, closed } = await command(`trap "sleep 0.5; touch '${done}'; exit" TERM; ${shell}`);
    child.kill('SIGINT');
    await sleep(100);
    child.kill('SIGINT');
    assert.equal(await closed, 130);
    assert.ok(fs.existsSync(done));
  });
});
