// The calls of a page, by the page API.

import { connect } from '../../../lib/page.mjs';
import { RUNS } from './runs.mjs';

const { host } = /** @type {any} */ (globalThis);
const { exchange, shared, stream } = connect();

try {
  const plan = await host.plan();
  host.done(
    await RUNS[/** @type {keyof typeof RUNS} */ (plan.what)](
      { exchange, shared, stream, held: host.held, left: host.left, maps: true },
      plan,
    ),
  );
} catch (error) {
  host.failed(error instanceof Error ? `${error}\n${error.stack}` : String(error));
}
