//! Some messages of a stream on end: one job for the dispatcher.

use std::sync::Arc;
use std::time::Duration;

use super::push::push;
use super::source::{Next, Source};
use crate::dispatch::{CallState, Job};
use crate::error::Error;
use crate::request::{Caller, Progress, Report};
use crate::sync::{Deadline, Mutex, lock, pause};

/// How long a burst may keep the other calls of a library that takes one at a time.
const BURST: Duration = Duration::from_millis(1);

/// How long the reader's next step is looked for before the thread sleeps: about what it costs to sleep and to be woken.
const LOOK: Duration = Duration::from_micros(50);

/// Fills slots until the stream ends, or others want the library's only thread.
pub(super) struct Burst {
    state: CallState,
    source: Arc<Source>,
    report: Report,
    outcome: Mutex<Option<Result<Next, Box<Error>>>>,
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
        let source = &*self.source;
        let library = source.session.library();
        let shares_thread = library.is_serial();
        let mut ring = lock(&source.ring);
        let begun = Deadline::now();
        let (mut full_since, mut rounds) = (None, 0);
        while !self.is_cancelled() {
            let Some(place) = ring.claim() else {
                if full_since.get_or_insert_with(Deadline::now).elapsed() < LOOK {
                    std::hint::spin_loop();
                } else if shares_thread {
                    return Ok(Next::Burst);
                } else {
                    pause(rounds);
                    rounds += 1;
                }
                continue;
            };
            (full_since, rounds) = (None, 0);
            let memory = source.memory.lend(place);
            // SAFETY: the input fits into a slot, whose bytes are lent, and is memory of this process's own.
            unsafe { memory.write(&source.input) };
            match library.exchange(memory, &source.request, self) {
                Ok(length) => ring.publish(place, length, source.time()),
                Err(error) => {
                    ring.abandon(place);
                    return Err(error);
                }
            }
            if shares_thread && begun.elapsed() >= BURST {
                return Ok(Next::Burst);
            }
        }
        Ok(Next::End)
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

impl Job for Burst {
    fn state(&self) -> &CallState {
        &self.state
    }

    fn run(&self) {
        let session = &self.source.session;
        let outcome = session.enter(|| match session.library().stream_function() {
            Some(stream) => push(&self.source, self, stream),
            None => self.fill(),
        });
        *lock(&self.outcome) = Some(outcome);
    }

    fn complete(self: Arc<Self>) {} // the stream's thread waits for it
}
