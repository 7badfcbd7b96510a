//! Waiting for a word that another process changes.

use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use rustix::thread::futex::{self, Flags};
use rustix::time::Timespec;

/// Waits while the word has this value: until it is woken, at the latest until the deadline. May return early.
pub fn wait(word: &AtomicU32, value: u32, deadline: Option<Instant>) {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let timeout = left.map(timespec);
    // Any failure is a reason to look at the word again: it has changed, the time is over, or a signal has arrived.
    let _ = futex::wait(word, Flags::empty(), value, timeout.as_ref());
}

/// Wakes all who wait for the word.
pub fn wake(word: &AtomicU32) {
    let _ = futex::wake(word, Flags::empty(), u32::MAX >> 1);
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
