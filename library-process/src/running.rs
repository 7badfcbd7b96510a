//! Which exchanges run in the program, so that a cancel reaches none that has begun after it.
//!
//! The app counts its cancels, and cancels only when each exchange that runs on its worker threads is to return. By the time
//! that the program has noticed, another one may have begun, which is not meant: so each request says what the count was
//! before it, and `exchange_cancel` is called only if no later one runs, and none of another process of the app. The app
//! repeats a cancel until the exchanges that it was meant for have returned.

use crate::sync::{Mutex, lock};

/// The number of no process: of sources, which are of several.
pub(crate) const NOBODY: u32 = u32::MAX;

#[derive(Default)]
pub(crate) struct Running {
    /// Whose each of them is, and the count of cancels before it.
    calls: Mutex<Vec<(u32, u32)>>,
}

impl Running {
    /// Makes an exchange for a process of the app, before which that had cancelled so often.
    pub(crate) fn run<T>(&self, process: u32, cancels: u32, exchange: impl FnOnce() -> T) -> T {
        let call = (process, cancels);
        lock(&self.calls).push(call);
        let value = exchange();
        let mut calls = lock(&self.calls);
        if let Some(at) = calls.iter().position(|other| *other == call) {
            calls.swap_remove(at);
        }
        value
    }

    /// Calls `exchange_cancel` for the cancel with this number, if exchanges run, and all are that process's, and have begun
    /// before it.
    ///
    /// Under the lock, so that none begins before `exchange_cancel` has returned, which it does at once, by the contract.
    pub(crate) fn cancel(&self, process: u32, number: u32, exchange_cancel: impl FnOnce()) {
        let calls = lock(&self.calls);
        let is_meant = |(of, cancels): &(u32, u32)| *of == process && number.wrapping_sub(*cancels).cast_signed() > 0;
        if !calls.is_empty() && calls.iter().all(is_meant) {
            exchange_cancel();
        }
    }

    /// Calls `exchange_cancel` for the only exchange that runs, if there is one alone, and it is of a source of streams.
    pub(crate) fn cancel_the_only_source(&self, exchange_cancel: impl FnOnce()) {
        let calls = lock(&self.calls);
        if matches!(calls[..], [(NOBODY, _)]) {
            exchange_cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NOBODY, Running};

    #[test]
    fn a_cancel_is_for_exchanges_that_have_begun_before_it() {
        let running = Running::default();
        let reaches = |number| {
            let mut reached = false;
            running.cancel(0, number, || reached = true);
            reached
        };
        assert!(!reaches(1), "none runs");
        running.run(0, 1, || {
            assert!(!reaches(1) && reaches(2));
            running.run(0, 2, || assert!(!reaches(2) && reaches(3), "one of them is later"));
            assert!(reaches(2), "the later one has returned");
            running.run(1, 0, || assert!(!reaches(2), "one of them is another process's"));
        });
        assert!(!reaches(3), "none runs");
        let is_asked = || {
            let mut asked = false;
            running.cancel_the_only_source(|| asked = true);
            asked
        };
        assert!(!is_asked());
        running.run(NOBODY, 0, || {
            assert!(is_asked());
            running.run(0, 1, || assert!(!is_asked()));
        });
        running.run(0, 1, || assert!(!is_asked(), "it is a window's call"));
        running.run(0, u32::MAX, || {
            assert!(!reaches(u32::MAX) && reaches(0), "the count begins again")
        });
    }
}
