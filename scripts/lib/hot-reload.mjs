// Edits an electron-vite app while its dev server runs and its page streams frames, as a developer does.
//
// After each edit the frames have to go on: in the same document where React refreshes its components, in a new one
// where the dev server reloads the page. The processes have to live on, and the console has to be without errors.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure, log } from './console.mjs';
import { kill, killOnExit } from './process-tree.mjs';
import { temporaryProfile, windowFlags } from './window.mjs';

const LIMIT_MS = 30_000;
const POLL_MS = 50;

/** What is edited, in this order, and what happens to the document. */
const EDITS = /** @type {const} */ ([
  ['src/renderer/src/Report.tsx', 'stays'], // the component that streams: Fast Refresh
  ['src/renderer/src/libraries.ts', 'stays'], // calls connect(), and is imported by a component
  ['src/renderer/src/main.tsx', 'is new'], // no component imports it
  ['src/preload/index.ts', 'is new'],
  ['src/main/index.ts', 'is new'], // Electron is started again
]);

/** In the console of the page, as Electron logs it. */
const COMPLAINT = /^.*:CONSOLE.*(?:Failed to reload|Uncaught|Error|ERR_).*$/m;

/** What the page reports: frames since it was loaded, and when that was. @typedef {{ frames: number, page: number }} Report */

/** @param {string} folder of the app @param {import('./electron.mjs').Electron} electron @param {NodeJS.ProcessEnv} env */
export async function hotReload(folder, electron, env) {
  log('editing the app while frames stream.');
  const started = Date.now();
  const flags = [...windowFlags(), '--enable-logging=stderr', `--user-data-dir=${temporaryProfile()}`];
  const tool = path.join(folder, 'node_modules', 'electron-vite', 'bin', 'electron-vite.js');
  const server = killOnExit(
    spawn(process.execPath, [tool, 'dev', '--watch', '--', ...flags], {
      cwd: folder,
      env: { ...env, ELECTRON_EXEC_PATH: electron.executable },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    }),
    { group: true },
  );
  const closed = new Promise((resolve) => server.once('close', resolve));
  let output = '';
  for (const stream of [server.stdout, server.stderr]) stream?.on('data', (chunk) => (output += chunk));

  /**
   * Waits until the output after a position has what is looked for.
   * @template T @param {string} what @param {number} from @param {(output: string) => T | undefined} find @returns {Promise<T>}
   */
  async function until(what, from, find) {
    const limit = Date.now() + LIMIT_MS;
    for (;;) {
      const found = find(output.slice(from));
      const [complaint] = COMPLAINT.exec(output) ?? [];
      const ended = server.exitCode ?? server.signalCode;
      if (complaint || ended !== null || Date.now() > limit) {
        const reason = complaint ?? (ended === null ? `none in ${LIMIT_MS / 1000} s` : `the server ended (${ended})`);
        throw new Failure(`no ${what}: ${reason}\n${output.trim()}`);
      }
      if (found !== undefined) return found;
      await sleep(POLL_MS);
    }
  }

  /** The second of two reports between which frames have come. @param {string} what @param {number} from */
  const streaming = (what, from) =>
    until(`frames ${what}`, from, (text) => {
      const reports = text.split('\n').flatMap((line) => (/^\{"packaged".*\}$/.test(line) ? [JSON.parse(line)] : []));
      const [last, before] = /** @type {Report[]} */ (reports.reverse());
      return before && last.page === before.page && last.frames > before.frames ? last : undefined;
    });

  const originals = EDITS.map(([name]) => [path.join(folder, name), fs.readFileSync(path.join(folder, name))]);
  /** @type {Record<string, string>} */
  const documents = {};
  try {
    let report = await streaming('at the start', 0);
    for (const [name, expected] of EDITS) {
      const mark = `edited: ${name}`;
      const from = output.length;
      fs.appendFileSync(path.join(folder, name), `\nconsole.info('${mark}');\n`);
      const at = await until(`reload of ${name}`, from, (text) => {
        const found = text.indexOf(mark);
        return found < 0 ? undefined : from + found;
      });
      const next = await streaming(`after ${name} was edited`, at);
      const actual = next.page === report.page ? 'stays' : 'is new';
      if (actual !== expected) throw new Failure(`${name} was edited, and the document ${actual}`);
      if (actual === 'stays' && next.frames <= report.frames)
        throw new Failure(`${name} was edited, and the component has lost its state`);
      documents[name] = actual;
      report = next;
    }
    return { document: documents, seconds: (Date.now() - started) / 1000 };
  } finally {
    for (const [file, text] of originals) fs.writeFileSync(file, text);
    kill(server);
    await closed;
  }
}
