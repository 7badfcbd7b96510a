//! The asynchronous calls of an environment, from the promise that is made to the promise that is settled.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use inplace_exchange_host::{self as host, Call, Cancelled, Progress};

use crate::env::completions::LoopHandle;
use crate::env::submission::Submission;
use crate::error::Error;
use crate::js::abort_listener::Subscription;
use crate::js::callback_scope::AsyncContext;
use crate::js::intrinsics::Intrinsics;
use crate::js::lent_buffer::Loan;
use crate::js::reference::Deferred;
use crate::js::scope::Scope;
use crate::js::throw::abort_error;

/// A call whose promise is not settled, or whose memory a thread still has.
struct PendingCall {
    loan: Loan,
    /// The promise, until it is settled.
    deferred: Cell<Option<Deferred>>,
    subscription: Option<Subscription>,
}

/// The asynchronous calls of an environment, for use on its thread.
///
/// - A promise is settled once: when its call has ended, or before, when the environment is closing. An environment that ends
///   without warning, as a Worker that is terminated, takes its promises with it.
/// - Memory is released when its call has ended, and not before.
///
/// No `RefCell` is borrowed while JavaScript may run: it may call back.
pub(crate) struct PendingCalls {
    event_loop: LoopHandle,
    intrinsics: Rc<Intrinsics>,
    next_id: Cell<u64>,
    calls: RefCell<BTreeMap<u64, PendingCall>>,
    /// Calls that are submitted when it is known that the event loop is this environment's.
    held: RefCell<Vec<u64>>,
    /// Made for the first call.
    context: OnceCell<AsyncContext>,
}

impl PendingCalls {
    pub(crate) fn new(event_loop: LoopHandle, intrinsics: Rc<Intrinsics>) -> Self {
        Self {
            event_loop,
            intrinsics,
            next_id: Cell::new(1),
            calls: RefCell::default(),
            held: RefCell::default(),
            context: OnceCell::new(),
        }
    }

    /// A number for a call, which no other call of this environment has or had.
    pub(crate) fn next_id(&self) -> u64 {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        id
    }

    /// Makes what is needed to come back into JavaScript. False if the environment is about to end. Listeners of
    /// `async_hooks` run.
    pub(crate) fn prepare(&self, scope: Scope<'_>) -> bool {
        if self.context.get().is_none()
            && let Some(context) = AsyncContext::new(scope, "exchangeDataAsync")
            && let Err(second) = self.context.set(context)
        {
            second.destroy(scope); // the listeners have made a call
        }
        self.context.get().is_some()
    }

    /// Submits a call, or holds it, and settles its promise when it has ended.
    pub(crate) fn submit(&self, scope: Scope<'_>, submission: Submission, deferred: Deferred, hold: bool) {
        let id = submission.id;
        let (loan, subscription) = submission.into_loan(self.event_loop.completions());
        let call = Arc::clone(loan.call());
        let pending = PendingCall {
            loan,
            deferred: Cell::new(Some(deferred)),
            subscription,
        };
        self.change(|calls| drop(calls.insert(id, pending)));
        if hold {
            self.held.borrow_mut().push(id);
        } else {
            self.dispatch(scope, &call);
        }
    }

    fn dispatch(&self, scope: Scope<'_>, call: &Arc<dyn Call>) {
        let id = call.id();
        if let Err(error) = Arc::clone(call).submit() {
            self.complete(scope, id, Some(error.into()));
        }
    }

    /// Cancels a call: one that is queued ends, and is rejected, at once.
    pub(crate) fn cancel(&self, scope: Scope<'_>, id: u64) {
        if self.call(id).is_some_and(|call| call.cancel() == Cancelled::Dropped) {
            self.complete(scope, id, None);
        }
    }

    /// How far a call is. `None` if it has been settled.
    pub(crate) fn progress(&self, id: u64) -> Option<Progress> {
        self.call(id).map(|call| call.progress())
    }

    fn call(&self, id: u64) -> Option<Arc<dyn Call>> {
        let calls = self.calls.borrow();
        calls.get(&id).map(|pending| Arc::clone(pending.loan.call()))
    }

    /// Submits the calls that were held: the event loop is this environment's.
    pub(crate) fn submit_held(&self, scope: Scope<'_>) {
        for id in self.held.take() {
            if let Some(call) = self.call(id) {
                self.dispatch(scope, &call);
            }
        }
    }

    /// Rejects the calls that were held: nothing could come back to this environment.
    pub(crate) fn refuse_held(&self, scope: Scope<'_>) {
        for id in self.held.take() {
            if self.call(id).is_some_and(|call| call.cancel() == Cancelled::Dropped) {
                self.complete(scope, id, Some(Box::new(Error::ForeignEventLoop)));
            }
        }
    }

