//! A synthesizer of one sine: blocks of 128 samples, as Web Audio takes them, in f32 at 48 kHz.
//!
//! ```js
//! const { bytes, exchange } = connect().shared(512, { library: 'synth' }); // 0.6 µs a block
//! const request = new Float32Array(bytes.buffer, 0, 2);
//! const samples = new Float32Array(bytes.buffer, 0, 128); // the same memory
//! const context = new AudioContext({ sampleRate: 48_000 });
//! const second = context.createBuffer(1, 375 * 128, 48_000);
//! for (let block = 0; block < 375; block++) {
//!   request.set([440, 0.5]); // Hz, gain
//!   exchange(8);
//!   second.copyToChannel(samples.slice(), 0, block * 128);
//! }
//! ```
//!
//! Or a stream, into an AudioWorklet: `tune` says what it sounds like from the next block on, and `play` makes the blocks.
//!
//! ```js
//! await exchange(new Float32Array([440, 0.5]).buffer, { library: 'synth', operation: 'tune' });
//! const { memory } = stream({ library: 'synth', operation: 'play', byteLength: 512, slots: 12 }); // 32 ms
//! ```
//!
//! The phase is the library's state, so that blocks join without a click, also when the frequency changes. The gain goes
//! from its last value to the new one within a block, for the same reason.

use std::f64::consts::TAU;

use inplace_exchange_sdk::zerocopy::byteorder::little_endian::F32;
use inplace_exchange_sdk::zerocopy::{FromBytes, Immutable, IntoBytes};
use inplace_exchange_sdk::{Call, Error, library};

/// How many samples a block has.
pub const BLOCK: usize = 128;
/// Samples a second.
pub const RATE: f64 = 48_000.0;

/// What the next block sounds like.
#[derive(FromBytes, IntoBytes, Immutable)]
#[zerocopy(crate = "inplace_exchange_sdk::zerocopy")]
#[repr(C)]
pub struct Request {
    /// In Hz, from 0 to half of the rate.
    pub frequency: F32,
    /// From 0 to 1.
    pub gain: F32,
}

struct Synth {
    /// In Hz.
    frequency: f64,
    /// That the next blocks go to.
    target: f32,
    /// In turns, from 0 to 1.
    phase: f64,
    gain: f32,
}

impl Synth {
    fn open() -> Result<Self, Error> {
        Ok(Self {
            frequency: 440.0,
            target: 0.0,
            phase: 0.0,
            gain: 0.0,
        })
    }

    fn block(&mut self, call: &mut Call) -> Result<usize, Error> {
        self.tune(call)?;
        self.play(call)
    }

    fn tune(&mut self, call: &mut Call) -> Result<usize, Error> {
        let request: Request = call.read()?;
        let (frequency, gain) = (f64::from(request.frequency.get()), request.gain.get());
        // Not a number is in no range.
        if !(0.0..=RATE / 2.0).contains(&frequency) || !(0.0..=1.0).contains(&gain) {
            return Err(Error::new(format_args!(
                "a frequency of {frequency} Hz at a gain of {gain}"
            )));
        }
        (self.frequency, self.target) = (frequency, gain);
        Ok(0)
    }

    fn play(&mut self, call: &mut Call) -> Result<usize, Error> {
        let (mut phase, mut now) = (self.phase, self.gain);
        let step = (self.target - now) / 128.0;
        let block: [F32; BLOCK] = std::array::from_fn(|_| {
            now += step;
            let sample = sine(phase) * now;
            phase = (phase + self.frequency / RATE).fract();
            sample.into()
        });
        call.write(0, &block)?;
        (self.phase, self.gain) = (phase, self.target); // only now: a call that fails makes no click
        Ok(size_of_val(&block))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "samples have 24 bits")]
fn sine(turns: f64) -> f32 {
    (turns * TAU).sin() as f32
}

library! {
    name: "synthesizer",
    state: Synth,
    call: Synth::block,
    operations: { "tune" => Synth::tune, "play" => Synth::play },
}
