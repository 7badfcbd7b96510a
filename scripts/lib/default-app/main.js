// The app that an unpackaged Electron executable loads first: starts the app that the command line names, as the
// default app of Electron's own download does. Packed into resources/default_app.asar by scripts/lib/electron.mjs.

const fs = require('node:fs');
const path = require('node:path');
const { app: electronApp } = require('electron');

// Electron's internal API, which its types do not have.
const app = /** @type {any} */ (electronApp);

const args = process.argv.slice(1);
while (args[0]?.startsWith('-')) {
  const flag = args.shift();
  if (flag === '-r' || flag === '--require') require(path.resolve(args.shift() ?? ''));
}

if (args.length === 0) {
  process.stderr.write('usage: electron [-r module] path/to/app\n');
  app.exit(1);
} else {
  const target = path.resolve(args[0]);
  /** @type {any} */ (process).defaultApp = true;
  try {
    const { name, productName, version } = JSON.parse(fs.readFileSync(path.join(target, 'package.json'), 'utf8'));
    app.name = productName ?? name ?? app.name;
    if (version) app.setVersion(version);
    app.setAppPath(target);
  } catch (thrown) {
    const error = /** @type {NodeJS.ErrnoException} */ (thrown);
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error; // a single file is an app too
    app.setAppPath(path.dirname(target));
  }
  require(target);
}
