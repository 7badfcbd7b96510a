// The window when its page's process ends, and Electron reports that a task later, as it does from 42 on.

import assert from 'node:assert/strict';
import { drive } from '../support/drive.mjs';

const environment = { GONE_LATER: '1' };

describe('the window, to which the end of a process is reported a task later', () => {
  /** They mostly wait, so they run at the same time. @type {Promise<any>[]} */
  let results;
  before(async () => {
    results = [
      drive('press until it stops', { library: 'crash-second', environment }),
      drive('reload while it blocks on another thread', { library: 'blocks', environment }),
      drive('be ended during the first load', { endAfterMs: 70, environment }),
      drive('crash the page that says it has stopped', { environment }),
    ];
    await Promise.allSettled(results);
  });

  it('restarts the page, and stops after three crashes', async () => {
    const { pages, crashedUntilThen, crashed } = await results[0];
    assert.match(pages[1], /started again/);
    assert.match(pages[3], /Stopped: the page’s process ended three times in a minute/);
    assert.match(pages[4], /Exchange Data/);
    assert.deepEqual([crashedUntilThen, crashed], [3, 3]);
  });

  it('restarts a page that does not let itself be reloaded', async () => {
    const { took, otherProcess, page } = await results[1];
    assert.ok(took > 4900 && took < 15_000, `${took} ms`);
    assert.equal(otherProcess, true);
    assert.match(page, /did not end within 5 seconds after it was asked to reload/);
  });

  it('restarts the page when the process ends during the first load', async () => {
    assert.match((await results[2]).page, /press 1/);
  });

  it('closes when the stopped page crashes as well', async () => {
    const { stoppedAt, crashed } = await results[3];
    assert.match(stoppedAt, /stopped$/);
    assert.equal(crashed, 4);
  });
});
