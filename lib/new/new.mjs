// npx inplace-exchange new: a folder with a library, and an app that shows it in a window.

import fs from 'node:fs';
import path from 'node:path';

const TEMPLATE = path.join(import.meta.dirname, 'template');
const PACKAGE = path.join(import.meta.dirname, '..', '..');
export const LANGUAGES = ['rust', 'cpp', 'c'];
/** @type {Record<string, string>} */
const SOURCES = { rust: 'src/lib.rs', cpp: '__NAME__.cc', c: '__NAME__.c' };
/** By what it depends on. */
const TAKEN = ['inplace-exchange', 'inplace-exchange-sdk', 'zerocopy', 'electron'];

/** @param {string} from @param {string} to as an import or a manifest names it */
const relative = (from, to) => {
  const found = path.relative(fs.realpathSync(from), fs.realpathSync(to)).replaceAll(path.sep, '/');
  return path.isAbsolute(found) || found.startsWith('.') ? found : `./${found}`;
};

/**
 * Makes the folder.
 * @param {string} name of the library and of the folder @param {string} language @param {string} parent
 * @returns {string[]} its files, or throws an Error that says what to do
 */
export function createLibrary(name, language, parent) {
  if (!/^[a-z](?:[a-z0-9-]{0,62}[a-z0-9])?$/.test(name) || TAKEN.includes(name))
    throw new Error(
      `a library is called by lower-case letters, digits and hyphens, from a letter on, such as my-camera, and not ${JSON.stringify(name)}`,
    );
  if (!LANGUAGES.includes(language))
    throw new Error(`--lang takes ${LANGUAGES.join(', ')}, and not ${JSON.stringify(language)}`);
  const folder = path.join(parent, name);
  if (fs.existsSync(folder) && fs.readdirSync(folder).length > 0)
    throw new Error(`${folder} exists, and is not empty. Take another name, or remove it`);
  fs.mkdirSync(folder, { recursive: true });
  const replacements = { __SOURCE__: SOURCES[language], __NAME__: name, __PACKAGE__: relative(folder, PACKAGE) };
  const replaced = (/** @type {string} */ text) =>
    Object.entries(replacements).reduce((done, [from, to]) => done.replaceAll(from, to), text);
  const files = ['app', language].flatMap((part) =>
    fs
      .readdirSync(path.join(TEMPLATE, part), { recursive: true, encoding: 'utf8' })
      .map((file) => ({ from: path.join(TEMPLATE, part, file), to: replaced(file).replace('gitignore', '.gitignore') }))
      .filter(({ from }) => fs.statSync(from).isFile()),
  );
  for (const { from, to } of files) {
    fs.mkdirSync(path.dirname(path.join(folder, to)), { recursive: true });
    fs.writeFileSync(path.join(folder, to), replaced(fs.readFileSync(from, 'utf8')));
  }
  return files.map(({ to }) => to).sort();
}
