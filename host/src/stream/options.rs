//! What a stream is to be like.

use crate::ring::{Layout, Policy};
use crate::sync::Deadline;

/// What a stream is to be like.
pub struct StreamOptions {
    pub(super) layout: Layout,
    pub(super) policy: Policy,
    /// Written into each slot before it is filled.
    pub(super) input: Box<[u8]>,
    /// The time at one moment, in JavaScript's milliseconds: that of the messages is by the same clock.
    now: (f64, Deadline),
}

impl StreamOptions {
    /// `None` if there is no such ring, or the input does not fit into a slot. `now` is the time now, in JavaScript's
    /// milliseconds.
    pub fn new(slots: u32, slot_len: u32, policy: Policy, input: Box<[u8]>, now: f64) -> Option<Self> {
        let layout = Layout::new(slots, slot_len, policy)?;
        (input.len() <= layout.slot_len).then(|| Self {
            layout,
            policy,
            input,
            now: (now, Deadline::now()),
        })
    }

    /// Whether the memory has room for it.
    pub fn fit(&self, address: usize, len: usize) -> bool {
        self.layout.fits(address, len)
    }

    /// The time now.
    pub(super) fn time(&self) -> f64 {
        let (now, then) = self.now;
        now + then.elapsed().as_secs_f64() * 1000.0
    }
}
