// Programs from PyPI, fetched by pip, which checks their digests.

import fs from 'node:fs';
import path from 'node:path';
import { progress, run } from './console.mjs';

/**
 * Fetches packages into a folder of their own, unless they are there.
 * @param {string} what for people
 * @param {string[]} specs lines of a requirements file, with digests
 * @param {string} folder @param {string[]} [options] of pip
 * @returns {Promise<string | undefined>} why they cannot be had
 */
export async function fetchFromPyPI(what, specs, folder, options = []) {
  const list = specs.join('\n');
  const listIn = (/** @type {string} */ parent) => path.join(parent, 'requirements.txt');
  if (fs.existsSync(listIn(folder)) && fs.readFileSync(listIn(folder), 'utf8') === list) return undefined;
  const python = await findPython();
  if (!python)
    return 'it is fetched by pip, and there is no Python with pip here. On Debian type: sudo apt-get install -y python3-pip';
  const partial = `${folder}.partial`;
  for (const each of [partial, folder]) fs.rmSync(each, { recursive: true, force: true });
  fs.mkdirSync(partial, { recursive: true });
  fs.writeFileSync(listIn(partial), list);
  const flags = ['--quiet', '--no-deps', '--only-binary', ':all:', '--require-hashes', ...options];
  const done = progress(`fetching ${what} from PyPI`);
  const install = ['-m', 'pip', 'install', ...flags, '--target', partial, '-r', listIn(partial)];
  const { status, output } = await run(python, install);
  done();
  if (status !== 0) return output.trim();
  fs.renameSync(partial, folder); // last: a folder of this name is complete
  return undefined;
}

/** One that has pip. @returns {Promise<string | undefined>} */
async function findPython() {
  for (const python of ['python3', 'python'])
    if ((await run(python, ['-m', 'pip', '--version'])).status === 0) return python;
  return undefined;
}
