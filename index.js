// What `require('inplace-exchange')` gives: the addon's functions, which index.d.ts describes.

const addon = require('./lib/addon.js');

module.exports = {
  __napiBindingTarget: addon.bindingTarget,
  addressOf: addon.addressOf,
  exchangeDataAsync: addon.exchangeDataAsync,
  exchangeDataInPlace: addon.exchangeDataInPlace,
  externalBuffersAllowed: addon.externalBuffersAllowed,
  openLibrary: addon.openLibrary,
};
