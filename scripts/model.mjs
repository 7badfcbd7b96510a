// npm run model: the dispatcher, a lane to a process of a library, the ring of a stream, and a source for several rings, under
// loom and shuttle, and the mistakes that they have to find.
//
//   npm run model                      everything, at length
//   npm run model -- --short           what npm test runs
//   npm run model -- --seed S          other schedules
//   npm run model -- --mutant WORD     only the mutants whose name contains the word

import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { BROADCAST_MUTANTS } from '../tests/model/broadcast/mutants.mjs';
import { LANE_MUTANTS } from '../tests/model/lane/mutants.mjs';
import { MUTANTS as DISPATCH_MUTANTS } from '../tests/model/mutants.mjs';
import { RING_MUTANTS } from '../tests/model/ring/mutants.mjs';
import { command, Failure, run } from './lib/console.mjs';

const root = path.dirname(import.meta.dirname);

/** What cargo builds, from the files themselves and from the copy in which the mistakes are made. */
const TARGET = path.join(root, 'target', 'models');
const COPY = path.join(TARGET, 'mutant');

/** What the models are made of. */
const SOURCES = ['host/src', 'library-process/src', 'tests/model'];

const MUTANTS = [...DISPATCH_MUTANTS, ...LANE_MUTANTS, ...RING_MUTANTS, ...BROADCAST_MUTANTS];

/** @typedef {import('../tests/model/mutants.mjs').Mutant} Mutant */
/** @typedef {Record<Mutant['checker'], string[][]>} Extent the arguments of each run */

const CHECKERS = /** @type {const} */ ([
  'loom',
  'shuttle',
  'lane-loom',
  'lane-shuttle',
  'ring-loom',
  'ring-shuttle',
  'broadcast-loom',
  'broadcast-shuttle',
]);

/** loom goes through all schedules with few preemptions, and through some of those with more. @type {Extent} */
const LONG = {
  loom: [
    ['--preemptions', '3', '--seconds', '600'],
    ['--preemptions', '5', '--seconds', '60'],
  ],
  shuttle: [['--schedules', '200000']],
  'lane-loom': [
    ['--preemptions', '2', '--seconds', '300'],
    ['--preemptions', '3', '--seconds', '60'],
  ],
  'lane-shuttle': [['--schedules', '200000']],
  'ring-loom': [
    ['--preemptions', '1', '--seconds', '120'],
    ['--preemptions', '2', '--seconds', '15'],
  ],
  'ring-shuttle': [['--schedules', '100000']],
  'broadcast-loom': [
    ['--preemptions', '0', '--seconds', '60'],
    ['--preemptions', '1', '--seconds', '3'],
  ],
  'broadcast-shuttle': [['--schedules', '5000']],
};

/** @type {Extent} */
const SHORT = {
  loom: [['--preemptions', '2']],
  shuttle: [['--schedules', '1000']],
  'lane-loom': [['--preemptions', '1']],
  'lane-shuttle': [['--schedules', '1000']],
  'ring-loom': [['--preemptions', '1']],
  'ring-shuttle': [['--schedules', '200']],
  'broadcast-loom': [['--preemptions', '0']],
  'broadcast-shuttle': [['--schedules', '200']],
};

/** In which a mutant has to be found. @type {Extent} */
const ENOUGH = {
  loom: [['--preemptions', '3']],
  shuttle: [['--schedules', '5000']],
  'lane-loom': [['--preemptions', '2']],
  'lane-shuttle': [['--schedules', '5000']],
  'ring-loom': [['--preemptions', '1']],
  'ring-shuttle': [['--schedules', '5000']],
  'broadcast-loom': [['--preemptions', '0']],
  'broadcast-shuttle': [['--schedules', '5000']],
};

const env = { ...process.env, RUST_BACKTRACE: '0' };

/** A lane is waited for in two ways: by futexes, and by bells, as on macOS and Windows. @type {Record<string, NodeJS.ProcessEnv[]>} */
const WAYS = {
  loom: [{}],
  shuttle: [{}],
  'lane-loom': [{}, { LANE_BELLS: '1' }],
  'lane-shuttle': [{}, { LANE_BELLS: '1' }],
  'ring-loom': [{}],
  'ring-shuttle': [{}],
  'broadcast-loom': [{}],
  'broadcast-shuttle': [{}],
};

const MUTANT_LIMIT_MS = 5 * 60_000;

await command(async () => {
  const { values } = parseArgs({
    options: { short: { type: 'boolean' }, seed: { type: 'string' }, mutant: { type: 'string' } },
  });
  const seed = ['--seed', values.seed ?? '1'];
  const mutants = MUTANTS.filter(
    ({ name, quick }) => name.includes(values.mutant ?? '') && (quick || !values.short || values.mutant),
  );
  checkMutants();
  const models = values.mutant === undefined ? await runModels(values.short ? SHORT : LONG, seed, !values.short) : 0;
  /** @type {string[]} */
  const missed = [];
  for (const mutant of mutants) missed.push(...(await tryMutant(mutant, seed)));
  if (models > 0) process.stdout.write(`${models} models hold\n`);
  process.stdout.write(`${mutants.length - missed.length} mutants are caught\n`);
  if (missed.length === 0) return;
  process.stdout.write(`${missed.length} mutants are missed\n`);
  throw new Failure(missed.join('\n'));
});

