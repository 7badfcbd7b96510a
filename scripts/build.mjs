// npm run build: builds the addon and the libraries, and writes the generated files (native.js, the loader, and
// index.d.ts) into the source tree.

import { command, log } from './lib/console.mjs';
import { build, updateGenerated } from './lib/native-build.mjs';

await command(async () => {
  await build();
  for (const name of updateGenerated()) log(`${name} was regenerated; commit it with the change that caused it.`);
});
