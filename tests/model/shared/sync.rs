//! `host/src/sync.rs` for models: the same functions, built on the checker's primitives.
//!
//! There is no clock. A deadline passes when its thread has yielded a number of times, which the checker chooses. A
//! wait with a deadline is one such yield: the caller checks its condition again, as after a notification.

use std::cell::RefCell;
use std::io;
use std::sync::PoisonError;
use std::time::Duration;

#[path = "mutex.rs"]
mod mutex;

use crate::checker;

pub(crate) use crate::checker::{AtomicBool, AtomicU8, AtomicU64, Condvar};
pub(crate) use mutex::{Mutex, MutexGuard, lock};
pub(crate) use std::sync::atomic::Ordering;

/// An index into [`Run::turns`], because it has to be `Copy`.
#[derive(Clone, Copy)]
pub struct Deadline(usize);

/// The state of one execution of a model, whose threads are coroutines of one thread.
#[derive(Default)]
struct Run {
    threads: Vec<checker::Thread>,
    /// How many yields are left until each deadline. `None`: it does not pass.
    turns: Vec<Option<u32>>,
    /// How many deadlines were set that are more than a moment away.
    intervals: u32,
    /// No thread can be started.
    refuses: bool,
}

thread_local! {
    static RUN: RefCell<Run> = RefCell::default();
}

pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    let guard = mutex.0.try_lock().ok()?;
    Some(MutexGuard { mutex, guard })
}

pub(crate) fn wait<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    deadline: Option<Deadline>,
) -> MutexGuard<'a, T> {
    let mutex = guard.mutex;
    let spurious = checker::choose(8) == 7;
    if spurious || deadline.is_some_and(take_turn) {
        drop(guard);
        checker::yield_now();
        return lock(mutex);
    }
    let guard = condvar.wait(guard.guard).unwrap_or_else(PoisonError::into_inner);
    MutexGuard { mutex, guard }
}

pub(crate) fn has_passed(deadline: Option<Deadline>) -> bool {
    deadline.is_some_and(|Deadline(index)| RUN.with_borrow(|run| run.turns[index] == Some(0)))
}

/// Brings a deadline one yield closer. False if it does not pass.
fn take_turn(Deadline(index): Deadline) -> bool {
    RUN.with_borrow_mut(|run| match &mut run.turns[index] {
        Some(turns) => {
            *turns = turns.saturating_sub(1);
            true
        }
        None => false,
    })
}

pub(crate) fn after(duration: Duration) -> Deadline {
    const MOMENT: Duration = Duration::from_millis(1);
    let turns = if duration > MOMENT {
        checker::turns_of_interval(RUN.with_borrow_mut(|run| {
            run.intervals += 1;
            run.intervals
        }))
    } else {
        Some(checker::turns_of_moment())
    };
    set_deadline(turns)
}

/// A deadline that passes after so many yields.
pub(crate) fn after_turns(turns: u32) -> Deadline {
    set_deadline(Some(turns))
}

/// A deadline that does not pass, so that a wait needs a notification.
pub(crate) fn never() -> Deadline {
    set_deadline(None)
}

fn set_deadline(turns: Option<u32>) -> Deadline {
    RUN.with_borrow_mut(|run| {
        run.turns.push(turns);
        Deadline(run.turns.len() - 1)
    })
}

pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    if RUN.with_borrow(|run| run.refuses) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let thread = checker::start(name, run);
    RUN.with_borrow_mut(|run| run.threads.push(thread));
    Ok(())
}

pub(crate) fn sleep(_duration: Duration) {
    for _turn in 0..checker::turns_of_moment() {
        checker::yield_now();
    }
}

pub(crate) fn pause(_round: u32) {
    checker::yield_now();
}

/// Makes [`spawn`] fail, or succeed again.
pub(crate) fn refuse_threads(refuses: bool) {
    RUN.with_borrow_mut(|run| run.refuses = refuses);
}

/// Waits until all threads that were [spawned](spawn) have ended.
pub(crate) fn join_threads() {
    while let Some(thread) = RUN.with_borrow_mut(|run| run.threads.pop()) {
        thread.join().unwrap();
    }
    RUN.take();
}
