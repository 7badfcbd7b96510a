// What `require('inplace-exchange')` gives: the addon's functions, which index.d.ts describes.

const {
  bindingTarget: __napiBindingTarget,
  addressOf,
  exchangeDataAsync,
  exchangeDataInPlace,
  externalBuffersAllowed,
  openLibrary,
  operation,
  shareLibraries,
} = require('./lib/addon.js');

// Names alone: Node.js finds the named exports for `import` without running the file.
module.exports = {
  __napiBindingTarget,
  addressOf,
  exchangeDataAsync,
  exchangeDataInPlace,
  externalBuffersAllowed,
  openLibrary,
  operation,
  shareLibraries,
};
