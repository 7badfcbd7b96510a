// The app's main process against what a person or a page can do to it: a second start, a page that is frozen, that declines
// to close, that goes astray.

import assert from 'node:assert/strict';
import { drive } from '../support/drive.mjs';

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

/** Mostly waiting, so all of a block at once. @param {Record<string, string | undefined>} scenarios and their libraries */
function playedAtOnce(scenarios) {
  /** @type {Map<string, Promise<any>>} */
  const played = new Map();
  before(() => {
    for (const [scenario, library] of Object.entries(scenarios))
      played.set(scenario, drive(scenario, { script, library }));
    return Promise.allSettled(played.values());
  });
  return (/** @type {string} */ scenario) => played.get(scenario);
}

const HELD_UP = /did not end within 5 seconds after it was asked to reload/;

/** After the five seconds that a page is given, and not at some time. @param {number} took */
const assertPatient = (took) => assert.ok(took > 4900 && took < 15_000, `${took} ms`);

describe('the app, when its page does not answer', () => {
  const played = playedAtOnce({
    'reload it again and again while it is frozen': undefined,
    'end it while it is frozen and told to crash': undefined,
    'never answer whether it may be reloaded': undefined,
    'never answer whether it may be closed': undefined,
  });

  it('as it is frozen, however often it is reloaded: kills it, is there again, and says why', async () => {
    const { took, page, crashes, otherProcess } = await played('reload it again and again while it is frozen');
    assertPatient(took);
    assert.match(page, HELD_UP);
    assert.match(page, /It was frozen, and had to be killed/);
    assert.deepEqual(crashes, ['killed']);
    assert.equal(otherProcess, true);
    console.log(`      the page was back after ${took} ms`);
  });

  it('as it is frozen, and somebody ends it when it was told to crash: kills nothing', async () => {
    const { crashes, kills } = await played('end it while it is frozen and told to crash');
    assert.deepEqual(crashes, ['killed']);
    assert.deepEqual(kills, []);
  });

  it('whether it may be reloaded: is there again, and says why', async () => {
    const { took, page } = await played('never answer whether it may be reloaded');
    assertPatient(took);
    assert.match(page, HELD_UP);
  });

  it('whether it may be closed: closes', async () => {
    const { took } = await played('never answer whether it may be closed');
    assert.ok(took < 15_000, `${took} ms`);
  });
});

describe('the app, when its page declines', () => {
  const played = playedAtOnce({
    'decline to close, and close': undefined,
    'decline to close, and block on reload': 'blocks',
    'decline to be reloaded when it is too late, and block': undefined,
  });

  it('to be closed, reloaded, closed: lets it be, and closes it when it does not decline', async () => {
    const { seen, stayed, crashes, closed } = await played('decline to close, and close');
    assert.deepEqual(seen, [true, true, true]);
    assert.equal(stayed, true, 'in its process');
    assert.deepEqual(crashes, []);
    assert.equal(closed, true);
  });

  it('to be closed, and a library then blocks: is there again, and does not close', async () => {
    const { took, page } = await played('decline to close, and block on reload');
    assertPatient(took);
    assert.match(page, HELD_UP);
  });

  it('to be reloaded when Chromium no longer waits for its answer, and blocks: is there again', async () => {
    const { took, declines, page } = await played('decline to be reloaded when it is too late, and block');
    assert.equal(declines, true);
    assertPatient(took);
    assert.match(page, HELD_UP);
  });
});

describe('the app, when its page goes astray', () => {
  const played = playedAtOnce({
    'go astray': undefined,
    'try what is denied': undefined,
    'empty the page, and reload it': undefined,
  });
  const ABOUT = 'About this runtime – Inplace Exchange';

  it('where that cannot be denied: comes straight back, to the panel that it showed', async () => {
    const seen = await played('go astray');
    assert.deepEqual(
      seen.filter((/** @type {string[]} */ [, title]) => title !== ABOUT),
      [],
    );
    assert.ok(seen.length >= 13);
  });

  it('where it is denied: stays as it is', async () => {
    assert.deepEqual(await played('try what is denied'), { page: ABOUT, untouched: true });
  });

  it('by emptying itself: is there again after a reload', async () => {
    assert.deepEqual(await played('empty the page, and reload it'), { emptied: '', page: ABOUT });
  });
});
