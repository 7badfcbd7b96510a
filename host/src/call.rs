//! One asynchronous call, as the library's threads see it.

use std::sync::Arc;

use crate::dispatch::{CallState, Cancelled, Job, Phase};
use crate::error::Error;
use crate::lent_memory::LentMemory;
use crate::request::{Caller, Progress, Report, Request};
use crate::session::Session;
use crate::sync::{Deadline, Mutex, lock};

/// Where the threads that make an environment's calls report their end.
pub trait CompletionSink: Send + Sync {
    /// A call has ended. Called on the thread that made it, with no lock held.
    fn push(&self, call: Arc<NativeCall>);
}

/// A call that a library's thread makes.
pub struct NativeCall {
    /// Its number in its environment.
    pub id: u64,
    state: CallState,
    session: Arc<Session>,
    completions: Arc<dyn CompletionSink>,
    /// Taken when the call is made.
    memory: Mutex<Option<LentMemory<'static>>>,
    request: Request,
    report: Report,
    outcome: Mutex<Option<Result<u32, Box<Error>>>>,
}

impl NativeCall {
    /// A call that is not queued yet. The memory is used until the call [has ended](Self::has_ended).
    pub fn new(
        id: u64,
        session: Arc<Session>,
        completions: Arc<dyn CompletionSink>,
        memory: LentMemory<'static>,
        request: Request,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            state: CallState::new(),
            session,
            completions,
            memory: Mutex::new(Some(memory)),
            request,
            report: Report::default(),
            outcome: Mutex::new(None),
        })
    }

    /// Queues the call. When it has ended, [`CompletionSink::push`] says so, unless this fails or
    /// [`cancel`](Self::cancel) drops it. Called once.
    pub fn submit(self: &Arc<Self>) -> Result<(), Box<Error>> {
        self.session.use_again();
        let library = self.session.library();
        let job: Arc<dyn Job> = Arc::clone(self) as Arc<dyn Job>;
        let submitted = library.dispatcher().submit(&job);
        submitted.map_err(|source| library.no_thread(source))
    }

    /// Cancels the call.
    pub fn cancel(&self) -> Cancelled {
        self.session.library().dispatcher().cancel(&self.state)
    }

    /// Waits until the call has ended. False if it has not by the deadline.
    pub fn wait(&self, deadline: Option<Deadline>) -> bool {
        self.session.library().dispatcher().wait_for(&self.state, deadline)
    }

    /// Whether a thread has taken the call, and has not ended it.
    pub fn is_running(&self) -> bool {
        self.state.is(Phase::Running)
    }

    /// Whether the call is over: from here on no thread uses its memory.
    pub fn has_ended(&self) -> bool {
        self.state.is(Phase::Ended)
    }

    /// How far the call is, as the library says.
    pub fn progress(&self) -> Progress {
        self.report.progress()
    }

    /// What came of the call. Taken once; an aborted call if it was not made, or was cancelled meanwhile.
    pub fn take_outcome(&self) -> Result<u32, Box<Error>> {
        match lock(&self.outcome).take() {
            Some(outcome) if !self.state.cancel_requested() => outcome,
            _ => Err(Box::new(Error::Aborted)),
        }
    }

    fn exchange(&self) -> Result<u32, Box<Error>> {
        let memory = lock(&self.memory).take();
        match memory {
            // Checked again: opening takes its time.
            Some(memory) if !self.state.cancel_requested() => {
                self.session.library().exchange(memory, &self.request, self)
            }
            _ => Err(Box::new(Error::Aborted)),
        }
    }
}

impl Caller for NativeCall {
    fn is_cancelled(&self) -> bool {
        self.state.cancel_requested()
    }

    fn set_progress(&self, progress: Progress) {
        self.report.set_progress(progress);
    }

    fn set_message(&self, text: Option<String>) {
        self.report.set_message(text);
    }

    fn take_message(&self) -> Option<String> {
        self.report.take_message()
    }
}

impl Job for NativeCall {
    fn state(&self) -> &CallState {
        &self.state
    }

    fn run(&self) {
        let outcome = if self.state.cancel_requested() {
            Err(Box::new(Error::Aborted))
        } else {
            self.session.enter(|| self.exchange())
        };
        *lock(&self.outcome) = Some(outcome);
    }

    fn complete(self: Arc<Self>) {
        Arc::clone(&self.completions).push(self);
    }
}
