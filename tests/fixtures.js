// Where the test run has built the fixtures.

const path = require('node:path');

/**
 * The path of a fixture library, by the name of its folder in tests/fixtures.
 * @param {string} name
 */
function fixtureLibrary(name) {
  const file = `fixture_${name}`;
  const folder = process.env.INPLACE_EXCHANGE_FIXTURES ?? '';
  if (process.platform === 'win32') return path.join(folder, `${file}.dll`);
  return path.join(folder, process.platform === 'darwin' ? `lib${file}.dylib` : `lib${file}.so`);
}

/**
 * The fixture addon that shows addresses and what this runtime refuses.
 * @returns {{
 *   addressOf(view: ArrayBufferView): bigint,
 *   wrapNativeMemory(): { status: number, message: string },
 *   copyNativeMemory(): { nativeAddress: bigint, buffer: Buffer },
 * }}
 */
function loadProbe() {
  const module = { exports: {} };
  process.dlopen(module, fixtureLibrary('probe'));
  return /** @type {any} */ (module.exports);
}

module.exports = { fixtureLibrary, loadProbe };
