// Installs and builds what `npm start` and `npm test` need: packages, Electron, system libraries, the native code.
// This file only checks the version of Node, in syntax that old versions parse; lib/setup.mjs does the work.

const required = [20, 19];
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < required[0] || (major === required[0] && minor < required[1])) {
  console.error(
    `inplace-exchange: Node ${process.versions.node} is too old; install Node ${required.join('.')} or later.`,
  );
  process.exit(1);
} else {
  const [forTests, withoutElectron] = ['--test', '--no-electron'].map((flag) => process.argv.includes(flag));
  import('./lib/setup.mjs').then(({ setUp }) => setUp({ forTests, withElectron: !withoutElectron }));
}
