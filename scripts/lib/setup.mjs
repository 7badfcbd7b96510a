// The steps of the set-up. Each does nothing if it has been done before.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { command, Failure, log, npm } from './console.mjs';
import { electronFlags, ensureElectron } from './electron.mjs';
import { ensureBuilt, rust } from './native-build.mjs';
import { ensureSystem } from './system.mjs';

const root = path.join(import.meta.dirname, '..', '..');
const RUST_MINOR = 88;

/**
 * @param {{ forTests: boolean, withElectron: boolean }} options `npm run build` needs no Electron, and `npm test` looks for
 *   its own, as an option can name another one
 */
export const setUp = ({ forTests, withElectron }) =>
  command(async () => {
    await ensureRust();
    await ensurePackages();
    if (withElectron) await prepareElectron(await ensureElectron(), { forTests });
    await ensureBuilt();
  });

/**
 * Installs what an Electron needs of the system.
 * @param {import('./electron.mjs').Electron} electron @param {{ forTests: boolean }} options
 */
export async function prepareElectron(electron, { forTests }) {
  const flags = electronFlags();
  const remark = flags.length > 0 ? ` Run as root it needs ${flags.join(' ')}: its own sandbox is off.` : '';
  log(`Electron ${electron.version} (${electron.source}).${remark}`);
  await ensureSystem({ electron, forTests });
}

async function ensureRust() {
  const { found, minor, words } = await rust();
  if (!found) {
    throw new Failure(
      `there is no working Rust compiler (${words.split('\n')[0]}). Install Rust 1.${RUST_MINOR} or later from https://rustup.rs, open a new terminal and run this again.`,
    );
  }
  if (minor < RUST_MINOR) {
    throw new Failure(`Rust 1.${minor} is too old; 1.${RUST_MINOR} or later is needed. Type: rustup update stable`);
  }
}

/** Installs the packages of the lock file, unless they are installed. */
async function ensurePackages() {
  const lock = createHash('sha256')
    .update(fs.readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = path.join(root, 'node_modules', '.inplace-exchange');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === lock) return;
  log('installing the npm packages.');
  // Errors only: on Node 20 npm warns of packages that ask for Node 22, as Electron's does from 41 on. They are tested
  // here on 20.
  const { status, output } = await npm(['ci', '--loglevel=error', '--no-audit', '--no-fund'], { cwd: root });
  if (status !== 0) throw new Failure(`npm ci failed:\n${output.trim()}`);
  fs.writeFileSync(stamp, lock);
}
