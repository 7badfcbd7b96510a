const path = require('node:path');
const { expose } = require('inplace-exchange/preload');

const NAME = '__NAME__';
const EXTENSION = { darwin: 'dylib', win32: 'dll' }[process.platform] ?? 'so';

expose({
  // With `process: 'own'` beside the path it has a process of its own, and a crash is an error (Linux).
  libraries: { [NAME]: { path: path.join(__dirname, `${NAME}.${EXTENSION}`) } },
  origins: ['file://'],
});
