//! The dispatcher of a library: a queue of calls and the threads that make them.
//!
//! It guarantees:
//! - Calls are taken in the order in which they were submitted, whichever environment they come from.
//! - Without `EXCHANGE_CONCURRENT` one thread makes all asynchronous calls, and no two threads are inside the library at
//!   once, `exchange_open` and `exchange_close` included. With it up to [`MAX_THREADS`] threads make them.
//! - Each submitted call ends once: it has returned, and its environment is told; or it was cancelled before a thread had
//!   taken it, and whoever cancelled it knows.
//! - A close is made before the next call. Once the library has a thread, that makes it: a library without
//!   `EXCHANGE_CONCURRENT` that is called asynchronously only is entered by one and the same thread, as COM, GL and many
//!   cameras want it.
//!
//! Threads are started when first needed, and stay, but for those that streams needed.
//!
//! One lock for each library. It is not held while the library runs, but for `exchange_cancel`, which returns at once by
//! contract. It is taken while the gate is held; under it the gate is tried and released, but not waited for, and no other
//! lock is taken.

mod canceller;
mod gate;
mod queue;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::functions::Functions;
use crate::sync::{Condvar, Deadline, Mutex, MutexGuard, has_passed, lock, pause, sleep, spawn, try_lock, wait};

pub(crate) use gate::Gate;
pub use queue::Cancelled;
use queue::Queue;
pub(crate) use queue::{CallState, Job, Phase};

/// The most threads of a library that takes several calls at a time.
const MAX_THREADS: usize = 4;

/// How long the thread leaves the gate open after a synchronous call was refused.
const GAP: Duration = Duration::from_millis(1);

pub(crate) struct Dispatcher {
    gate: Gate,
    /// The library takes one call at a time.
    serial: bool,
    functions: Functions,
    queue: Mutex<Queue>,
    /// There is work for a thread.
    work: Condvar,
    /// A call, or a close that was pending, has ended.
    ended: Condvar,
}

impl Dispatcher {
    pub(crate) fn new(functions: Functions, serial: bool) -> Self {
        Self {
            gate: Gate::new(),
            serial,
            functions,
            queue: Mutex::new(Queue::default()),
            work: Condvar::new(),
            ended: Condvar::new(),
        }
    }

    pub(crate) fn functions(&self) -> &Functions {
        &self.functions
    }

    /// What a synchronous call has to take, if the library takes one call at a time.
    pub(crate) fn gate(&self) -> Option<&Gate> {
        self.serial.then_some(&self.gate)
    }

    /// Queues a call, unless it was cancelled before. Fails, and ends the call, if it would have no thread.
    pub(crate) fn submit(&'static self, call: &Arc<dyn Job>) -> io::Result<()> {
        let mut queue = self.lock();
        if !call.state().is(Phase::Queued) {
            return Ok(()); // cancelled before it was submitted
        }
        queue.push(call);
        if let Err(error) = self.start_thread_if_needed(&mut queue) {
            queue.discard(call.state());
            return Err(error);
        }
        let is_awaited = queue.idle > 0;
        drop(queue); // or the thread would wake and find it locked
        if is_awaited {
            self.work.notify_one(); // a system call, so not for a thread that will look by itself
        }
        Ok(())
    }

    /// Cancels a call: one that is queued ends here and now, one that is running when the library lets it.
    pub(crate) fn cancel(&'static self, call: &CallState) -> Cancelled {
        let mut queue = self.lock();
        let cancelled = queue.cancel(call);
        match cancelled {
            Cancelled::Requested => {
                self.cancel_if_all_requested(&queue);
                self.start_canceller(&mut queue);
            }
            Cancelled::Dropped => self.notify_observers(&queue),
            Cancelled::NoEffect => {}
        }
        cancelled
    }

    /// Waits until a call has ended. False if it has not by the deadline.
    pub(crate) fn wait_for(&self, call: &CallState, deadline: Option<Deadline>) -> bool {
        let mut queue = self.lock();
        while !call.is(Phase::Ended) {
            if has_passed(deadline) {
                return false;
            }
            queue = self.wait_for_end(queue, deadline);
        }
        true
    }

    /// Closes the library for a session that has no call in it: by the library's thread, which is waited for until the
    /// deadline, or here if the library has none and is free.
    pub(crate) fn close(&'static self, deadline: Option<Deadline>) {
        if !self.serial {
            self.functions.close();
            return;
        }
        let mut queue = self.lock();
        if queue.threads == 0 && self.gate.try_acquire() {
            drop(queue);
            self.functions.close();
            self.gate.release();
            return;
        }
        let number = queue.request_close();
        // If no thread can be started, the close is left to that of the next call.
        let _ = self.start_thread_if_needed(&mut queue);
        self.work.notify_one();
        while deadline.is_some() && !queue.has_made_close(number) && !has_passed(deadline) {
            queue = self.wait_for_end(queue, deadline);
        }
    }

