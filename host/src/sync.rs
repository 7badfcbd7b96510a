//! What the dispatcher takes from the system: locks, atomics, threads and time.
//!
//! In a module of its own so that the models in `tests/model` can put loom's and shuttle's in its place, and check the
//! very code that runs here.

use std::cell::Cell;
use std::io;
use std::sync::{PoisonError, TryLockError};
use std::time::Duration;

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
pub use std::time::Instant as Deadline;

/// The stack of a library's thread, in bytes: what Linux and macOS give a main thread.
const STACK_SIZE: usize = 8 << 20;

/// Nothing panics while it holds one of these locks, so poisoning is ignored.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `None` if another thread, or this one, has it locked.
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Waits for a notification, or until the deadline. Spurious wake-ups happen.
pub(crate) fn wait<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    deadline: Option<Deadline>,
) -> MutexGuard<'a, T> {
    match deadline {
        None => condvar.wait(guard).unwrap_or_else(PoisonError::into_inner),
        Some(deadline) => {
            let left = deadline.saturating_duration_since(Deadline::now());
            let (guard, _timed_out) = condvar
                .wait_timeout(guard, left)
                .unwrap_or_else(PoisonError::into_inner);
            guard
        }
    }
}

pub(crate) fn has_passed(deadline: Option<Deadline>) -> bool {
    deadline.is_some_and(|deadline| Deadline::now() >= deadline)
}

/// A time from now.
pub(crate) fn after(duration: Duration) -> Deadline {
    Deadline::now() + duration
}

thread_local! {
    static IS_DISPATCH_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread was started by [`spawn`].
pub(crate) fn is_dispatch_thread() -> bool {
    IS_DISPATCH_THREAD.get()
}

/// Starts a thread that is never joined.
pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new()
        .name(name.into())
        .stack_size(STACK_SIZE)
        .spawn(|| {
            IS_DISPATCH_THREAD.set(true);
            run();
        })
        .map(drop)
}

pub(crate) fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}

/// Waits a little, in a loop that looks at something which is not notified: at first for the time of a short exchange,
/// later for that of a clock tick.
pub(crate) fn pause(round: u32) {
    const SHORTEST: Duration = Duration::from_micros(20);
    const LONGEST: Duration = Duration::from_millis(1);
    sleep(LONGEST.min(SHORTEST * (1 << round.min(8))));
}
