const path = require('node:path');
const { expose } = require('inplace-exchange/preload');

const NAME = '__NAME__';
const EXTENSION = process.platform === 'darwin' ? 'dylib' : process.platform === 'win32' ? 'dll' : 'so';

expose({
  // With `process: 'own'` beside the path it has a process of its own: a crash is an error, and reloading the page
  // loads a new build. Without it, restart the app for that.
  libraries: { [NAME]: { path: path.join(__dirname, `${NAME}.${EXTENSION}`) } },
  origins: ['file://'],
});
