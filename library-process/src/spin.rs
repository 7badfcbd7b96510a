//! How long a side looks for what the other one does before it sleeps.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

/// The longest time that a side looks for: about what it costs both sides to sleep and to be woken, as a core that sleeps
/// takes 50 us and more to wake. A library that is called less often costs none of it: its last wait was longer.
const LIMIT: Duration = Duration::from_micros(200);

/// Looks between two of the clock.
const LOOKS: u32 = 16;

/// What one side has learned in one lane: it looks only if the last answer came within the limit.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spin {
    is_quick: bool,
}

/// A side that waits.
pub(crate) struct Looking<'a> {
    spin: &'a mut Spin,
    begun: Instant,
    looks: u32,
    left: bool,
}

impl Spin {
    /// Begins to wait. `pays`: looking can be of use at all.
    pub(crate) fn begin(&mut self, pays: bool) -> Looking<'_> {
        Looking {
            left: pays && self.is_quick,
            spin: self,
            begun: Instant::now(),
            looks: 0,
        }
    }
}

impl Looking<'_> {
    /// Whether to look once more. False when it is time to sleep.
    pub(crate) fn goes_on(&mut self) -> bool {
        if self.left {
            spin_loop();
            self.looks += 1;
            self.left = !self.looks.is_multiple_of(LOOKS) || self.begun.elapsed() < LIMIT;
        }
        self.left
    }

    /// Learns from how long it has taken.
    pub(crate) fn end(self) {
        self.spin.is_quick = self.begun.elapsed() < LIMIT;
    }
}
