// npm run pack: builds what ships, and makes the tarballs of the npm packages in dist/.
//
//   npm run pack                           for this system: what can be installed and tried here
//   npm run pack -- --target T --target U  for others
//   npm run pack -- --release              for this system, as a part of a release: the main package names all systems

import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { command, log } from './lib/console.mjs';
import { pack, publishedPlatforms } from './lib/packages.mjs';
import { buildPortable } from './lib/portable-build.mjs';

await command(async () => {
  const { target, release } = parseArgs({
    options: { target: { type: 'string', multiple: true }, release: { type: 'boolean' } },
  }).values;
  const builds = [];
  for (const triple of target ?? [undefined]) builds.push(await buildPortable(triple));
  for (const { triple, localOnly } of builds) if (localOnly) log(`${triple}: not to be published: ${localOnly}.`);
  const [first] = await pack(builds, { ...(release && { platforms: publishedPlatforms() }) });
  const folder = path.dirname(first);
  for (const name of fs.readdirSync(folder)) {
    const file = path.join(folder, name);
    const size = `${(fs.statSync(file).size / 1000).toFixed(0)} kB`;
    process.stdout.write(`${path.relative(process.cwd(), file)}, ${size}\n`);
  }
});
