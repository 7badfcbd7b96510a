// A Worker that makes exchanges of 64 bytes one after another, by a port of its own or by way of the page, and says how many
// microseconds each takes.

import { connect } from '../../lib/page.mjs';

const CALLS = 2000;

addEventListener('message', async ({ data: isRelayed, ports: [port] }) => {
  const relay = (/** @type {Uint8Array} */ memory) =>
    new Promise((resolve) => {
      port.onmessage = ({ data }) => resolve(data);
      port.postMessage(memory, [memory.buffer]);
    });
  const exchange = isRelayed ? relay : connect(port).exchange;
  let memory = new Uint8Array(64);
  let begin = 0;
  for (let call = -100; call < CALLS; call++) {
    if (call === 0) begin = performance.now();
    memory = await exchange(memory);
    if (memory[63] !== 0xa5) throw new Error('not filled');
  }
  postMessage(((performance.now() - begin) / CALLS) * 1000);
});