    /// The process exits: drops what is queued, and waits until no asynchronous call runs and no close is pending, or until
    /// the deadline.
    ///
    /// Without waiting for the lock: a library may have called `exit()` in its `exchange_cancel`.
    pub(crate) fn finish_at_exit(&self, deadline: Deadline) {
        for round in 0.. {
            if let Some(mut queue) = try_lock(&self.queue)
                && queue.drop_all_but_running()
            {
                return;
            }
            if has_passed(Some(deadline)) {
                return;
            }
            pause(round);
        }
    }

    /// Has the threads end when there is nothing left to do: for tests and models. A host's libraries stay loaded, and
    /// their threads stay.
    #[cfg_attr(not(test), expect(dead_code, reason = "for tests and models"))]
    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.work.notify_all();
    }

    /// Starts the thread of a stream. The library may have a thread more meanwhile: it stays in a call as long.
    pub(crate) fn begin_stream(&'static self, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        if !self.lock().add_stream() {
            return Err(io::Error::other("many streams of it run"));
        }
        let end = || {
            self.lock().streams -= 1;
            self.work.notify_all(); // a thread that is one too many may be idle
        };
        spawn("stream", move || {
            run();
            end();
        })
        .inspect_err(|_| end())
    }

    #[cfg(test)]
    pub(crate) fn threads(&self) -> usize {
        self.lock().threads
    }

    fn most_threads(&self, queue: &Queue) -> usize {
        if self.serial { 1 } else { MAX_THREADS + queue.streams }
    }

    /// An idle thread may have been notified of other work already, so the count of what there is to do decides.
    fn start_thread_if_needed(&'static self, queue: &mut Queue) -> io::Result<()> {
        if queue.threads >= self.most_threads(queue) || queue.backlog() <= queue.idle {
            return Ok(());
        }
        match spawn("exchange", || self.run_thread()) {
            Ok(()) => queue.threads += 1,
            Err(error) if queue.threads == 0 => return Err(error),
            Err(_) => {} // the threads there are will do
        }
        Ok(())
    }

    fn run_thread(&self) {
        loop {
            let mut queue = self.lock();
            queue.idle += 1;
            while queue.backlog() == 0 && !queue.stopped && queue.threads <= self.most_threads(&queue) {
                queue = wait(&self.work, queue, None);
            }
            queue.idle -= 1;
            if queue.backlog() == 0 {
                queue.threads -= 1;
                return;
            }
            if self.serial {
                drop(queue);
                self.work_inside_gate();
            } else {
                self.work_concurrently(queue);
            }
        }
    }

    fn work_concurrently(&self, mut queue: MutexGuard<'_, Queue>) {
        let popped = queue.pop();
        drop(queue);
        if let Some(call) = popped {
            call.run();
            self.mark_ended(call.state());
            call.complete();
        }
    }

    /// Makes the closes that are pending, and the next call. The call is taken from the queue only here, inside: until
    /// then it can be cancelled without asking the library.
    fn work_inside_gate(&self) {
        self.gate.acquire();
        self.make_pending_closes();
        let popped = self.lock().pop();
        match popped {
            Some(call) => {
                call.run();
                self.make_pending_closes(); // before the call ends: who waits for it may count on the library being closed
                self.mark_ended(call.state());
                call.complete();
            }
            None => self.gate.release(), // it was cancelled meanwhile
        }
        if self.gate.take_refused() {
            sleep(GAP);
        }
    }

    fn make_pending_closes(&self) {
        let mut queue = self.lock();
        while queue.has_pending_closes() {
            drop(queue);
            self.functions.close();
            queue = self.lock();
            queue.note_close();
            self.notify_observers(&queue);
        }
    }

    fn mark_ended(&self, call: &CallState) {
        let mut queue = self.lock();
        queue.end(call);
        self.cancel_if_all_requested(&queue); // those that are left may all be cancelled
        if self.serial {
            self.gate.release(); // before those who wait are woken: they may have a call or a close to make
        }
        self.notify_observers(&queue);
    }

    fn notify_observers(&self, queue: &Queue) {
        if queue.observers > 0 {
            self.ended.notify_all();
        }
    }

    /// Waits until a call or a pending close has ended, or until the deadline.
    fn wait_for_end<'a>(&self, mut queue: MutexGuard<'a, Queue>, deadline: Option<Deadline>) -> MutexGuard<'a, Queue> {
        queue.observers += 1;
        queue = wait(&self.ended, queue, deadline);
        queue.observers -= 1;
        queue
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

#[cfg(test)]
mod tests;
