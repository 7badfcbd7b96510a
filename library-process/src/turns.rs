//! Whose turn it is, where several processes of the app call a library that takes one call at a time.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often one who waits looks whether it is still to wait.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A lock that is given in the order in which it was asked for, so that no process keeps the others waiting.
#[derive(Default)]
pub(crate) struct Turns {
    queue: Mutex<Queue>,
    next: Condvar,
}

#[derive(Default)]
struct Queue {
    /// Who has asked and was not served, in order; the first has the turn.
    waiting: VecDeque<u64>,
    asked: u64,
}

/// The turn, until it is dropped.
pub(crate) struct Turn<'a>(&'a Turns, u64);

impl Turns {
    /// Waits for its turn. `None` if it `gives_up` before, which is asked now and then.
    pub(crate) fn take(&self, gives_up: impl Fn() -> bool) -> Option<Turn<'_>> {
        let mut queue = self.lock();
        let number = queue.asked;
        queue.asked += 1;
        queue.waiting.push_back(number);
        let turn = Turn(self, number);
        while queue.waiting.front() != Some(&number) {
            if gives_up() {
                drop(queue);
                return None; // and the turn leaves the queue
            }
            let waited = self.next.wait_timeout(queue, LOOK_EVERY);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(queue);
        Some(turn)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.waiting.retain(|number| *number != self.1);
        // Otherwise a system call for each turn.
        if !queue.waiting.is_empty() {
            drop(queue);
            self.0.next.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn turns_come_in_the_order_in_which_they_were_asked_for() {
        let turns = Arc::new(Turns::default());
        let first = turns.take(|| true).unwrap();
        let served = Arc::new(Mutex::new(Vec::new()));
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let (turns, served) = (Arc::clone(&turns), Arc::clone(&served));
                let before = turns.lock().waiting.len();
                let others = Arc::clone(&turns);
                let thread = thread::spawn(move || {
                    let _turn = turns.take(|| false);
                    served.lock().unwrap().push(number);
                });
                while others.lock().waiting.len() == before {
                    thread::yield_now();
                }
                thread
            })
            .collect();
        assert!(served.lock().unwrap().is_empty(), "it is the first one's turn");
        drop(first);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*served.lock().unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn who_gives_up_does_not_keep_others_waiting() {
        let turns = Arc::new(Turns::default());
        let first = turns.take(|| true).unwrap();
        let gives_up = Arc::new(AtomicBool::new(false));
        let waits = thread::spawn({
            let (turns, gives_up) = (Arc::clone(&turns), Arc::clone(&gives_up));
            move || turns.take(|| gives_up.load(Ordering::Relaxed)).is_none()
        });
        while turns.lock().waiting.len() == 1 {
            thread::yield_now();
        }
        gives_up.store(true, Ordering::Relaxed);
        assert!(waits.join().unwrap());
        assert_eq!(turns.lock().waiting.len(), 1);
        drop(first);
        assert!(turns.take(|| true).is_some(), "it is free");
    }
}
