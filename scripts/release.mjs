// npm run release: what the workflow release.yml calls. docs/releasing.md says how a release is cut.

import path from 'node:path';
import { parseArgs } from 'node:util';
import { command, Failure, log } from './lib/console.mjs';
import { publish, readTarballs, tarballProblems, versionProblems } from './lib/release.mjs';

const root = path.dirname(import.meta.dirname);
const USAGE = `npm run release -- --check                the versions, the tag (GITHUB_REF_NAME) and the changelog agree
npm run release -- --publish FOLDER       the same, and the tarballs in FOLDER are whole: publishes them
                   [--dry-run]            does all but that`;

await command(async () => {
  const { check, publish: folder, 'dry-run': dryRun } = parse();
  if (!check && !folder) throw new Failure(`one of --check and --publish is needed. Usage:\n${USAGE}`);
  const { GITHUB_REF_NAME: tag, GITHUB_REPOSITORY: repository } = process.env;
  const { version, problems } = versionProblems(root, tag);
  const tarballs = folder ? await readTarballs(path.resolve(process.env.INIT_CWD ?? '.', folder)) : [];
  if (folder) problems.push(...tarballProblems(root, tarballs, version, repository));
  if (problems.length > 0) throw new Failure(`this is no release:\n${problems.map((each) => `  ${each}`).join('\n')}`);
  if (folder) await publish(tarballs, { dryRun: dryRun ?? false });
  log(
    `${version}: ${folder ? `${tarballs.length} packages, all published` : 'in order'}${dryRun ? ' (dry run)' : ''}.`,
  );
});

function parse() {
  try {
    return parseArgs({
      options: { check: { type: 'boolean' }, publish: { type: 'string' }, 'dry-run': { type: 'boolean' } },
    }).values;
  } catch (error) {
    throw new Failure(`${/** @type {Error} */ (error).message} Usage:\n${USAGE}`);
  }
}
