// npm run build: builds the addon and the libraries, and writes the generated files (native.js, the loader, and
// index.d.ts) into the source tree.
//
//   npm run build                       for this system
//   npm run build -- --target TRIPLE    for another one: the addon and the default library, under target/portable

import path from 'node:path';
import { parseArgs } from 'node:util';
import { command, log } from './lib/console.mjs';
import { build, rust, updateGenerated } from './lib/native-build.mjs';
import { buildPortable } from './lib/portable-build.mjs';

await command(async () => {
  const { target } = parseArgs({ options: { target: { type: 'string' } } }).values;
  if (target && target !== (await rust()).triple) {
    const { addon, library, localOnly } = await buildPortable(target);
    if (localOnly) log(`to try, and not to publish: ${localOnly}.`);
    for (const file of [addon, library]) process.stdout.write(`${path.relative(process.cwd(), file)}\n`);
    return;
  }
  await build();
  for (const name of updateGenerated()) log(`${name} was regenerated; commit it with the change that caused it.`);
});
