// A utility process that has the library fill the bytes of each message, and returns them.

const { exchangeDataInPlace } = require('../../index.js');

/** @type {any} */ (process).parentPort.once('message', (/** @type {any} */ { ports: [port] }) => {
  port.on('message', (/** @type {any} */ { data }) => {
    exchangeDataInPlace(data);
    port.postMessage(data);
  });
  port.start();
});
