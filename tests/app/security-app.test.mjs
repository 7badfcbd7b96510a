// The main process of the app when it is started twice, and when its page is frozen, declines to unload, or navigates
// away.

import assert from 'node:assert/strict';
import { drive } from '../support/drive.mjs';

const script = 'drive-security.js';

describe('the app, started a second time with one profile', () => {
  it('keeps the marker of the library that is being opened, and shows its window', async () => {
    const seen = await drive('start it again while a library opens', { script, library: 'wait-first' });
    assert.doesNotMatch(seen.second.output, /This app ended while/);
    assert.equal(seen.before.length, 1);
    assert.deepEqual(seen.after, seen.before);
    assert.equal(seen.second.status, 0, 'the second instance exits');
    assert.equal(seen.second.output.trim(), 'Inplace Exchange is open already: its window comes forward.');
    assert.deepEqual([seen.shown, seen.focused, seen.windows], [true, true, 1]);
  });

  it('while its window is closing: opens another one', async () => {
    const { next } = await drive('start it again while the window is being closed', { script, library: 'wait-first' });
    assert.equal(next, 'another window');
  });
});

/**
 * Runs the scenarios of a block at the same time, as they mostly wait.
 * @param {Record<string, string | undefined>} scenarios and their libraries
 */
function runTogether(scenarios) {
  /** @type {Map<string, Promise<any>>} */
  const results = new Map();
  before(() => {
    for (const [scenario, library] of Object.entries(scenarios))
      results.set(scenario, drive(scenario, { script, library }));
    return Promise.allSettled(results.values());
  });
  return (/** @type {string} */ scenario) => results.get(scenario);
}

const NOT_UNLOADED = /did not end within 5 seconds after it was asked to reload/;

/** The page has five seconds to unload. @param {number} took */
const assertTimedOut = (took) => assert.ok(took > 4900 && took < 15_000, `${took} ms`);

describe('the app, when its page does not respond', () => {
  const resultOf = runTogether({
    'reload it again and again while it is frozen': undefined,
    'end it while it is frozen and told to crash': undefined,
    'never answer whether it may be reloaded': undefined,
    'never answer whether it may be closed': undefined,
  });

  it('because it is frozen, however often it is reloaded: kills it, restarts it, and shows why', async () => {
    const { took, page, crashes, otherProcess } = await resultOf('reload it again and again while it is frozen');
    assertTimedOut(took);
    assert.match(page, NOT_UNLOADED);
    assert.match(page, /It was frozen, and had to be killed/);
    assert.deepEqual(crashes, ['killed']);
    assert.equal(otherProcess, true);
    console.log(`      the page was back after ${took} ms`);
  });

  it('because it is frozen, and it ends after it was told to crash: kills no other process', async () => {
    const { crashes, kills } = await resultOf('end it while it is frozen and told to crash');
    assert.deepEqual(crashes, ['killed']);
    assert.deepEqual(kills, []);
  });

  it('to a reload: restarts it, and shows why', async () => {
    const { took, page } = await resultOf('never answer whether it may be reloaded');
    assertTimedOut(took);
    assert.match(page, NOT_UNLOADED);
  });

  it('to the closing of the window: closes', async () => {
    const { took } = await resultOf('never answer whether it may be closed');
    assert.ok(took < 15_000, `${took} ms`);
  });
});

describe('the app, when its page declines to unload', () => {
  const resultOf = runTogether({
    'decline to close, and close': undefined,
    'decline to close, and block on reload': 'blocks',
    'decline to be reloaded when it is too late, and block': undefined,
  });

  it('for closing, a reload, and closing: keeps it, and closes when it no longer declines', async () => {
    const { seen, stayed, crashes, closed } = await resultOf('decline to close, and close');
    assert.deepEqual(seen, [true, true, true]);
    assert.equal(stayed, true, 'in its process');
    assert.deepEqual(crashes, []);
    assert.equal(closed, true);
  });

  it('for closing, and a library blocks the next reload: restarts it, and does not close', async () => {
    const { took, page } = await resultOf('decline to close, and block on reload');
    assertTimedOut(took);
    assert.match(page, NOT_UNLOADED);
  });

  it('for a reload, after Chromium has stopped waiting for its answer, and blocks: restarts it', async () => {
    const { took, declines, page } = await resultOf('decline to be reloaded when it is too late, and block');
    assert.equal(declines, true);
    assertTimedOut(took);
    assert.match(page, NOT_UNLOADED);
  });
});

describe('the app, when its page navigates away', () => {
  const resultOf = runTogether({
    'go astray': undefined,
    'try what is denied': undefined,
    'empty the page, and reload it': undefined,
  });
  const ABOUT = 'About this runtime – Inplace Exchange';

  it('where that cannot be prevented: returns to the page and its panel', async () => {
    const seen = await resultOf('go astray');
    assert.deepEqual(
      seen.filter((/** @type {string[]} */ [, title]) => title !== ABOUT),
      [],
    );
    assert.ok(seen.length >= 13);
  });

  it('where that is prevented: keeps the page as it is', async () => {
    assert.deepEqual(await resultOf('try what is denied'), { page: ABOUT, untouched: true });
  });

  it('by document.open(): shows the page after a reload', async () => {
    assert.deepEqual(await resultOf('empty the page, and reload it'), { emptied: '', page: ABOUT });
  });
});
