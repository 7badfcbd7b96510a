// An AudioWorklet that plays a stream, and says how often there was nothing to play and how old each block was.

import { open } from '../../lib/stream.mjs';

registerProcessor(
  'plays',
  class extends AudioWorkletProcessor {
    /** @param {{ processorOptions: { memory: SharedArrayBuffer, ms: number, clock: number } }} options */
    constructor({ processorOptions: { memory, ms, clock } }) {
      super();
      this.reader = open(memory);
      this.blocks = Math.round((ms / 1000) * (sampleRate / 128));
      this.clock = clock;
      this.late = new Float32Array(this.blocks);
      this.played = 0;
      this.empty = 0;
    }

    /** @param {Float32Array[][]} _inputs @param {Float32Array[][]} outputs */
    process(_inputs, [[channel]]) {
      const slot = this.reader.next();
      if (slot) {
        channel.fill(slot.bytes[0] / 1e6);
        if (this.played < this.blocks) this.late[this.played] = Date.now() - this.clock - slot.timestamp;
        slot.release();
        this.played += 1;
      } else if (this.played > 0) this.empty += 1;
      if (this.played + this.empty < this.blocks) return true;
      this.reader.close();
      this.port.postMessage({ empty: this.empty, blocks: this.blocks, late: this.late.subarray(0, this.played) });
      return false;
    }
  },
);
