//! What a lane takes from the system: a word that another process changes, locks, time, and the core of a thread.
//!
//! In a module of its own so that the models in `tests/model` can put loom's and shuttle's in its place, and check the
//! very code that runs here.

use std::sync::PoisonError;
use std::time::Duration;

use rustix::thread::futex::{self, Flags};
use rustix::thread::sched_getcpu;
use rustix::time::Timespec;

pub(crate) use std::sync::atomic::{AtomicU32, Ordering};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use std::thread::{ThreadId, sleep};
pub(crate) use std::time::Instant as Deadline;

/// Waits while the word has this value: until it is woken, at the latest until the deadline. May return early.
pub(crate) fn wait(word: &AtomicU32, value: u32, deadline: Option<Deadline>) {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Deadline::now()));
    let timeout = left.map(timespec);
    // Any failure is a reason to look at the word again: it has changed, the time is over, or a signal has arrived.
    let _ = futex::wait(word, Flags::empty(), value, timeout.as_ref());
}

/// The longest that [`wait_a_little`] waits.
const A_LITTLE: Duration = Duration::from_millis(20);

/// As [`wait`], for a thread that has something to look after meanwhile.
pub(crate) fn wait_a_little(word: &AtomicU32, value: u32, deadline: Option<Deadline>) {
    let soon = Deadline::now() + A_LITTLE;
    wait(word, value, Some(deadline.map_or(soon, |deadline| deadline.min(soon))));
}

/// Wakes all who wait for the word.
pub(crate) fn wake(word: &AtomicU32) {
    let _ = futex::wake(word, Flags::empty(), u32::MAX >> 1);
}

/// Whether it is there, and has passed.
pub(crate) fn has_passed(deadline: Option<Deadline>) -> bool {
    deadline.is_some_and(|deadline| Deadline::now() >= deadline)
}

/// Nothing panics while it holds one of these locks, so poisoning is ignored.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a notification. Spurious wake-ups happen.
pub(crate) fn wait_for<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Which thread this is.
pub(crate) fn this_thread() -> ThreadId {
    std::thread::current().id()
}

/// The core on which this thread runs, for now.
pub(crate) fn this_core() -> u32 {
    u32::try_from(sched_getcpu()).unwrap_or(u32::MAX)
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
