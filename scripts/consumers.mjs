// npm run consumers: packages the apps of tests/consumers with the tools that people use, starts each packaged app, and
// checks that its page exchanges with the default library and with a library of its own.
//
//   npm run consumers                   all of them
//   npm run consumers -- forge          one of them
//
// An app is built in target/consumers: its tool is installed there from its lock file, and the package from tarballs
// that are packed now, as a stranger installs it.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { command, Failure, log, npm, run } from './lib/console.mjs';
import { openDisplay } from './lib/display.mjs';
import { electronFlags, ensureElectron } from './lib/electron.mjs';
import { hotReload } from './lib/hot-reload.mjs';
import { libraryName } from './lib/native-build.mjs';
import { pack } from './lib/packages.mjs';
import { buildPortable } from './lib/portable-build.mjs';
import { ensureProgram } from './lib/system.mjs';
import { temporaryProfile } from './lib/window.mjs';

const root = path.dirname(import.meta.dirname);
const sources = path.join(root, 'tests', 'consumers');
const built = path.join(root, 'target', 'consumers');

const INSTALL_LIMIT_MS = 10 * 60_000;
const PACKAGE_LIMIT_MS = 5 * 60_000;
const START_LIMIT_MS = 30_000;

/** Electron's binary comes from this checkout, so no package has to download one. */
const NPM_FLAGS = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];

/** What the page of each app has to report. */
const EXPECTED = { packaged: true, default: /^Hello from Rust! /, own: /^IN PLACE!$/ };

/** What an app may add to `resources`, beside what Electron itself has there. */
const MAX_RESOURCES_BYTES = 2_700_000;

/** As the configuration for electron-builder has them. */
const HARDENED_FUSES = {
  RunAsNode: false,
  EnableCookieEncryption: true,
  EnableNodeOptionsEnvironmentVariable: false,
  EnableNodeCliInspectArguments: false,
  EnableEmbeddedAsarIntegrityValidation: true,
  OnlyLoadAppFromAsar: true,
  LoadBrowserProcessSpecificV8Snapshot: false,
  GrantFileProtocolExtraPrivileges: false,
};

/**
 * By name: the folder that the tool makes, and whether it takes Electron as a folder or as a zip; whether all fuses are
 * hardened; and whether it has a dev server.
 * @type {Record<string, { output: string, takes: 'folder' | 'zip', hardened?: boolean, develops?: boolean }>}
 */
const CONSUMERS = {
  'electron-builder': { output: 'dist/linux-unpacked', takes: 'folder', hardened: true },
  packager: { output: 'out/my-app-linux-x64', takes: 'zip' },
  forge: { output: 'out/my-app-linux-x64', takes: 'zip' },
  'forge-vite': { output: 'out/my-app-linux-x64', takes: 'zip' },
  'electron-vite': { output: 'dist/linux-unpacked', takes: 'folder', develops: true },
};

/** @typedef {import('./lib/electron.mjs').Electron} Electron */

/** The output of a program, or a failure with it. @param {string} what @param {ReturnType<typeof run>} running */
async function succeed(what, running) {
  const { status, output } = await running;
  if (status !== 0) throw new Failure(`${what} failed (${status}):\n${output.trim()}`);
  return output;
}

/**
 * Copies an app, and installs what it needs.
 * @param {string} name @param {string[]} tarballs @param {Electron} electron
 * @returns {Promise<string>} its folder
 */
