// Builds the library beside this file: npm run build. With `validate`, has it checked too: npm run validate.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const NAME = '__NAME__';
const folder = import.meta.dirname;
const extension = process.platform === 'darwin' ? 'dylib' : process.platform === 'win32' ? 'dll' : 'so';
const library = path.join(folder, `${NAME}.${extension}`);
const headers = folderOfHeaders();

function folderOfHeaders() {
  try {
    return path.dirname(createRequire(import.meta.url).resolve('inplace-exchange/include/exchange.h'));
  } catch {
    console.error('inplace-exchange is not installed in this folder or above it: npm install it there.');
    return process.exit(1);
  }
}

/** @param {string} program @param {string[]} args */
function run(program, ...args) {
  console.log([program, ...args].join(' '));
  const { status, error } = spawnSync(program, args, { cwd: folder, stdio: 'inherit' });
  if (error) console.error(`${program}: ${error.message}. Is it installed?`);
  if (status !== 0) process.exit(status ?? 1);
}

const shared = ['-O2', '-shared', ...(process.platform === 'win32' ? [] : ['-fPIC']), '-I', headers, '-o', library];
if (fs.existsSync(path.join(folder, 'Cargo.toml'))) {
  run('cargo', 'build', '--release');
  const prefix = process.platform === 'win32' ? '' : 'lib';
  const target = path.resolve(folder, process.env.CARGO_TARGET_DIR ?? 'target');
  const built = path.join(target, 'release', `${prefix}${NAME.replaceAll('-', '_')}.${extension}`);
  fs.copyFileSync(built, `${library}.new`);
  fs.renameSync(`${library}.new`, library); // one that is loaded keeps its file
} else if (fs.existsSync(path.join(folder, `${NAME}.cc`))) {
  run(process.env.CXX ?? 'c++', '-std=c++17', ...shared, `${NAME}.cc`);
} else {
  run(process.env.CC ?? 'cc', '-std=c11', ...shared, `${NAME}.c`);
}

if (process.argv[2] === 'validate') {
  const cli = path.join(headers, '..', 'lib', 'doctor', 'cli.mjs');
  run(process.execPath, cli, 'validate', library);
}
