// The reader of a stream (lib/stream.mjs) while something else happens between two of its steps. tests/model/ring has it
// happen at any step; here it is the reader itself.

import assert from 'node:assert/strict';
import * as ring from '../../lib/ring.mjs';
import { open } from '../../lib/stream.mjs';

const WRITING = 1;

describe('the reader of a stream', () => {
  const { load, compareExchange } = Atomics;
  /** @type {Int32Array} */
  let words;
  /** @type {SharedArrayBuffer} */
  let memory;

  beforeEach(() => {
    const layout = ring.layoutOf(2, 64, 1);
    memory = new SharedArrayBuffer(layout.length);
    words = new Int32Array(memory);
    words.set([ring.MAGIC, ring.VERSION, 2, 64, layout.stride, layout.data, 1]);
  });

  afterEach(() => Object.assign(Atomics, { load, compareExchange }));

  /** Hands over a message. @param {number} index @param {number} sequence */
  const publish = (index, sequence) => {
    words[ring.lineOf(index) + ring.SEQUENCE] = sequence;
    Atomics.store(words, ring.lineOf(index), ring.READY);
    Atomics.store(words, ring.PUBLISHED, sequence + 1);
  };
  const stateOf = (/** @type {number} */ index) => load(words, ring.lineOf(index));

  /**
   * Has something happen once, at an access to a word.
   * @param {'load' | 'compareExchange'} access @param {number} word
   * @param {{ before?: () => void, after?: () => void }} happens
   */
  const at = (access, word, { before, after }) => {
    const original = /** @type {Function} */ (Atomics[access]);
    const hooked = (/** @type {unknown[]} */ ...args) => {
      if (args[1] !== word) return original(...args);
      Object.assign(Atomics, { [access]: original });
      before?.();
      const result = original(...args);
      after?.();
      return result;
    };
    Object.assign(Atomics, { [access]: hooked });
  };

  it('takes no message before an older one, if that came while it looked', () => {
    const reader = open(memory);
    publish(1, 0);
    publish(1, 1); // the first was dropped
    at('load', ring.lineOf(1), {
      after() {
        publish(0, 2);
        publish(1, 3);
      },
    });
    assert.equal(reader.next()?.sequence, 2);
    assert.equal(reader.next()?.sequence, 3);
  });

  it('gives back no message that came after the latest one', () => {
    const reader = open(memory);
    publish(0, 0);
    publish(1, 1);
    at('compareExchange', ring.lineOf(0), { before: () => publish(0, 2) });
    assert.equal(reader.latest()?.sequence, 1);
    assert.equal(reader.waiting, 1);
    assert.equal(reader.latest()?.sequence, 2);
  });

  it('leaves a slot alone that another reader has freed meanwhile, and the native side fills', () => {
    const reader = open(memory);
    publish(0, 0);
    at('compareExchange', ring.lineOf(0), {
      after() {
        open(memory);
        assert.equal(stateOf(0), ring.FREE);
        Atomics.store(words, ring.lineOf(0), WRITING);
      },
    });
    assert.equal(reader.next(), undefined);
    assert.equal(stateOf(0), WRITING);
  });

  it('leaves no message behind that another reader is past: the native side would wait for it', () => {
    const first = open(memory);
    publish(0, 0);
    publish(1, 1);
    /** @type {import('../../lib/types/stream.mjs').Reader | undefined} */
    let second;
    at('compareExchange', ring.lineOf(0), {
      before() {
        second = open(memory);
        assert.equal(second.waiting, 2);
      },
      after: () => assert.equal(second?.next()?.sequence, 1),
    });
    assert.equal(first.next(), undefined);
    assert.equal(stateOf(0), ring.FREE);
  });

  it('frees what an earlier reader has taken after it had opened, wherever that is', () => {
    for (const take of /** @type {const} */ (['next', 'latest'])) {
      const first = open(memory);
      publish(1, load(words, ring.PUBLISHED));
      /** @type {import('../../lib/types/stream.mjs').Reader | undefined} */
      let second;
      at('compareExchange', ring.lineOf(1), {
        before() {
          second = open(memory);
        },
        after() {
          throw new Error('terminated');
        },
      });
      assert.throws(() => first.next(), /terminated/);
      assert.equal(stateOf(1) & ring.READING, ring.READING);
      assert.equal(second?.[take](), undefined);
      assert.equal(stateOf(1), ring.FREE);
    }
  });

  it('waits for no more messages only when it has seen the last one', () => {
    const reader = open(memory);
    at('load', ring.PHASE, {
      before() {
        publish(0, 0);
        Atomics.store(words, ring.PHASE, ring.ENDED);
      },
    });
    assert.equal(reader.wait(1000), true);
    reader.next()?.release();
    assert.equal(reader.wait(1000), false);
  });

  it('says that no message waits when another reader has taken over', () => {
    const first = open(memory);
    publish(0, 0);
    assert.equal(first.waiting, 1);
    assert.equal(open(memory).waiting, 1);
    assert.equal(first.waiting, 0);
  });
});
