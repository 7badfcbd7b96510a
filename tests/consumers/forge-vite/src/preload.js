const path = require('node:path');
const addon = require('inplace-exchange');
const { expose } = require('inplace-exchange/preload');

const libraryName = (name) =>
  ({ win32: `${name}.dll`, darwin: `lib${name}.dylib` })[process.platform] ?? `lib${name}.so`;

expose({
  libraries: {
    default: addon,
    // In app.asar, and opened from app.asar.unpacked.
    shout: path.join(__dirname, '..', '..', 'native', libraryName('shout')),
  },
  origins: [import.meta.env.MODE === 'development' ? 'http://localhost:5173' : 'file://'],
});
