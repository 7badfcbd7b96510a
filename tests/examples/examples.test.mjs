// The libraries of examples/: their own checks; then in plain Node.js, with real pictures, texts, frames and tones. On
// Linux with each library in a process of its own, too.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { openLibrary } from '../../index.js';
import { BUILT, buildExamples, cargoExamples, EXAMPLES, exampleLibrary } from '../../scripts/lib/examples.mjs';
import { temporaryFolder } from '../support/fixtures.js';

/** A larger memory with the same input. @param {Uint8Array} input @param {number} length */
function enlarged(input, length) {
  const memory = new Uint8Array(length);
  memory.set(input);
  return memory;
}

/** How many bytes a call needs. @param {() => unknown} call @returns {number} */
function required(call) {
  try {
    call();
  } catch (error) {
    assert.equal(/** @type {any} */ (error).code, 'ERR_BUFFER_TOO_SMALL');
    return /** @type {any} */ (error).required;
  }
  return assert.fail('it did not fail');
}

describe('the crates of the examples', function () {
  this.timeout(280_000); // the first time

  it('are formatted', () => cargoExamples('fmt', '--all', '--check'));
  it('have no warnings', () => cargoExamples('clippy', ...BUILT, '--all-targets', '--', '-D', 'warnings'));
  it('pass their tests', () => cargoExamples('test', ...BUILT));
  it('are built', buildExamples);
});

/** @type {('here' | 'own')[]} */
const PROCESSES = process.platform === 'linux' ? ['here', 'own'] : ['here'];

for (const where of PROCESSES) {
  describe(`the examples, process: '${where}'`, () => {
    const folder = temporaryFolder();
    const open = (/** @type {string} */ name) => openLibrary(exampleLibrary(name), { process: where });

    it('jpeg: the pixels are those of another decoder, and the size is exact', async () => {
      const [width, height] = [1001, 701];
      const [jpeg, rgba] = ['picture.jpg', 'picture.rgba'].map((name) => path.join(folder, name));
      execFileSync(path.join(EXAMPLES, 'examples', 'picture'), [String(width), String(height), jpeg, rgba]);
      const [file, expected] = [jpeg, rgba].map((name) => new Uint8Array(fs.readFileSync(name)));
      const { operation } = open('jpeg');
      const headers = file.slice(0, 1024);
      assert.equal(operation('size')(headers), 8);
      assert.deepEqual([...new Uint32Array(headers.buffer, 0, 2)], [width, height]);

      const small = file.slice();
      assert.equal(
        required(() => operation('decode')(small)),
        width * height * 4,
      );
      assert.deepEqual(small, file, 'the file is as it was');
      const picture = await operation('decode').async(enlarged(file, width * height * 4), { input: file.length });
      assert.equal(picture.length, expected.length);
      let most = 0;
      for (let at = 0; at < expected.length; at++) most = Math.max(most, Math.abs(picture[at] - expected[at]));
      assert.ok(most <= 4, `they differ by ${most}`); // the standard leaves the rounding open
    });

    it('zstd: what was compressed comes back', async () => {
      const { operation } = open('zstd');
      const text = fs.readFileSync(new URL(import.meta.url));
      const file = new Uint8Array(text);
      const compressed = await operation('compress').async(file.slice());
      assert.ok(compressed.length < file.length / 2);
      const input = compressed.slice();
      assert.equal(
        required(() => operation('decompress')(input)),
        file.length,
      );
      const memory = enlarged(input, file.length);
      assert.equal(operation('decompress')(memory, input.length), file.length);
      assert.deepEqual(memory, file);
    });

    it('camera: each frame has its header, and the histogram of its pixels', async () => {
      const { operation } = open('camera');
      const byteLength = required(() => operation('frame')(new Uint8Array(0)));
      assert.equal(operation('expose')(new Uint8Array(Uint32Array.of(20_000).buffer)), 0);
      let memory = new Uint8Array(byteLength);
      let last = 0n;
      for (const sequence of [0n, 1n, 2n]) {
        memory = await operation('frame').async(memory, { input: 0 });
        const header = new DataView(memory.buffer);
        assert.deepEqual(
          [0, 4, 24, 28].map((offset) => header.getUint32(offset, true)),
          [640, 480, 20_000, 256],
        );
        assert.equal(header.getBigUint64(8, true), sequence);
        assert.ok(header.getBigUint64(16, true) >= last);
        last = header.getBigUint64(16, true);
        const counted = new Uint32Array(256);
        for (const pixel of new Uint16Array(memory.buffer, 32 + 1024)) counted[pixel >> 8]++;
        assert.deepEqual(new Uint32Array(memory.buffer, 32, 256), counted);
        assert.equal(
          counted.reduce((sum, count) => sum + count),
          640 * 480,
        );
      }
      const dark = new Uint8Array(Uint32Array.of(0).buffer);
      assert.throws(() => operation('expose')(dark), { code: 'ERR_LIBRARY_FAILED', status: -10 });
    });

    it('synth: the tone has its frequency', () => {
      const play = open('synth').operation();
      const block = new Float32Array(128);
      const bytes = new Uint8Array(block.buffer);
      const samples = Array.from({ length: 375 }, () => {
        block.set([1000, 0.25]);
        assert.equal(play(bytes, 8), 512);
        return [...block];
      }).flat();
      /** How much of a frequency there is. @param {number} hertz */
      const amplitude = (hertz) => {
        const turn = (2 * Math.PI * hertz) / 48_000;
        const real = samples.reduce((sum, sample, at) => sum + sample * Math.cos(turn * at), 0);
        const imaginary = samples.reduce((sum, sample, at) => sum + sample * Math.sin(turn * at), 0);
        return (2 * Math.hypot(real, imaginary)) / samples.length;
      };
      assert.ok(Math.abs(amplitude(1000) - 0.25) < 0.001, String(amplitude(1000)));
      for (const hertz of [500, 998, 1002, 2000, 3000]) assert.ok(amplitude(hertz) < 0.001, `${hertz} Hz`);
    });
  });
}
