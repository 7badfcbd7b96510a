//! A word is a futex: the kernel compares it and sleeps in one step, and finds the sleepers by its address.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::thread::futex::{self, Flags};
use rustix::time::Timespec;

/// Needs nothing besides the word.
pub(crate) struct Bell;

impl Bell {
    /// Sleeps while the word has this value: until it is rung, at the longest for so long. May return early.
    pub(crate) fn wait(&self, word: &AtomicU32, value: u32, limit: Option<Duration>) {
        let timeout = limit.map(timespec);
        // Any failure is a reason to look at the word again: it has changed, the time is over, or a signal has arrived.
        let _ = futex::wait(word, Flags::empty(), value, timeout.as_ref());
    }

    /// Wakes the other side.
    pub(crate) fn ring(&self, word: &AtomicU32) {
        let _ = futex::wake(word, Flags::empty(), u32::MAX >> 1);
    }

    /// Wakes this side, for good: the program has ended.
    pub(crate) fn ring_here(&self, word: &AtomicU32) {
        self.ring(word);
    }

    /// The descriptor that the other side is given.
    #[expect(clippy::unused_self, reason = "as elsewhere")]
    pub(crate) fn theirs(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// What the other side has given.
    pub(crate) fn of(_given: Option<OwnedFd>) -> io::Result<Self> {
        Ok(Self)
    }
}

/// Those of one program.
pub(crate) struct Bells;

impl Bells {
    #[expect(clippy::unnecessary_wraps, reason = "as elsewhere")]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    #[expect(clippy::unused_self, reason = "as elsewhere")]
    pub(crate) fn cancels(&self) -> &Bell {
        &Bell
    }

    /// Of a lane. `None` before it is added.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as elsewhere")]
    pub(crate) fn lane(&self, _number: usize) -> Option<&Bell> {
        Some(&Bell)
    }

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as elsewhere")]
    pub(crate) fn add(&self, _number: usize) -> io::Result<&Bell> {
        Ok(&Bell)
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
