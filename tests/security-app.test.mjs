// The app's main process against what a person or a page can do to it: a second start, a page that is frozen, that declines
// to close, that goes astray.

import assert from 'node:assert/strict';
import { drive } from './drive.mjs';

const script = 'drive-security.js';

describe('the app, started a second time on one profile', () => {
  it('leaves the marker of the library that is being opened alone, and brings its window forward', async () => {
    const seen = await drive('start it again while a library opens', { script, library: 'wait-first' });
    assert.doesNotMatch(seen.second.output, /This app ended while/, 'it has not');
    assert.equal(seen.before.length, 1);
    assert.deepEqual(seen.after, seen.before);
    assert.equal(seen.second.status, 0, 'the second one ends by itself');
    assert.equal(seen.second.output.trim(), 'Inplace Exchange is open already: its window comes forward.');
    assert.deepEqual([seen.shown, seen.focused, seen.windows], [true, true, 1]);
  });

  it('while its window is being closed: opens another one', async () => {
    const { next } = await drive('start it again while the window is being closed', { script, library: 'wait-first' });
    assert.equal(next, 'another window');
  });
});
