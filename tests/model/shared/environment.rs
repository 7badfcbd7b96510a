//! The environments of a model, each as the addon has one: pending promises, a queue of completions that wakes an event
//! loop, and a teardown after which nothing may touch what it lent.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError, Weak};

use crate::abi::{CONCURRENT, SERIAL};
use crate::call::{Call, CompletionSink, NativeCall};
use crate::checker::{Condvar, yield_now};
use crate::dispatch::{Cancelled, Job};
use crate::error::Error;
use crate::lent_memory::LentMemory;
use crate::library::Library;
use crate::loader;
use crate::record::{Behaviour, Record};
use crate::request::Request;
use crate::session::Session;
use crate::sync::{Deadline, Mutex, join_threads, lock, wait};

/// A library and the environments that use it.
pub(crate) struct Model {
    pub(crate) library: &'static Library,
    pub(crate) record: &'static Record,
    environments: RefCell<Vec<Weak<Environment>>>,
}

impl Model {
    /// Runs a scenario with a library that takes one call at a time. Its environments have ended when it returns.
    pub(crate) fn serial(scenario: impl FnOnce(&Self)) {
        Self::run(SERIAL, scenario);
    }

    /// Runs a scenario with a library that takes several calls at a time.
    pub(crate) fn concurrent(scenario: impl FnOnce(&Self)) {
        Self::run(CONCURRENT, scenario);
    }

    fn run(path: &str, scenario: impl FnOnce(&Self)) {
        let library = Library::load(Path::new(path)).unwrap();
        let record = library.symbols().unwrap().record;
        let model = Self {
            library,
            record,
            environments: RefCell::default(),
        };
        scenario(&model);
        library.dispatcher().stop();
        join_threads();
        record.assert_complete();
        for environment in model.environments.into_inner() {
            assert_eq!(environment.strong_count(), 0);
        }
        // SAFETY: the threads have been joined, and the environments are gone, and with them their sessions and calls.
        unsafe { loader::unload_all() };
    }

    /// A new environment, which is gone when the scenario is over.
    pub(crate) fn environment(&self) -> Arc<Environment> {
        let environment = Arc::new(Environment {
            number: self.record.add_environment(),
            record: self.record,
            session: Arc::new(Session::new(self.library)),
            completions: Arc::new(CompletionQueue {
                record: self.record,
                list: Mutex::new(Some(Vec::new())),
                wake: Condvar::new(),
            }),
            pending: std::sync::Mutex::default(),
        });
        self.environments.borrow_mut().push(Arc::downgrade(&environment));
        environment
    }
}

pub(crate) struct Environment {
    number: usize,
    record: &'static Record,
    pub(crate) session: Arc<Session>,
    completions: Arc<CompletionQueue>,
    /// The calls whose promises are not settled, by number. Only the environment's thread locks it.
    pending: std::sync::Mutex<BTreeMap<u64, Arc<NativeCall>>>,
}

impl Environment {
    pub(crate) fn submit(&self, behaviour: Behaviour) -> Arc<NativeCall> {
        self.try_submit(behaviour).unwrap()
    }

    pub(crate) fn try_submit(&self, behaviour: Behaviour) -> Result<Arc<NativeCall>, Box<Error>> {
        let id = self.record.add_call(self.number, behaviour);
        let completions = Arc::clone(&self.completions) as Arc<dyn CompletionSink>;
        let call = NativeCall::new(
            id,
            Arc::clone(&self.session),
            completions,
            LentMemory::of(id),
            Request::default(),
        );
        self.record.note_native(&call);
        Arc::clone(&call).submit().inspect_err(|_| {
            assert!(call.has_ended());
            self.record.reuse_memory(id);
        })?;
        self.record.note_submitted(id);
        self.pending().insert(id, Arc::clone(&call));
        Ok(call)
    }

    pub(crate) fn cancel(&self, call: &NativeCall) -> Cancelled {
        self.record.note_cancel(call.id);
        let cancelled = call.cancel();
        match cancelled {
            Cancelled::Dropped => {
                self.record.note_dropped(call.id);
                self.record.reuse_memory(call.id);
                self.pending().remove(&call.id);
            }
            Cancelled::Requested => self.record.note_requested(call.id),
            Cancelled::NoEffect => {}
        }
        cancelled
    }

    /// Makes a synchronous call. False if the library refuses it.
    pub(crate) fn exchange(&self) -> bool {
        let made = self.session.open().and_then(|()| {
            let id = self.record.add_call(self.number, Behaviour::Returns);
            self.session
                .library()
                .exchange_now(LentMemory::of(id), &Request::default())
        });
        match made {
            Ok(_) => true,
            Err(error) => {
                assert!(
                    matches!(*error, Error::LibraryBusy { .. } | Error::LibraryFailed { .. }),
                    "{error}"
                );
                false
            }
        }
    }

    /// Retries a synchronous call until it is made.
    pub(crate) fn exchange_until_made(&self) {
        while !self.exchange() {
            yield_now();
        }
    }

    /// Waits for completions until all promises are settled.
    pub(crate) fn run_event_loop(&self) {
        while !self.pending().is_empty() {
            self.completions.wait();
            self.drain();
        }
    }

    /// Settles the promises of the calls that are in the queue of completions.
    pub(crate) fn drain(&self) {
        for id in self.completions.drain() {
            self.settle(id);
        }
    }

    fn settle(&self, id: u64) {
        let call = self.pending().remove(&id).expect("a promise is settled once");
        self.record.reuse_memory(id);
        match call.take_outcome().map_err(|error| *error) {
            Ok(_) => assert!(self.record.has_begun(id)),
            Err(Error::Aborted) => assert!(call.state().cancel_requested()),
            Err(Error::LibraryFailed { .. }) => assert!(!self.record.has_begun(id)),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn close(&self, deadline: Option<Deadline>) {
        self.session.close(deadline);
    }

    /// Tears down as the addon's cleanup hook does: shuts the queue of completions, cancels all calls, newest first,
    /// waits for those that run, frees what they were lent, closes the library.
    pub(crate) fn end(&self) {
        *lock(&self.completions.list) = None;
        let calls: Vec<_> = self.pending().values().cloned().collect();
        for call in calls.iter().rev() {
            self.cancel(call);
        }
        let left: Vec<_> = std::mem::take(&mut *self.pending()).into_values().collect();
        for call in &left {
            assert!(call.wait(None));
        }
        for call in &calls {
            self.record.free_memory(call.id);
        }
        self.session.close(None);
    }

    fn pending(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<NativeCall>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The completions of one environment. `None` when that has ended.
struct CompletionQueue {
    record: &'static Record,
    list: Mutex<Option<Vec<u64>>>,
    /// Wakes the event loop.
    wake: Condvar,
}

impl CompletionSink for CompletionQueue {
    fn push(&self, call: Arc<dyn Call>) {
        assert!(call.has_ended());
        self.record.note_completed(call.id());
        if let Some(list) = &mut *lock(&self.list) {
            list.push(call.id());
            self.wake.notify_one();
        }
    }
}

impl CompletionQueue {
    fn wait(&self) {
        let mut list = lock(&self.list);
        while list.as_ref().is_some_and(Vec::is_empty) {
            list = wait(&self.wake, list, None);
        }
    }

    fn drain(&self) -> Vec<u64> {
        lock(&self.list)
            .replace(Vec::new())
            .expect("the environment has not ended")
    }
}
