// The calls of a page, by the page API.

import { connect } from '../../../lib/page.mjs';
import { RUNS } from './runs.mjs';

const { host } = /** @type {any} */ (globalThis);
const { exchange, shared, stream } = connect();

function startReader() {
  const worker = new Worker('random-reader.mjs', { type: 'module' });
  return {
    postMessage: (/** @type {unknown} */ data) => worker.postMessage(data),
    onMessage: (/** @type {(data: any) => void} */ listener) =>
      worker.addEventListener('message', ({ data }) => listener(data)),
    onError: (/** @type {(error: ErrorEvent) => void} */ listener) => worker.addEventListener('error', listener),
    terminate: () => worker.terminate(),
  };
}

try {
  const plan = await host.plan();
  host.done(
    await RUNS[/** @type {keyof typeof RUNS} */ (plan.what)](
      { exchange, shared, stream, held: host.held, left: host.left, threads: host.threads, startReader, maps: true },
      plan,
    ),
  );
} catch (error) {
  host.failed(error instanceof Error ? `${error}\n${error.stack}` : String(error));
}
