// The Electron that `--electron` names: a version that the npm registry holds, or one that is on this machine.

import fs from 'node:fs';
import path from 'node:path';
import { Failure, run } from './console.mjs';
import { electronIn, executableName, REGISTRY_BUILDS, registryElectron } from './electron.mjs';

/** Electron prints its version within a second. */
const LIMIT_MS = 20_000;

/**
 * @param {string} name a version, or the path of an Electron: of its folder, of its executable, of a link to that, or of
 *   the npm package `electron`
 * @returns {Promise<import('./electron.mjs').Electron>}
 */
export async function namedElectron(name) {
  if (name in REGISTRY_BUILDS) return registryElectron(name);
  const found = path.resolve(process.env.INIT_CWD ?? '.', name); // npm starts a command in the project's folder
  if (fs.existsSync(found)) return electronAt(found);
  if (!/^v?\d+(\.\d+)*$/.test(name)) throw new Failure(`--electron ${name}: there is no such file or folder.`);
  throw new Failure(
    `the npm registry holds Electron ${Object.keys(REGISTRY_BUILDS).join(' and ')}, not ${name}. For another one give the path of its folder: --electron PATH`,
  );
}

/** @param {string} given an absolute path that exists */
async function electronAt(given) {
  const real = fs.realpathSync(given);
  const folder = fs.statSync(real).isDirectory() ? real : path.dirname(real);
  // `dist` is in the npm package. On macOS, Electron.app is in the folder, and the executable three folders below that.
  const around = ['.', 'dist', ...(process.platform === 'darwin' ? ['..', '../../..'] : [])];
  const electron = around.map((way) => electronIn(path.join(folder, way), '--electron')).find(Boolean);
  if (!electron)
    throw new Failure(
      `there is no Electron at ${given}. Give the folder that holds ${executableName()} and the file version, as Electron's download and node_modules/electron/dist do.`,
    );
  if (!fs.existsSync(path.join(resources(electron), 'default_app.asar')))
    throw new Failure(
      `the Electron at ${electron.folder} is that of a packaged app: it has no default_app.asar, and opens its own app only. Give one that is not packaged.`,
    );
  const { status, output } = await run(electron.executable, ['-p', 'process.versions.electron'], {
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    limitMs: LIMIT_MS,
  });
  const version = output.trim().split('\n').pop() ?? '';
  if (status !== 0 || !/^\d+\.\d+\.\d+/.test(version))
    throw new Failure(`the Electron at ${electron.folder} does not run here: ${output.trim() || `exit ${status}`}`);
  return { ...electron, version };
}

/** @param {import('./electron.mjs').Electron} electron */
const resources = ({ folder }) =>
  path.join(folder, process.platform === 'darwin' ? 'Electron.app/Contents/Resources' : 'resources');
