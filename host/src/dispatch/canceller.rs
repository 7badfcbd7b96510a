//! The thread that asks a library again: one `exchange_cancel` may come before the call that it is meant for has got far
//! enough to listen.

use std::time::Duration;

use super::{Dispatcher, queue::Queue};
use crate::sync::{MutexGuard, after, has_passed, spawn};

/// How often a library is asked.
const INTERVAL: Duration = Duration::from_millis(25);

impl Dispatcher {
    /// Asks the library to return, if all that run were cancelled.
    ///
    /// Under the lock, so that no call that was not cancelled begins before `exchange_cancel` has returned.
    pub(super) fn cancel_if_all_requested(&self, queue: &Queue) {
        if queue.all_that_run_are_cancelled() {
            self.functions.cancel();
        }
    }

    /// Has the library asked again, until none of the calls that run is cancelled. If no thread can be started it is
    /// asked this once.
    pub(super) fn start_canceller(&'static self, queue: &mut Queue) {
        if self.functions.can_cancel() && !queue.cancelling {
            queue.cancelling = spawn("exchange-cancel", || self.keep_cancelling()).is_ok();
        }
    }

    fn keep_cancelling(&self) {
        let mut queue = self.lock();
        while queue.has_cancelled() {
            queue = self.wait_to_cancel_again(queue);
            self.cancel_if_all_requested(&queue);
        }
        queue.cancelling = false; // under the lock: a call that is cancelled later starts another thread
    }

    fn wait_to_cancel_again<'a>(&self, mut queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        let deadline = after(INTERVAL);
        while queue.has_cancelled() && !has_passed(Some(deadline)) {
            queue = self.wait_for_end(queue, Some(deadline));
        }
        queue
    }
}
