//! Some messages of a stream on end: one job for the dispatcher.

use std::sync::Arc;

use super::filler::{Filled, Filler, Taker};
use crate::abi::ReturnValue;
use crate::dispatch::{CallState, Job};
use crate::error::Error;
use crate::request::{Caller, Progress, Report};
use crate::session::Session;
use crate::sync::{AtomicBool, Mutex, Ordering, lock};

/// What a stream's bursts have in common.
pub(super) struct Source {
    pub(super) session: Arc<Session>,
    pub(super) filler: Filler<'static>,
    /// Set when the stream is cancelled.
    pub(super) stopping: AtomicBool,
}

impl Source {
    /// Whether the stream is to end, by its environment's wish or its reader's.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed) || self.filler.is_stopped()
    }
}

/// A turn of a stream, in the library.
pub(super) struct Burst {
    state: CallState,
    source: Arc<Source>,
    report: Report,
    outcome: Mutex<Option<Result<Next, Box<Error>>>>,
}

/// What comes after a burst.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Burst,
    End,
}

impl Burst {
    pub(super) fn of(source: &Arc<Source>) -> Arc<Self> {
        Arc::new(Self {
            state: CallState::new(),
            source: Arc::clone(source),
            report: Report::default(),
            outcome: Mutex::new(None),
        })
    }

    /// What came of it; `None` if it was cancelled before it began.
    pub(super) fn take_outcome(&self) -> Option<Result<Next, Box<Error>>> {
        lock(&self.outcome).take()
    }

    /// Fills slots, inside the library.
    fn fill(&self) -> Result<Next, Box<Error>> {
        let Source { session, filler, .. } = &*self.source;
        let library = session.library();
        let filled = if library.symbols().is_some() {
            filler.fill(library, self)
        } else {
            filler.fill_there(library, self)
        };
        match filled? {
            Filled::More => Ok(Next::Burst),
            Filled::End => Ok(Next::End),
            Filled::Failed(number) => {
                let value = ReturnValue::of(number, filler.slot_len());
                library.outcome_of(value, self).map(|_| Next::End)
            }
        }
    }
}

impl Caller for Burst {
    /// Also if the word by which the reader has asked for the end says something else by now.
    fn is_cancelled(&self) -> bool {
        self.state.cancel_requested() || self.source.is_stopping()
    }

    fn set_progress(&self, _progress: Progress) {}

    fn set_message(&self, text: Option<String>) {
        self.report.set_message(text);
    }

    fn take_message(&self) -> Option<String> {
        self.report.take_message()
    }
}

impl Taker for Burst {
    fn mark(&self, _inside: bool) {} // in this process, nothing limits the time
}

impl Job for Burst {
    fn state(&self) -> &CallState {
        &self.state
    }

    fn run(&self) {
        let outcome = self.source.session.enter(|| self.fill());
        *lock(&self.outcome) = Some(outcome);
    }

    fn complete(self: Arc<Self>) {} // the stream's thread waits for it
}
