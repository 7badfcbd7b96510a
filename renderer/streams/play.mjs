// The AudioWorklet of the Streams panel: plays the blocks of a stream, and says four times a second how many there were, and
// how often there was none.

import { open } from '../../lib/stream.mjs';

const REPORTS_A_SECOND = 4;

/** @typedef {import('../../lib/types/stream.mjs').Slot} Slot */
/** @typedef {{ played: number, empty: number, seconds: number, latency: number }} Report of blocks since the last one */

class Player extends AudioWorkletProcessor {
  /** A view for each slot, made once. @type {Map<Slot, Float32Array>} */
  #samples = new Map();
  #reader;
  #report = { played: 0, empty: 0, seconds: 0, latency: 0 };
  #hasBegun = false;
  #clock;

  /** @param {{ processorOptions: { memory: SharedArrayBuffer, clock: number } }} options */
  constructor({ processorOptions: { memory, clock } }) {
    super();
    this.#reader = open(memory);
    this.#clock = clock;
  }

  /** @param {Float32Array[][]} _inputs @param {Float32Array[][]} outputs */
  process(_inputs, [[channel]]) {
    const slot = this.#reader.next();
    const report = this.#report;
    if (slot) {
      channel.set(this.#samplesOf(slot));
      report.latency = Date.now() - this.#clock - slot.timestamp;
      slot.release();
      this.#hasBegun = true;
      report.played += 1;
    } else if (this.#hasBegun) report.empty += 1;
    report.seconds += channel.length / sampleRate;
    if (report.seconds >= 1 / REPORTS_A_SECOND) {
      this.port.postMessage(report);
      Object.assign(report, { played: 0, empty: 0, seconds: 0 });
    }
    return this.#reader.state === 'running';
  }

  /** @param {Slot} slot */
  #samplesOf(slot) {
    const known = this.#samples.get(slot);
    if (known) return known;
    const { buffer, byteOffset, byteLength } = slot.bytes;
    const samples = new Float32Array(buffer, byteOffset, byteLength / 4);
    this.#samples.set(slot, samples);
    return samples;
  }
}

registerProcessor('player', Player);
