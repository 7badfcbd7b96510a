//! One asynchronous call, as its environment and the library's threads see it.

use std::sync::Arc;

use crate::dispatch::{CallState, Cancelled, Job, Phase};
use crate::error::Error;
use crate::lent_memory::LentMemory;
use crate::library::Library;
use crate::request::{Caller, Progress, Report, Request};
use crate::session::Session;
use crate::sync::{Deadline, Mutex, lock};

/// What goes on in a library for an environment, which waits for its end.
pub trait Call: Send + Sync {
    /// Its number in its environment.
    fn id(&self) -> u64;

    /// Whose call it is.
    fn library(&self) -> &'static Library;

    /// Begins. When the call has ended, [`CompletionSink::push`] says so, unless this fails or
    /// [`cancel`](Self::cancel) drops it. Called once.
    fn submit(self: Arc<Self>) -> Result<(), Box<Error>>;

    /// Cancels the call.
    fn cancel(&self) -> Cancelled;

    /// Waits until the call has ended. False if it has not by the deadline.
    fn wait(&self, deadline: Option<Deadline>) -> bool;

    /// Whether a thread has taken the call, and has not ended it.
    fn is_running(&self) -> bool;

    /// Whether the call is over: from here on no thread uses its memory.
    fn has_ended(&self) -> bool;

    /// How far the call is, as the library says.
    fn progress(&self) -> Progress;

    /// What came of the call. Taken once; an aborted call if it was not made, or was cancelled meanwhile.
    fn take_outcome(&self) -> Result<u32, Box<Error>>;
}

/// Where the threads that make an environment's calls report their end.
pub trait CompletionSink: Send + Sync {
    /// A call has ended. Called on the thread that made it, with no lock held.
    fn push(&self, call: Arc<dyn Call>);
}

/// An exchange that a library's thread makes.
pub struct NativeCall {
    pub(crate) id: u64,
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

impl Call for NativeCall {
    fn id(&self) -> u64 {
        self.id
    }

    fn library(&self) -> &'static Library {
        self.session.library()
    }

    fn submit(self: Arc<Self>) -> Result<(), Box<Error>> {
        self.session.use_again();
        let library = self.session.library();
        if library.is_occupied() {
            return Err(library.busy());
        }
        let submitted = library.dispatcher().submit(&(Arc::clone(&self) as Arc<dyn Job>));
        submitted.map_err(|source| library.no_thread(source))
    }

    fn cancel(&self) -> Cancelled {
        self.session.library().dispatcher().cancel(&self.state)
    }

    fn wait(&self, deadline: Option<Deadline>) -> bool {
        self.session.library().dispatcher().wait_for(&self.state, deadline)
    }

    fn is_running(&self) -> bool {
        self.state.is(Phase::Running)
    }

    fn has_ended(&self) -> bool {
        self.state.is(Phase::Ended)
    }

    fn progress(&self) -> Progress {
        self.report.progress()
    }

    fn take_outcome(&self) -> Result<u32, Box<Error>> {
        match lock(&self.outcome).take() {
            Some(outcome) if !self.state.cancel_requested() => outcome,
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
