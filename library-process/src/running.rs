//! Which exchanges run in the program, so that a cancel reaches none that has begun after it.
//!
//! The app counts its cancels, and cancels only when each exchange that runs on its worker threads is to return. By the time
//! that the program has noticed, another one may have begun, which is not meant: so each request says what the count was
//! before it, and `exchange_cancel` is called only if no later one runs, and none that another process of the app wants. The app
//! repeats a cancel until the exchanges that it was meant for have returned.

use std::sync::Arc;

use crate::sync::{Mutex, lock};

/// Whether no stream wants the messages of a source any more.
pub(crate) type IsLeft = Arc<dyn Fn() -> bool + Send + Sync>;

#[derive(Default)]
pub(crate) struct Running(Mutex<State>);

#[derive(Default)]
struct State {
    calls: Vec<(u64, Call)>,
    next: u64,
    /// Processes of the app that have ended, whose calls may run.
    ended: Vec<u32>,
}

enum Call {
    /// Of a process, and the count of cancels before it.
    Of(u32, u32),
    /// Of a source of streams, which may be of several.
    Source(IsLeft),
}

impl Running {
    /// Makes an exchange for a process of the app, before which that had cancelled so often.
    pub(crate) fn run<T>(&self, process: u32, cancels: u32, exchange: impl FnOnce() -> T) -> T {
        self.run_call(Call::Of(process, cancels), exchange)
    }

    /// Makes one for a source.
    pub(crate) fn run_source<T>(&self, is_left: IsLeft, exchange: impl FnOnce() -> T) -> T {
        self.run_call(Call::Source(is_left), exchange)
    }

    fn run_call<T>(&self, call: Call, exchange: impl FnOnce() -> T) -> T {
        let mut state = lock(&self.0);
        let number = state.next;
        state.next += 1;
        state.calls.push((number, call));
        drop(state);
        let value = exchange();
        lock(&self.0).calls.retain(|(other, _)| *other != number);
        value
    }

    /// Calls `exchange_cancel` for the cancel with this number, if exchanges run, and all are that process's, and have begun
    /// before it, or nobody wants them.
    ///
    /// Under the lock, so that none begins before `exchange_cancel` has returned, which it does at once, by the contract.
    pub(crate) fn cancel(&self, process: u32, number: u32, exchange_cancel: impl FnOnce()) {
        let is_before = |cancels: u32| number.wrapping_sub(cancels).cast_signed() > 0;
        let is_meant = |call: &Call| matches!(call, Call::Of(of, cancels) if *of == process && is_before(*cancels));
        self.cancel_if_all(is_meant, exchange_cancel);
    }

    /// Calls `exchange_cancel` if exchanges run, and nobody wants any of them.
    pub(crate) fn cancel_unwanted(&self, exchange_cancel: impl FnOnce()) {
        self.cancel_if_all(|_| false, exchange_cancel);
    }

    fn cancel_if_all(&self, is_meant: impl Fn(&Call) -> bool, exchange_cancel: impl FnOnce()) {
        let state = lock(&self.0);
        let is_unwanted = |call: &Call| match call {
            Call::Of(process, _) => state.ended.contains(process),
            Call::Source(is_left) => is_left(),
        };
        let all = |(_, call): &(u64, Call)| is_meant(call) || is_unwanted(call);
        if !state.calls.is_empty() && state.calls.iter().all(all) {
            exchange_cancel();
        }
    }

    /// Nobody wants the calls of a process any more, which has ended, until this is undone.
    pub(crate) fn set_ended(&self, process: u32, ended: bool) {
        let mut state = lock(&self.0);
        state.ended.retain(|other| *other != process);
        state.ended.extend(ended.then_some(process));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Running;

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
            running.cancel_unwanted(|| asked = true);
            asked
        };
        assert!(!is_asked());
        running.run_source(Arc::new(|| false), || assert!(!is_asked(), "it is wanted"));
        running.run_source(Arc::new(|| true), || {
            assert!(is_asked());
            running.run_source(Arc::new(|| true), || assert!(is_asked()));
            running.run(0, 1, || {
                assert!(!is_asked(), "a window's call");
                assert!(!reaches(1) && reaches(2), "or that is all");
                running.set_ended(0, true);
                assert!(is_asked());
                running.run(1, 0, || assert!(!is_asked()));
                running.set_ended(0, false);
            });
        });
        running.run(0, u32::MAX, || {
            assert!(!reaches(u32::MAX) && reaches(0), "the count begins again")
        });
    }
}
