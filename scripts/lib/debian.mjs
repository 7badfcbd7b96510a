// A Debian in a folder, with what runs programs of other systems: Wine, qemu, musl. It takes root to make it and to enter
// it; this machine's own packages stay as they are.

import fs from 'node:fs';
import path from 'node:path';
import { Failure, log, progress, run } from './console.mjs';
import { ensureProgram } from './system.mjs';

const root = path.join(import.meta.dirname, '..', '..');
const RELEASE = 'trixie';
const FOLDER = path.join(root, 'target', 'tools', 'debian');
const FOREIGN = 'arm64';
const READY = path.join(FOLDER, 'var', 'ready');

/**
 * Makes it, unless it is there, and installs packages into it.
 * @param {string[]} packages
 */
export async function ensureDebian(packages) {
  if (process.platform !== 'linux') throw new Failure('this needs Linux: it makes a Debian in a folder.');
  if (process.getuid?.() !== 0)
    throw new Failure(`this makes a Debian in a folder, which takes root. Type: sudo ${againCommand()}`);
  if (!fs.existsSync(READY)) await make();
  const wanted = [];
  for (const name of packages) if ((await inDebian('dpkg', ['--status', name])).status !== 0) wanted.push(name);
  if (wanted.length === 0) return;
  await succeed(`installing ${wanted.join(', ')} in ${relative()}`, 'apt-get', [
    'install',
    '-y',
    '--no-install-recommends',
    ...wanted,
  ]);
  await inDebian('apt-get', ['clean']);
}

/** As the user typed it. */
const againCommand = () => `npm run ${process.env.npm_lifecycle_event} -- ${process.argv.slice(2).join(' ')}`;

const relative = () => path.relative(root, FOLDER);

async function make() {
  await ensureProgram('debootstrap', '--version');
  fs.rmSync(FOLDER, { recursive: true, force: true });
  fs.mkdirSync(path.dirname(FOLDER), { recursive: true });
  const done = progress(`making a Debian ${RELEASE} in ${relative()}`);
  const { status, output } = await run('debootstrap', ['--variant=minbase', RELEASE, FOLDER, ...(await mirror())]);
  done();
  if (status !== 0) throw new Failure(`debootstrap failed:\n${output.trim().split('\n').slice(-5).join('\n')}`);
  const sources = path.join(FOLDER, 'etc', 'apt');
  const [, address] = /^deb (\S+)/m.exec(fs.readFileSync(path.join(sources, 'sources.list'), 'utf8')) ?? [];
  // For the sources of newer versions of Rust.
  fs.writeFileSync(
    path.join(sources, 'sources.list.d', 'backports.list'),
    `deb ${address} ${RELEASE}-backports main\n`,
  );
  await inDebian('dpkg', ['--add-architecture', FOREIGN]);
  await succeed('reading the lists of its packages', 'apt-get', ['update']);
  fs.writeFileSync(READY, ''); // last: with it the folder is complete
}

/** Where this machine takes its packages from, if it is a Debian. @returns {Promise<string[]>} nothing for debootstrap's own choice */
async function mirror() {
  if (!/^ID=debian$/m.test(fs.readFileSync('/etc/os-release', 'utf8'))) return [];
  const { output } = await run('apt-get', ['indextargets', '--format', '$(SITE) $(REPO_URI)', 'Created-By: Packages']);
  const addresses = output.split('\n').map((line) => line.split(' ').at(-1) ?? '');
  return addresses.filter((address) => /\/debian\/?$/.test(address)).slice(0, 1);
}

/** @param {string} what @param {string} program @param {string[]} args */
async function succeed(what, program, args) {
  const done = progress(what);
  const { status, output } = await inDebian(program, args);
  done();
  if (status !== 0) throw new Failure(`${what} failed:\n${output.trim().split('\n').slice(-5).join('\n')}`);
}

/**
 * Runs a program in it. This checkout is at the same path there.
 * @param {string} program @param {string[]} args @param {Parameters<typeof run>[2]} [options]
 */
export function inDebian(program, args, { env = {}, ...options } = {}) {
  // The mounts are in a namespace of their own, and end with the program.
  const script = `
    set -e
    inside=$1; checkout=$2; shift 2
    mount --rbind /dev "$inside/dev"
    mount -t proc proc "$inside/proc"
    mkdir -p "$inside$checkout"
    mount --bind "$checkout" "$inside$checkout"
    exec chroot "$inside" "$@"`;
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const system = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LANG=C.UTF-8', 'DEBIAN_FRONTEND=noninteractive'];
  const command = ['env', '-i', '-C', root, ...system, ...variables, program, ...args];
  const inNamespace = [
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    'sh',
    '-c',
    script,
    'sh',
    FOLDER,
    root,
    ...command,
  ];
  return run('unshare', inNamespace, options);
}

/**
 * Unpacks a package of it, without installing it.
 * @param {string} name @param {(version: string) => boolean} isWanted @param {string} into
 * @returns {Promise<boolean>} whether there is one
 */
export async function unpackDebian(name, isWanted, into) {
  const { output } = await inDebian('apt-cache', ['madison', name]);
  const version = output
    .split('\n')
    .map((line) => line.split('|')[1]?.trim() ?? '')
    .find(isWanted);
  if (!version) return false;
  fs.rmSync(into, { recursive: true, force: true });
  fs.mkdirSync(into, { recursive: true });
  log(`unpacking ${name} ${version}.`);
  const script = 'cd "$1" && apt-get -qq download "$2" && dpkg -x *.deb . && rm *.deb';
  await succeed(`fetching ${name}`, 'sh', ['-c', script, 'sh', into, `${name}=${version}`]);
  return true;
}
