//! What a lane takes from elsewhere: a word that another process changes, locks, time, and the core of a thread.
//!
//! In a module of its own so that the models in `tests/model` can put loom's and shuttle's in its place, and check the
//! very code that runs here.

use std::sync::{Arc, PoisonError, Weak};
use std::thread::{self, ThreadId};
use std::time::Duration;

pub(crate) use crate::system::{Bell, this_core};
pub(crate) use std::sync::atomic::{AtomicU32, Ordering};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use std::thread::sleep;
pub(crate) use std::time::Instant as Deadline;

/// Waits while the word has this value: until it is woken, at the latest until the deadline. May return early. One thread
/// of each side waits for a word at a time.
pub(crate) fn wait(word: &AtomicU32, bell: &Bell, value: u32, deadline: Option<Deadline>) {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Deadline::now()));
    bell.wait(word, value, left);
}

/// The longest that [`wait_a_little`] waits.
const A_LITTLE: Duration = Duration::from_millis(20);

/// As [`wait`], for a thread that has something to look after meanwhile.
pub(crate) fn wait_a_little(word: &AtomicU32, bell: &Bell, value: u32, deadline: Option<Deadline>) {
    let soon = Deadline::now() + A_LITTLE;
    wait(
        word,
        bell,
        value,
        Some(deadline.map_or(soon, |deadline| deadline.min(soon))),
    );
}

/// Wakes the other side, after the word was changed.
pub(crate) fn wake(word: &AtomicU32, bell: &Bell) {
    bell.ring(word);
}

/// Wakes this side, for good: the program has ended.
pub(crate) fn wake_here(word: &AtomicU32, bell: &Bell) {
    bell.ring_here(word);
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

/// A thread of this process, which may have ended.
pub(crate) struct Thread {
    id: ThreadId,
    lives: Weak<()>,
}

/// This thread.
pub(crate) fn this_thread() -> Thread {
    thread_local!(static LIVES: Arc<()> = Arc::new(()));
    Thread {
        id: thread::current().id(),
        lives: LIVES.try_with(Arc::downgrade).unwrap_or_default(), // it is about to end
    }
}

impl Thread {
    pub(crate) fn has_ended(&self) -> bool {
        self.lives.strong_count() == 0
    }
}

impl PartialEq for Thread {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}