/** @param {Extent} extent @param {string[]} seed @param {boolean} tee whether each scenario is told of */
async function runModels(extent, seed, tee) {
  await build(root, 'model', ['--bins'], 'the models do not compile');
  let held = 0;
  for (const checker of CHECKERS) {
    const runs = extent[checker].flatMap((args) => WAYS[checker].map((way) => ({ args, way })));
    for (const { args, way } of runs) {
      const options = { env: { ...env, ...way }, tee };
      const { status, output } = await run(program('model', checker), [...args, ...seed], options);
      if (status !== 0) throw new Failure(`a model fails under ${checker}${tee ? '' : `:\n${output}`}`);
      held += output.split('\n').filter((line) => line.includes(' schedules, ')).length;
    }
  }
  return held;
}

/** @param {Mutant} mutant @param {string[]} seed @returns {Promise<string[]>} what is wrong, if it is not caught */
async function tryMutant({ name, file, from, to, checker, scenario, says }, seed) {
  const started = Date.now();
  copySources();
  const target = path.join(COPY, file);
  fs.writeFileSync(
    target,
    fs.readFileSync(target, 'utf8').replace(from, () => to),
  );
  await build(COPY, 'mutant', ['--bin', `mutant-${checker}`, '--offline'], `the mutant "${name}" does not compile`);
  const args = [...ENOUGH[checker][0], ...seed, '--scenario', scenario];
  const { status, output } = await run(program('mutant', checker), args, { env, limitMs: MUTANT_LIMIT_MS });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  if (status === 0) return [`not noticed by ${scenario} under ${checker}: ${name}`];
  if (!says.test(output)) return [`${scenario} fails under ${checker}, but not with ${says}: ${name}\n${output}`];
  process.stdout.write(`caught: ${name}, by ${scenario} under ${checker}, ${seconds} s\n`);
  return [];
}

/** A mutant of text that has changed would try nothing. */
function checkMutants() {
  for (const { name, file, from, to } of MUTANTS) {
    const times = fs.readFileSync(path.join(root, file), 'utf8').split(from).length - 1;
    if (times !== 1 || from === to)
      throw new Failure(`the mutant "${name}" is made of text that is ${times} times in ${file}, not once.`);
  }
}

/** Copies what has changed, so that cargo compiles no more than that. */
function copySources() {
  for (const source of SOURCES) {
    for (const file of filesOf(COPY, source))
      if (!fs.existsSync(path.join(root, file))) fs.rmSync(path.join(COPY, file));
    for (const file of filesOf(root, source))
      if (!file.endsWith('Cargo.toml')) write(path.join(COPY, file), fs.readFileSync(path.join(root, file), 'utf8'));
  }
  // A name of its own: cargo tells the packages of a target folder apart by name and place in their workspace.
  const manifest = fs.readFileSync(path.join(root, 'tests/model/Cargo.toml'), 'utf8');
  write(path.join(COPY, 'tests/model/Cargo.toml'), manifest.replaceAll('model', 'mutant'));
  write(path.join(COPY, 'Cargo.toml'), manifestOfCopy());
  const [lock, copy] = [root, COPY].map((folder) => path.join(folder, 'Cargo.lock'));
  const changed = (/** @type {string} */ file) => fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (changed(lock) > changed(copy)) fs.copyFileSync(lock, copy); // cargo then takes out what the copy does not need
}

/** @param {string} folder @param {string} source @returns {string[]} relative to the folder */
function filesOf(folder, source) {
  const at = path.join(folder, source);
  const entries = fs.existsSync(at) ? fs.readdirSync(at, { recursive: true, withFileTypes: true }) : [];
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
}

/** The workspace, with the models as its one member. */
function manifestOfCopy() {
  const sections = fs.readFileSync(path.join(root, 'Cargo.toml'), 'utf8').split(/^(?=\[)/m);
  return sections
    .filter((section) => /^\[(workspace|profile\.model)\b/.test(section))
    .join('')
    .replace(/^members = .*$/m, 'members = ["tests/model"]')
    .replace(/^(#|default-members = ).*\n/gm, '');
}

/** @param {string} file @param {string} text */
function write(file, text) {
  if (fs.existsSync(file) && fs.readFileSync(file, 'utf8') === text) return;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
}

/** @param {string} folder @param {string} name @param {string[]} args @param {string} failure */
async function build(folder, name, args, failure) {
  const cargo = ['build', '--quiet', '--profile', 'model', '--target-dir', TARGET];
  cargo.push('--package', `inplace-exchange-${name}`, ...args);
  const { status, output } = await run('cargo', cargo, { cwd: folder });
  if (status !== 0) throw new Failure(`${failure}:\n${output}`);
}

/** @param {string} name @param {string} checker */
function program(name, checker) {
  return path.join(TARGET, 'model', `${name}-${checker}${process.platform === 'win32' ? '.exe' : ''}`);
}