    /// Settles the calls that have ended. The current context is this environment's.
    pub(crate) fn drain(&self, scope: Scope<'_>) {
        let Some(context) = self.context.get() else { return };
        let ended = self.event_loop.take();
        if ended.is_empty() {
            return;
        }
        let settle = || ended.iter().for_each(|call| self.complete(scope, call.id(), None));
        if !context.enter(scope, settle) {
            self.event_loop.requeue(ended);
        }
    }

    /// Has the event loop come back to the calls that have ended, if there are any: its context is another environment's.
    pub(crate) fn retry_drain(&self) {
        self.event_loop.requeue(Vec::new());
    }

    /// Has the event loop go round.
    pub(crate) fn wake(&self) {
        self.event_loop.wake();
    }

    /// Changes the list. The event loop is kept alive while there is a call in it.
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<u64, PendingCall>) -> T) -> T {
        let mut calls = self.calls.borrow_mut();
        let was_empty = calls.is_empty();
        let result = change(&mut calls);
        if calls.is_empty() != was_empty {
            self.event_loop.keep_alive(!calls.is_empty());
        }
        result
    }

    /// Takes a call that has ended out of the list, and settles its promise. It has its own outcome, unless it failed before
    /// it was submitted.
    fn complete(&self, scope: Scope<'_>, id: u64, failed: Option<Box<Error>>) {
        let Some(pending) = self.change(|calls| calls.remove(&id)) else {
            return;
        };
        if let Some(deferred) = pending.deferred.take() {
            self.settle(scope, &pending, deferred, failed);
        }
        pending.loan.release(scope);
        if let Some(subscription) = pending.subscription {
            subscription.unsubscribe(scope);
        }
    }

    fn settle(&self, scope: Scope<'_>, pending: &PendingCall, deferred: Deferred, failed: Option<Box<Error>>) {
        let outcome = match failed {
            Some(error) => Err(error),
            None => pending.loan.call().take_outcome().map_err(Box::<Error>::from),
        };
        let buffer = pending.loan.buffer();
        let error = match outcome {
            Ok(count) => {
                let view = buffer.and_then(|buffer| buffer.result_view(scope, &self.intrinsics, count));
                if let Some(view) = view {
                    return deferred.resolve(view);
                }
                scope.take_exception().0
            }
            Err(error) => {
                let created = match (&*error, &pending.subscription) {
                    (Error::Host(aborted), Some(subscription)) if matches!(**aborted, host::Error::Aborted) => {
                        subscription.abort_error(scope)
                    }
                    _ => error.create(scope),
                };
                if let Some(created) = created {
                    let view = buffer.and_then(|buffer| buffer.full_view(scope));
                    created.define_hidden(c"buffer", view);
                }
                created
            }
        };
        scope.take_exception(); // one that is pending would keep the promise from being rejected
        deferred.reject(scope, error);
    }

    /// Cancels all calls, the latest first: a thread that a running call leaves then finds none to begin.
    pub(crate) fn cancel_all(&self, scope: Scope<'_>) {
        for id in self.ids().into_iter().rev() {
            self.cancel(scope, id);
        }
    }

    fn ids(&self) -> Vec<u64> {
        self.calls.borrow().keys().copied().collect()
    }

    /// Settles the calls that have ended without the event loop, which may not run again.
    pub(crate) fn complete_ended(&self, scope: Scope<'_>) {
        for id in self.ids() {
            if self.call(id).is_some_and(|call| call.has_ended()) {
                self.complete(scope, id, None);
            }
        }
    }

    /// Rejects what a thread is still busy with: it will not be settled later, and a promise that is never settled keeps a
    /// whole page in memory.
    pub(crate) fn reject_all(&self, scope: Scope<'_>) {
        let unsettled: Vec<_> = self
            .calls
            .borrow()
            .values()
            .filter_map(|pending| pending.deferred.take())
            .collect();
        for deferred in unsettled {
            deferred.reject(scope, abort_error(scope, None));
        }
    }

    /// Waits until no thread has a call. False if one still has by the deadline.
    pub(crate) fn wait(&self, deadline: Option<std::time::Instant>) -> bool {
        let calls: Vec<_> = self
            .calls
            .borrow()
            .values()
            .map(|pending| Arc::clone(pending.loan.call()))
            .collect();
        calls.iter().all(|call| !call.is_running() || call.wait(deadline))
    }

    /// The environment ends: JavaScript cannot run any more. Waits for the calls that run, however long they do, and
    /// releases all memory.
    pub(crate) fn tear_down(&self, scope: Scope<'_>) {
        let calls = std::mem::take(&mut *self.calls.borrow_mut());
        for pending in calls.values().rev() {
            pending.loan.call().cancel();
        }
        for pending in calls.into_values() {
            pending.loan.call().wait(None);
            pending.loan.release(scope);
            if let Some(subscription) = pending.subscription {
                subscription.forget(scope);
            }
        }
        if let Some(context) = self.context.get() {
            context.destroy(scope);
        }
        self.event_loop.close();
    }
}
