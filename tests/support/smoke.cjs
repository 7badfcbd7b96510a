// Exchanges with the package that is installed beside this file, and says so.

const { exchangeDataInPlace } = require('inplace-exchange');

const buffer = Buffer.alloc(256);
const count = exchangeDataInPlace(buffer);
console.log(`${process.platform} ${process.arch}: ${buffer.toString('utf8', 0, count)}`);
