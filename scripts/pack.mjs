// npm run pack: builds what ships for this system, and makes the tarballs of the npm packages in dist/.

import fs from 'node:fs';
import path from 'node:path';
import { command } from './lib/console.mjs';
import { pack } from './lib/packages.mjs';
import { buildPortable } from './lib/portable-build.mjs';

await command(async () => {
  for (const file of await pack([await buildPortable()])) {
    const size = `${(fs.statSync(file).size / 1000).toFixed(0)} kB`;
    process.stdout.write(`${path.relative(process.cwd(), file)}, ${size}\n`);
  }
});