async function install(name, tarballs, electron) {
  const folder = path.join(built, name);
  const stamp = `${folder}.installed`;
  const lock = fs.readFileSync(path.join(sources, name, 'package-lock.json'));
  const others = electronPackage(name, electron);
  const wanted = [createHash('sha256').update(lock).digest('hex'), ...others].join(' ');
  const isInstalled = fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === wanted;
  fs.rmSync(stamp, { force: true }); // written again last: a folder with a stamp is complete
  if (!isInstalled) fs.rmSync(folder, { recursive: true, force: true });
  for (const entry of fs.existsSync(folder) ? fs.readdirSync(folder) : [])
    if (entry !== 'node_modules') fs.rmSync(path.join(folder, entry), { recursive: true });
  if (!fs.existsSync(path.join(sources, name, 'src')))
    fs.cpSync(path.join(sources, 'app'), folder, { recursive: true });
  fs.cpSync(path.join(sources, name), folder, { recursive: true });
  const options = { cwd: folder, limitMs: INSTALL_LIMIT_MS, group: true };
  if (!isInstalled) {
    log(`${name}: installing its tool.`);
    await succeed('npm ci', npm(['ci', ...NPM_FLAGS], options));
  }
  await succeed('npm install', npm(['install', ...NPM_FLAGS, ...tarballs, ...others], options));
  fs.writeFileSync(stamp, wanted);
  await compile(path.join(folder, 'native'));
  return folder;
}

/**
 * A tool that takes a zip asks for that of the app's `electron` package, which may be another version than is here.
 * @param {string} name @param {Electron} electron @returns {string[]} to be installed
 */
function electronPackage(name, { version }) {
  const { devDependencies } = JSON.parse(fs.readFileSync(path.join(sources, name, 'package.json'), 'utf8'));
  return CONSUMERS[name].takes === 'zip' && devDependencies.electron !== version ? [`electron@${version}`] : [];
}

/** Builds the app's own library, and the one that it needs. @param {string} folder */
async function compile(folder) {
  const [mark, shout] = ['mark', 'shout'].map((name) => path.join(folder, libraryName(name)));
  const source = path.join(sources, 'app', 'native');
  const shared = ['-std=c11', '-O2', '-shared', '-fPIC', '-I', path.join(root, 'include')];
  fs.mkdirSync(folder, { recursive: true });
  const name = `-Wl,-soname,${path.basename(mark)}`;
  await succeed('cc', run('cc', [...shared, name, '-o', mark, path.join(source, 'mark.c')]));
  const link = ['-o', shout, path.join(source, 'shout.c'), mark, '-Wl,-rpath,$ORIGIN'];
  await succeed('cc', run('cc', [...shared, ...link]));
}

/** Electron as a zip. @param {Electron} electron @returns {Promise<string>} its folder */
async function zipped({ folder, version }) {
  const name = `electron-v${version}-linux-${process.arch}.zip`;
  const zip = path.join(built, 'electron', name);
  if (fs.existsSync(zip)) return path.dirname(zip);
  await ensureProgram('zip', '-v');
  log('zipping Electron.');
  fs.mkdirSync(path.dirname(zip), { recursive: true });
  fs.rmSync(`${zip}.partial`, { force: true }); // zip would add to it
  // Without compression, and renamed last: a file of this name is complete.
  await succeed('zip', run('zip', ['-q', '-0', '-r', '-y', `${zip}.partial`, '.'], { cwd: folder }));
  fs.renameSync(`${zip}.partial`, zip);
  return path.dirname(zip);
}

/**
 * Packages an app.
 * @param {string} name @param {string[]} tarballs @param {Electron} electron
 * @returns {Promise<string>} the folder of the packaged app
 */
async function packageApp(name, tarballs, electron) {
  const folder = await install(name, tarballs, electron);
  const { output, takes } = CONSUMERS[name];
  const args = takes === 'folder' ? ['--', `-c.electronDist=${electron.folder}`] : [];
  const env = { ...process.env, ...(takes === 'zip' && { ELECTRON_ZIP_DIR: await zipped(electron) }) };
  log(`${name}: packaging.`);
  const options = { cwd: folder, env, limitMs: PACKAGE_LIMIT_MS, group: true };
  await succeed('npm run package', npm(['run', 'package', ...args], options));
  return path.join(folder, output);
}

/** The size of what the app has added to Electron's own resources. @param {string} folder @param {Electron} electron */
function resourcesSize(folder, electron) {
  const own = fs.readdirSync(path.join(electron.folder, 'resources'));
  const files = fs.readdirSync(path.join(folder, 'resources'), { recursive: true, withFileTypes: true });
  return files
    .filter((entry) => entry.isFile() && !own.includes(entry.name))
    .reduce((total, { parentPath, name }) => total + fs.statSync(path.join(parentPath, name)).size, 0);
}

