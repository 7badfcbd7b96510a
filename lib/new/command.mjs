// The command line of `npx inplace-exchange new`.

import { createRequire } from 'node:module';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createLibrary, LANGUAGES } from './new.mjs';

export const HELP = `npx inplace-exchange new NAME [--lang ${LANGUAGES.join('|')}]

Makes the folder NAME: a library (in Rust if no language is named), and an Electron app that shows what it answers.
Exit status: 0, or 2 if nothing was made.
`;

/** @param {string} folder */
function hasElectron(folder) {
  try {
    return Boolean(createRequire(path.join(folder, 'main.js')).resolve('electron/package.json'));
  } catch {
    return false;
  }
}

/** @param {string[]} args @returns {number} the exit status */
export function main(args) {
  try {
    const options = /** @type {const} */ ({ lang: { type: 'string', default: 'rust' } });
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    const [name, ...more] = positionals;
    if (name === undefined || more.length > 0) throw new Error(`type: npx inplace-exchange new NAME\n\n${HELP}`);
    const folder = path.resolve(name);
    const files = createLibrary(name, values.lang, process.cwd());
    const electron = hasElectron(folder)
      ? ''
      : `  npm install --save-dev electron   in this folder, which has none yet\n`;
    process.stdout.write(
      `${name}: ${files.join(', ')}\n\nNow type:\n${electron}  cd ${name}\n  npm run validate   builds the library, and checks it\n  npm start          opens a window that exchanges data with it\n`,
    );
    return 0;
  } catch (error) {
    process.stderr.write(`inplace-exchange: ${/** @type {Error} */ (error).message}\n`);
    return 2;
  }
}
