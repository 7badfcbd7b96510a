//! What the threads of one library share under its lock: the calls that wait, in order, and how many run.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::sync::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// A call, as the dispatcher sees it.
pub(crate) trait Job: Send + Sync {
    /// Its place in the queue.
    fn state(&self) -> &CallState;

    /// Makes the call, on a thread that may be inside the library.
    fn run(&self);

    /// Tells the call's environment that it has ended. No lock is held.
    fn complete(self: Arc<Self>);
}

/// Where a call is. It changes only under the lock of its library's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// No thread has taken it. It need not be submitted yet.
    Queued,
    /// A thread has taken it: the library is being opened for it, or has it, or is being closed after it.
    Running,
    /// It has returned, or will not be made.
    Ended,
}

/// A call's place in the queue.
pub(crate) struct CallState {
    phase: AtomicU8,
    ticket: AtomicU64,
    cancel_requested: AtomicBool,
}

impl CallState {
    pub(crate) fn new() -> Self {
        Self {
            phase: AtomicU8::new(Phase::Queued as u8),
            ticket: AtomicU64::new(u64::MAX), // until it is submitted: no other call's
            cancel_requested: AtomicBool::new(false),
        }
    }

    pub(crate) fn is(&self, phase: Phase) -> bool {
        self.phase.load(Ordering::Acquire) == phase as u8
    }

    fn set(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    pub(crate) fn cancel_requested(&self) -> bool {
        self.cancel_requested.load(Ordering::Relaxed)
    }
}

/// What a request to cancel a call has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// The call was queued, and will not be made. It has ended.
    Dropped,
    /// The call is running; the library is asked to return.
    Requested,
    /// It had ended, or was cancelled before.
    NoEffect,
}

#[derive(Default)]
pub(crate) struct Queue {
    /// By ticket. Ordered, so that one of many can be taken out without a search.
    waiting: BTreeMap<u64, Arc<dyn Job>>,
    next_ticket: u64,
    running: usize,
    /// How many of those that run are cancelled.
    running_cancelled: usize,
    /// How many closes the thread was asked to make. They go before calls: no library stays open behind a long queue.
    closes_requested: u64,
    closes_made: u64,
    pub(super) threads: usize,
    /// How many of them wait for work.
    pub(super) idle: usize,
    /// How many streams run.
    pub(super) streams: usize,
    /// How many threads wait for the end of a call or a close.
    pub(super) observers: usize,
    /// A thread calls `exchange_cancel` from time to time.
    pub(super) cancelling: bool,
    pub(super) stopped: bool,
}

impl Queue {
    pub(super) fn push(&mut self, call: &Arc<dyn Job>) {
        call.state().ticket.store(self.next_ticket, Ordering::Relaxed);
        self.waiting.insert(self.next_ticket, Arc::clone(call));
        self.next_ticket += 1;
    }

    /// The call that has waited longest. It runs from here on.
    pub(super) fn pop(&mut self) -> Option<Arc<dyn Job>> {
        let (_ticket, call) = self.waiting.pop_first()?;
        call.state().set(Phase::Running);
        self.running += 1;
        Some(call)
    }

    /// Takes a call out that waits.
    pub(super) fn discard(&mut self, call: &CallState) {
        self.waiting.remove(&call.ticket.load(Ordering::Relaxed));
        call.set(Phase::Ended);
    }

    pub(super) fn end(&mut self, call: &CallState) {
        call.set(Phase::Ended);
        self.running -= 1;
        self.running_cancelled -= usize::from(call.cancel_requested());
    }

    pub(super) fn cancel(&mut self, call: &CallState) -> Cancelled {
        if call.is(Phase::Ended) || call.cancel_requested.swap(true, Ordering::Relaxed) {
            return Cancelled::NoEffect;
        }
        if call.is(Phase::Queued) {
            self.discard(call);
            return Cancelled::Dropped;
        }
        self.running_cancelled += 1;
        Cancelled::Requested
    }

    /// A library cannot be told which of its calls is meant, so it is asked when all that run are.
    pub(super) fn all_that_run_are_cancelled(&self) -> bool {
        self.running_cancelled > 0 && self.running_cancelled == self.running
    }

    pub(super) fn has_cancelled(&self) -> bool {
        self.running_cancelled > 0
    }

    /// Asks the thread for a close, and gives its number.
    pub(super) fn request_close(&mut self) -> u64 {
        self.closes_requested += 1;
        self.closes_requested
    }

    pub(super) fn has_pending_closes(&self) -> bool {
        self.closes_made < self.closes_requested
    }

    pub(super) fn note_close(&mut self) {
        self.closes_made += 1;
    }

    pub(super) fn has_made_close(&self, number: u64) -> bool {
        self.closes_made >= number
    }

    /// Drops what is queued, without telling its environments. Whether nothing is left that a thread has to do.
    pub(super) fn drop_all_but_running(&mut self) -> bool {
        while let Some((_ticket, call)) = self.waiting.pop_first() {
            call.state().set(Phase::Ended);
        }
        self.running == 0 && !self.has_pending_closes()
    }

    /// Counts a stream, unless there are as many as there may be: each has a thread.
    pub(super) fn add_stream(&mut self) -> bool {
        const MOST: usize = 64;
        let has_room = self.streams < MOST;
        self.streams += usize::from(has_room);
        has_room
    }

    /// How many threads it takes to begin at once with all that is to be done.
    pub(super) fn backlog(&self) -> usize {
        self.waiting.len() + usize::from(self.has_pending_closes())
    }
}