/** The executable of a packaged app, the largest file in its folder. @param {string} folder */
const executableIn = (folder) =>
  fs
    .readdirSync(folder)
    .map((name) => path.join(folder, name))
    .filter((file) => fs.statSync(file).isFile() && !path.extname(file))
    .sort((a, b) => fs.statSync(b).size - fs.statSync(a).size)[0];

/** Starts a packaged app, and checks what its page reports. @param {string} folder @param {NodeJS.ProcessEnv} env */
async function start(folder, env) {
  const flags = [...electronFlags(), '--log-level=3', `--user-data-dir=${temporaryProfile()}`];
  const { status, output } = await run(executableIn(folder), flags, { env, limitMs: START_LIMIT_MS, group: true });
  const line = output.split('\n').find((each) => each.startsWith('{"packaged"'));
  if (status !== 0 || !line) throw new Failure(`the packaged app did not report (${status}):\n${output.trim()}`);
  const reported = JSON.parse(line);
  const isRight = Object.entries(EXPECTED).every(([key, expected]) =>
    expected instanceof RegExp ? expected.test(reported[key]) : expected === reported[key],
  );
  if (!isRight) throw new Failure(`the packaged app reported ${line}`);
  return line;
}

/** Asks the installed package's own doctor. @param {string} name @param {string} folder */
async function diagnose(name, folder) {
  const doctor = path.join(built, name, 'node_modules', '.bin', 'inplace-exchange');
  const report = await succeed('inplace-exchange doctor', run(doctor, ['doctor', '--json', folder]));
  const { fuses } = JSON.parse(report);
  const differing = Object.entries(HARDENED_FUSES).filter(([fuse, value]) => fuses?.[fuse] !== value);
  if (CONSUMERS[name].hardened && differing.length > 0)
    throw new Failure(`these fuses have another value than they are configured with: ${differing.join(' ')}`);
}

/** @param {string} name @param {string[]} tarballs @param {Electron} electron @param {NodeJS.ProcessEnv} env */
async function check(name, tarballs, electron, env) {
  const started = Date.now();
  const folder = await packageApp(name, tarballs, electron);
  const line = await start(folder, env);
  await diagnose(name, folder);
  const bytes = resourcesSize(folder, electron);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${name}: ${line}, ${(bytes / 1e6).toFixed(2)} MB beside Electron, ${seconds} s\n`);
  if (bytes > MAX_RESOURCES_BYTES) throw new Failure(`that is more than ${MAX_RESOURCES_BYTES / 1e6} MB`);
  if (CONSUMERS[name].develops)
    process.stdout.write(`${name}: ${JSON.stringify(await hotReload(path.join(built, name), electron, env))}\n`);
}

await command(async () => {
  const { positionals } = parseArgs({ allowPositionals: true });
  const all = Object.keys(CONSUMERS);
  const unknown = positionals.find((name) => !all.includes(name));
  if (unknown) throw new Failure(`there is no app ${unknown}, only ${all.join(', ')}`);
  if (process.platform !== 'linux') throw new Failure('this command knows the layout of packaged apps on Linux only');
  const electron = await ensureElectron();
  const tarballs = await pack([await buildPortable()]);
  const display = await openDisplay();
  const chosen = positionals.length > 0 ? positionals : all;
  let failed = 0;
  try {
    for (const name of chosen) {
      try {
        await check(name, tarballs, electron, { ...process.env, ...display.environment });
      } catch (error) {
        failed += 1;
        process.stdout.write(`${name}: ${error instanceof Failure ? error.message : error}\n`);
      }
    }
  } finally {
    await display.close();
  }
  process.stdout.write(`${chosen.length - failed} passed, ${failed} failed\n`);
  if (failed > 0) process.exitCode = 1;
});
