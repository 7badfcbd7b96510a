// Packages of Debian: Wine, qemu, musl, Rust's source. Each is unpacked into a folder of its own, with what it needs. It is
// not installed: that would take root, and change this machine.

import fs from 'node:fs';
import path from 'node:path';
import { Failure, progress, run } from './console.mjs';

const root = path.join(import.meta.dirname, '..', '..');
const FOLDER = path.join(root, 'target', 'tools', 'debian');
const RELEASE = 'trixie';
const SUITES = [RELEASE, `${RELEASE}-backports`]; // the second has the source of newer versions of Rust
const KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg';
const FOREIGN = 'arm64';

/** In every folder: the layout of a system, and what a program is started with. */
const BASE = ['base-files', 'coreutils', 'dash'];

/** In which programs run: a user namespace lets everyone make the others. */
const NAMESPACES = ['--user', '--map-root-user', '--mount', '--pid', '--fork', '--kill-child'];

/**
 * Fetches packages and what they need, and unpacks them, unless they are there.
 * @param {string[]} packages
 * @returns {Promise<string>} the folder. The packages' scripts are in DEBIAN there, and have not been run
 */
export async function unpackDebian(packages) {
  const folder = path.join(FOLDER, packages.join('_').replace(/[^\w.-]/g, '')); // others have another folder
  if (fs.existsSync(folder)) return folder;
  const address = await mirror();
  const partial = `${folder}.partial`;
  fs.rmSync(partial, { recursive: true, force: true });
  for (const name of ['lists', 'archives', 'system/DEBIAN'])
    fs.mkdirSync(path.join(partial, name), { recursive: true });
  const sources = SUITES.map((suite) => `deb [signed-by=${KEYS}] ${address} ${suite} main\n`);
  fs.writeFileSync(path.join(partial, 'sources.list'), sources.join(''));
  // All else, such as a proxy, is as this machine has it.
  const configuration = `
    Dir::State "${partial}"; Dir::State::Status "${partial}/status"; Dir::Cache "${partial}";
    Dir::Etc::SourceList "${partial}/sources.list"; Dir::Etc::SourceParts "/dev/null";
    Dir::Etc::Preferences "/dev/null"; Dir::Etc::PreferencesParts "/dev/null"; APT::Default-Release "";
    APT::Sandbox::User "root"; APT::Architectures:: "${FOREIGN}";
    #clear APT::Update;
    APT::Update::Error-Mode "any";`;
  fs.writeFileSync(path.join(partial, 'apt.conf'), configuration);
  const script = `
    : >status # nothing is installed
    apt() { apt-get -c apt.conf -qq "$@"; }
    apt update
    apt install --yes --download-only --no-install-recommends "$@"
    for file in archives/*.deb; do
      name=\${file#archives/}
      dpkg --extract "$file" system
      dpkg --control "$file" "system/DEBIAN/\${name%%_*}"
    done`;
  const done = progress(`fetching ${packages.join(', ')} from Debian`);
  const { status, output } = await run('sh', ['-ec', script, 'sh', ...BASE, ...packages], { cwd: partial });
  done();
  if (status === 0) fs.renameSync(path.join(partial, 'system'), folder); // a folder of this name is complete
  fs.rmSync(partial, { recursive: true });
  if (status !== 0)
    throw new Failure(`${packages.join(', ')} of Debian ${RELEASE} cannot be had:\n${output.trim().slice(-1000)}`);
  return folder;
}

/** Where this machine takes its packages from. */
async function mirror() {
  const { status, output } = await run('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Label: Debian']);
  const [address] = output.split('\n');
  if (status !== 0 || !address)
    throw new Failure(
      'packages of Debian are fetched by apt-get, on Debian. If this is one, type: sudo apt-get update',
    );
  return address;
}

/**
 * Packages whose programs are to be run.
 * @param {string[]} packages
 * @returns {Promise<string>} the folder
 */
export async function debianWith(packages) {
  const { status, output } = await run('unshare', [...NAMESPACES, 'true']);
  if (status !== 0)
    throw new Failure(
      `programs of Debian run in namespaces, which this system refuses (${output.trim()}). A container needs --privileged; on Ubuntu type: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`,
    );
  return unpackDebian(packages);
}

/**
 * Runs a program in such a folder, as if that were the system. This checkout is at the same path there.
 * @param {string} folder @param {string} program @param {string[]} args @param {Parameters<typeof run>[2]} [options]
 */
export function inDebian(folder, program, args, { env = {}, ...options } = {}) {
  // The mounts are in a namespace of their own, and end with the program.
  const script = `
    set -e
    inside=$1; checkout=$2; shift 2
    mkdir -p "$inside$checkout"
    mount --rbind "$checkout" "$inside$checkout"
    mount --rbind /dev "$inside/dev"
    mount -t proc proc "$inside/proc"
    exec /usr/sbin/chroot "$inside" "$@"`;
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const system = ['PATH=/usr/sbin:/usr/bin', 'HOME=/root', 'LANG=C.UTF-8'];
  const command = ['env', '-i', '-C', root, ...system, ...variables, program, ...args];
  // It ends with this process, even if that is killed.
  const inNamespaces = ['--pdeathsig', 'KILL', 'unshare', ...NAMESPACES, 'sh', '-c', script, 'sh'];
  return run('setpriv', [...inNamespaces, folder, root, ...command], options);
}
