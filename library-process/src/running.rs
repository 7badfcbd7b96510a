//! Which exchanges run in the program, so that a cancel reaches none that has begun after it.
//!
//! The app counts its cancels, and cancels only when each exchange that runs on its worker threads is to return. By the time
//! that the program has noticed, another one may have begun, which is not meant: so each request says what the count was
//! before it, and `exchange_cancel` is called only if no later one runs. The app repeats a cancel until the exchanges
//! that it was meant for have returned.

use crate::sync::{Mutex, lock};

#[derive(Default)]
pub(crate) struct Running {
    /// The count of cancels before each of them.
    before: Mutex<Vec<u32>>,
}

impl Running {
    /// Makes an exchange, before which there had been so many cancels.
    pub(crate) fn run<T>(&self, cancels: u32, exchange: impl FnOnce() -> T) -> T {
        lock(&self.before).push(cancels);
        let value = exchange();
        let mut before = lock(&self.before);
        if let Some(at) = before.iter().position(|other| *other == cancels) {
            before.swap_remove(at);
        }
        value
    }

    /// Calls `exchange_cancel` for the cancel with this number, if exchanges run, and all have begun before it.
    ///
    /// Under the lock, so that none begins before `exchange_cancel` has returned, which it does at once, by the contract.
    pub(crate) fn cancel(&self, number: u32, exchange_cancel: impl FnOnce()) {
        let before = lock(&self.before);
        let is_earlier = |cancels: &u32| number.wrapping_sub(*cancels).cast_signed() > 0;
        if !before.is_empty() && before.iter().all(is_earlier) {
            exchange_cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Running;

    #[test]
    fn a_cancel_is_for_exchanges_that_have_begun_before_it() {
        let running = Running::default();
        let reaches = |number| {
            let mut reached = false;
            running.cancel(number, || reached = true);
            reached
        };
        assert!(!reaches(1), "none runs");
        running.run(1, || {
            assert!(!reaches(1) && reaches(2));
            running.run(2, || assert!(!reaches(2) && reaches(3), "one of them is later"));
            assert!(reaches(2), "the later one has returned");
        });
        assert!(!reaches(3), "none runs");
        running.run(u32::MAX, || {
            assert!(!reaches(u32::MAX) && reaches(0), "the count begins again")
        });
    }
}
