// A utility process that has the library fill what it is sent, and sends it back.

const { exchangeDataInPlace } = require('../../index.js');

/** @type {any} */ (process).parentPort.once('message', (/** @type {any} */ { ports: [port] }) => {
  port.on('message', (/** @type {any} */ { data }) => {
    exchangeDataInPlace(data);
    port.postMessage(data);
  });
  port.start();
});
