// Immutable memory is not lent. Runs a script of its own in Node.js, with V8's flag where V8 has it.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { refuseImmutable } = require('../../lib/immutable.js');
const { RUNTIME } = require('../support/fixtures.js');

const SCRIPT = path.join(__dirname, '..', 'fixtures', 'immutable.js');
const FLAG = '--js-immutable-arraybuffer';
const hasFlag = spawnSync(RUNTIME, [FLAG, '--eval', '']).status === 0;

const refused = (/** @type {{ name: string, code: string, message: string }} */ { name, code, message }) => {
  assert.deepEqual([name, code], ['TypeError', 'ERR_INVALID_BUFFER'], message);
  return message;
};

describe(`immutable memory (${hasFlag ? "V8's own" : 'this V8 has none: a stand-in'})`, () => {
  /** @type {any} */
  let outcomes;
  before(() => {
    const { stdout, stderr } = spawnSync(RUNTIME, [...(hasFlag ? [FLAG] : []), SCRIPT], { encoding: 'utf8' });
    assert.ok(stdout, stderr);
    outcomes = JSON.parse(stdout);
    assert.equal(outcomes.isReal, hasFlag);
  });

  it('is refused, with what to pass instead, and no byte of it is written', () => {
    for (const way of ['whole', 'part', 'byDefault'])
      assert.match(refused(outcomes[way]), /is immutable, .* Pass a copy of it: view\.slice\(\)$/);
    assert.equal(outcomes.untouched, true);
  });

  it('leaves all other memory accepted, and what is no memory refused as before', () => {
    assert.deepEqual(outcomes.others, [64, 64, 64, 64]);
    for (const way of ['noView', 'noArgument']) assert.doesNotMatch(refused(outcomes[way]), /immutable/);
  });

  if (hasFlag) {
    it('is refused by an asynchronous exchange, which cannot detach it', () => {
      assert.match(refused(outcomes.asynchronous), /cannot be detached/);
    });

    it('is refused over the port, on both threads, and the next exchanges work', () => {
      const error = { count: -1, error: ['TypeError', 'ERR_INVALID_BUFFER'] };
      const filled = { returned: 64, count: 64, error: undefined };
      assert.deepEqual(
        outcomes.overPort.map((/** @type {object} */ answer) => ({ error: undefined, ...answer })),
        [error, error, filled, filled],
      );
    });
  }

  if (!('immutable' in ArrayBuffer.prototype)) {
    it('costs nothing in a runtime that has none', () => {
      const exchangeDataInPlace = () => 0;
      assert.equal(refuseImmutable(exchangeDataInPlace), exchangeDataInPlace);
    });
  }
});
