// npm run consumers: packages the apps of tests/consumers with the tools that people use, starts each packaged app, and
// checks that its page exchanges with the default library and with a library of its own.
//
//   npm run consumers                   all of them
//   npm run consumers -- packager       those whose name contains the word
//
// An app is built in target/consumers: its tool is installed there from its lock file, and the package from the
// tarballs in dist/, as a stranger installs it.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { command, Failure, log, npm, run } from './lib/console.mjs';
import { openDisplay } from './lib/display.mjs';
import { electronFlags, installedElectron } from './lib/electron.mjs';
import { libraryName } from './lib/native-build.mjs';

const root = path.dirname(import.meta.dirname);
const sources = path.join(root, 'tests', 'consumers');
const built = path.join(root, 'target', 'consumers');
const dist = path.join(root, 'dist');

const INSTALL_LIMIT_MS = 10 * 60_000;
const PACKAGE_LIMIT_MS = 5 * 60_000;
const START_LIMIT_MS = 30_000;

/** Electron's binary comes from this checkout, so no package has to download one. */
const NPM_FLAGS = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];

/** What the page of each app has to report. */
const EXPECTED = { packaged: true, default: /^Hello from Rust! /, own: /^IN PLACE!$/ };

/** By name: the folder that the tool makes, and options for Electron's location. */
const CONSUMERS = {
  'electron-builder': { output: 'dist/linux-unpacked', flags: ['-c.electronDist=ELECTRON'] },
  packager: { output: 'out/my-app-linux-x64' },
  forge: { output: 'out/my-app-linux-x64' },
  'forge-vite': { output: 'out/my-app-linux-x64' },
  'electron-vite': { output: 'dist/linux-unpacked', flags: ['-c.electronDist=ELECTRON'] },
};

/** @typedef {keyof typeof CONSUMERS} Name */
/** @typedef {NonNullable<ReturnType<typeof installedElectron>>} Electron */

/** Fails with the output of a program that has failed. @param {string} what @param {ReturnType<typeof run>} running */
async function succeed(what, running) {
  const { status, output } = await running;
  if (status !== 0) throw new Failure(`${what} failed (${status}):\n${output.trim()}`);
}

/** The packages that `npm run pack` has made. */
function tarballs() {
  const found = fs.existsSync(dist) ? fs.readdirSync(dist).filter((name) => name.endsWith('.tgz')) : [];
  if (found.length === 0) throw new Failure('there are no packages in dist/ yet. Type: npm run pack');
  return found.map((name) => path.join(dist, name));
}

/** Copies an app, and installs what it needs. @param {Name} name @returns {Promise<string>} its folder */
async function install(name) {
  const folder = path.join(built, name);
  const lock = fs.readFileSync(path.join(sources, name, 'package-lock.json'));
  const digest = createHash('sha256').update(lock).digest('hex');
  const stamp = path.join(folder, 'node_modules', '.installed');
  const isInstalled = fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === digest;
  if (!isInstalled) fs.rmSync(folder, { recursive: true, force: true });
  for (const entry of fs.existsSync(folder) ? fs.readdirSync(folder) : [])
    if (entry !== 'node_modules') fs.rmSync(path.join(folder, entry), { recursive: true });
  if (!fs.existsSync(path.join(sources, name, 'src')))
    fs.cpSync(path.join(sources, 'app'), folder, { recursive: true });
  fs.cpSync(path.join(sources, name), folder, { recursive: true });
  const options = { cwd: folder, limitMs: INSTALL_LIMIT_MS };
  if (!isInstalled) {
    log(`${name}: installing its tool.`);
    await succeed('npm ci', npm(['ci', ...NPM_FLAGS], options));
  }
  await succeed('npm install', npm(['install', ...NPM_FLAGS, ...tarballs()], options));
  fs.writeFileSync(stamp, digest);
  await compile(path.join(folder, 'native'));
  return folder;
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

/** Electron as a zip, as some tools want it. @param {Electron} electron @returns {Promise<string>} its folder */
async function zipped({ folder, version }) {
  const name = `electron-v${version}-linux-x64.zip`;
  const zip = path.join(built, 'electron', name);
  if (fs.existsSync(zip)) return path.dirname(zip);
  log('zipping Electron.');
  fs.mkdirSync(path.dirname(zip), { recursive: true });
  // Without compression, and renamed last: a file of this name is complete.
  await succeed('zip', run('zip', ['-q', '-0', '-r', '-y', `${zip}.partial`, '.'], { cwd: folder }));
  fs.renameSync(`${zip}.partial`, zip);
  return path.dirname(zip);
}

/** Packages an app. @param {Name} name @param {Electron} electron @returns {Promise<string>} the folder of the packaged app */
async function packageApp(name, electron) {
  const folder = await install(name);
  const { output, flags = [] } = /** @type {{ output: string, flags?: string[] }} */ (CONSUMERS[name]);
  const args = flags.map((flag) => flag.replace('ELECTRON', electron.folder));
  log(`${name}: packaging.`);
  const environment = { ...process.env, ELECTRON_ZIP_DIR: await zipped(electron), npm_config_yes: 'true' };
  await succeed(
    `npm run package`,
    npm(['run', 'package', '--', ...args], { cwd: folder, env: environment, limitMs: PACKAGE_LIMIT_MS }),
  );
  return path.join(folder, output);
}

/** Bytes in a folder. @param {string} folder @returns {number} */
const sizeOf = (folder) =>
  fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((total, { parentPath, name }) => total + fs.statSync(path.join(parentPath, name)).size, 0);

/** The executable of a packaged app, the largest file in its folder. @param {string} folder */
const executableIn = (folder) =>
  fs
    .readdirSync(folder)
    .map((name) => path.join(folder, name))
    .filter((file) => fs.statSync(file).isFile() && !path.extname(file))
    .sort((a, b) => fs.statSync(b).size - fs.statSync(a).size)[0];

/** Starts a packaged app, and checks what its page reports. @param {string} folder @param {NodeJS.ProcessEnv} env */
async function start(folder, env) {
  const profile = fs.mkdtempSync(path.join(built, 'profile-'));
  const flags = [...electronFlags(), '--log-level=3', `--user-data-dir=${profile}`];
  const { status, output } = await run(executableIn(folder), flags, { env, limitMs: START_LIMIT_MS });
  fs.rmSync(profile, { recursive: true, force: true, maxRetries: 3 });
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
  await succeed('inplace-exchange doctor', run(doctor, ['doctor', folder]));
}

await command(async () => {
  const { positionals } = parseArgs({ allowPositionals: true });
  const all = /** @type {Name[]} */ (Object.keys(CONSUMERS));
  const chosen = all.filter((name) => positionals.every((word) => name.includes(word)));
  if (chosen.length === 0) throw new Failure(`there is no such app, only ${all.join(', ')}`);
  if (process.platform !== 'linux') throw new Failure('this command knows the layout of packaged apps on Linux only');
  const electron = installedElectron();
  if (!electron) throw new Failure('there is no Electron yet. Type: npm test -- fixtures');
  const display = await openDisplay();
  let failed = 0;
  try {
    for (const name of chosen) {
      try {
        const folder = await packageApp(name, electron);
        const line = await start(folder, { ...process.env, ...display.environment });
        await diagnose(name, folder);
        const resources = (sizeOf(path.join(folder, 'resources')) / 1e6).toFixed(1);
        process.stdout.write(`${name}: ${line}, resources ${resources} MB\n`);
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
