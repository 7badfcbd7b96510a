//! `host/src/sync.rs` for models, as far as a stream uses it. The words of a ring, and JavaScript's, are as in the models of one.
//!
//! There is no clock: who waits for a while lets others go on, and sees then whether anything has come of it.

#[path = "../ring/sync.rs"]
#[allow(dead_code, reason = "some is for what ends in the middle of a step")]
mod words;

#[path = "../shared/mutex.rs"]
#[allow(dead_code, reason = "some is for what waits until it is notified")]
mod mutex;

use std::time::Duration;

use crate::checker::{self, yield_now};

pub(crate) use mutex::{Mutex, MutexGuard, lock};
pub(crate) use words::{AtomicU32, AtomicU64, Ordering, Terminated, js};

/// All waits of a stream have a deadline, so that a notification is but the time that it saves.
pub(crate) struct Condvar;

impl Condvar {
    pub(crate) fn new() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "as elsewhere")]
    pub(crate) fn notify_all(&self) {}
}

pub(crate) fn wait<'a, T>(
    _condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    _deadline: Option<Deadline>,
) -> MutexGuard<'a, T> {
    let mutex = guard.mutex;
    drop(guard);
    yield_now();
    lock(mutex)
}

#[derive(Clone, Copy)]
pub struct Deadline;

impl Deadline {
    pub(crate) fn now() -> Self {
        Self
    }

    /// Long, or no time at all.
    #[expect(clippy::unused_self, reason = "as elsewhere")]
    pub(crate) fn elapsed(self) -> Duration {
        Duration::from_secs(1 - u64::from(checker::choose(2)))
    }
}

pub(crate) fn after(_duration: Duration) -> Deadline {
    Deadline
}

pub(crate) fn pause(_round: u32) {
    yield_now();
}
