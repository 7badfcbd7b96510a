//! A stream: a library fills one slot of a ring after another, for a reader who needs nobody to ask for them.
//!
//! Each message is an exchange, made where the library's asynchronous calls are made: in a burst, which is one job for the
//! dispatcher. A library that takes one call at a time sees a burst between its other calls, on the same thread; it ends after
//! a millisecond, or when the ring is full, so that the others get their turn. With a library that takes several, it goes on
//! until the stream ends, on a thread that the dispatcher starts for it. A thread of the stream's own submits the bursts, and
//! waits for room in between. A library with `exchange_stream` makes one burst, as long as the stream.
//!
//! What fills the ring is a [`Filler`], here or in the process of the library, if that has the ring's memory as well.

mod broadcast;
mod burst;
mod fill;
mod filler;
mod memory;
mod options;
mod output;
mod push;

use std::sync::Arc;
use std::time::Duration;

use crate::call::{Call, CompletionSink};
use crate::dispatch::{Cancelled, Job};
use crate::error::Error;
use crate::lent_memory::LentMemory;
use crate::library::Library;
use crate::request::Progress;
use crate::ring::Phase;
use crate::session::Session;
use crate::sync::{AtomicBool, Condvar, Deadline, Mutex, Ordering, after, has_passed, lock, pause, wait};
use burst::{Burst, Next, Source};

pub use crate::ring::Policy;
pub use broadcast::Broadcast;
pub use filler::{Filled, Filler, Member, Taker};
pub use options::StreamOptions;

/// How often a stream whose library is in a call looks whether the reader has asked for the end, of which it is not notified.
const STOP_INTERVAL: Duration = Duration::from_millis(20);

/// A stream of an environment: for that a call, which takes long.
pub struct Stream {
    id: u64,
    completions: Arc<dyn CompletionSink>,
    source: Arc<Source>,
    stage: Mutex<Stage>,
    /// Whether it has the library to itself.
    is_alone: AtomicBool,
    /// The stage has changed.
    changed: Condvar,
    outcome: Mutex<Option<Result<u32, Box<Error>>>>,
}

/// How far it is.
enum Stage {
    /// Not submitted.
    Held,
    /// Its thread runs, and has this burst in the library's queue.
    Running(Option<Arc<Burst>>),
    /// Nobody uses its memory any more.
    Ended,
}

impl Stream {
    /// A stream that has not begun. The memory, for which the options [fit](StreamOptions::fit), is used until the call
    /// [has ended](Call::has_ended).
    pub fn new(
        id: u64,
        session: Arc<Session>,
        completions: Arc<dyn CompletionSink>,
        memory: &LentMemory<'static>,
        operation: u32,
        options: StreamOptions,
    ) -> Arc<Self> {
        let performs = session.library().performs();
        let source = Arc::new(Source {
            session,
            filler: Filler::new(memory, operation, performs, options),
            stopping: AtomicBool::new(false),
        });
        Arc::new(Self {
            id,
            completions,
            source,
            stage: Mutex::new(Stage::Held),
            is_alone: AtomicBool::new(false),
            changed: Condvar::new(),
            outcome: Mutex::new(None),
        })
    }

    /// Whether the library makes the messages by itself, and stays inside. It is called once for each of them where its
    /// process has a copy of the memory only.
    fn pushes(&self) -> bool {
        self.library().pushes() && self.source.filler.is_reached_by(self.library())
    }

    /// The stream's thread.
    fn run(self: &Arc<Self>) {
        let filler = &self.source.filler;
        filler.set_phase(Phase::Running);
        let mut outcome = Ok(Next::Burst);
        while let Ok(Next::Burst) = outcome {
            self.wait_for_room();
            outcome = self.make_burst();
        }
        let is_failure = outcome.is_err() && !self.source.is_stopping();
        filler.set_phase(if is_failure { Phase::Failed } else { Phase::Ended });
        // A library that was asked to stop may say that it has failed.
        *lock(&self.outcome) = Some(if is_failure { outcome.map(|_| 0) } else { Ok(0) });
        if self.is_alone.load(Ordering::Relaxed) {
            self.library().set_occupied(false);
        }
        self.set_stage(Stage::Ended); // from here on the memory may be gone
        Arc::clone(&self.completions).push(Arc::clone(self) as Arc<dyn Call>);
    }

    fn wait_for_room(&self) {
        let ring = lock(&self.source.filler.ring);
        for round in 0.. {
            if ring.has_room() || self.source.is_stopping() {
                return;
            }
            pause(round);
        }
    }

    fn make_burst(self: &Arc<Self>) -> Result<Next, Box<Error>> {
        let burst = Burst::of(&self.source);
        self.set_stage(Stage::Running(Some(Arc::clone(&burst))));
        if self.source.is_stopping() {
            return Ok(Next::End); // asked after the burst can be cancelled
        }
        let library = self.library();
        if library.dispatcher().functions().fill_aside() && self.source.filler.is_reached_by(library) {
            burst.run(); // on this thread: no other call is to wait for the end of the stream
            self.set_stage(Stage::Running(None));
            return burst.take_outcome().unwrap_or(Ok(Next::End));
        }
        let submitted = library.dispatcher().submit(&(Arc::clone(&burst) as Arc<dyn Job>));
        submitted.map_err(|source| library.no_thread(source))?;
        while !library.dispatcher().wait_for(burst.state(), Some(after(STOP_INTERVAL))) {
            if self.source.filler.is_stopped() {
                library.dispatcher().cancel(burst.state());
            }
        }
        self.set_stage(Stage::Running(None));
        burst.take_outcome().unwrap_or(Ok(Next::End)) // none if it was cancelled before it began
    }

    fn set_stage(&self, stage: Stage) {
        *lock(&self.stage) = stage;
        self.changed.notify_all();
    }
}

impl Call for Stream {
    fn id(&self) -> u64 {
        self.id
    }

    fn library(&self) -> &'static Library {
        self.source.session.library()
    }

    fn submit(self: Arc<Self>) -> Result<(), Box<Error>> {
        let library = self.library();
        let mut stage = lock(&self.stage);
        if !matches!(*stage, Stage::Held) {
            return Ok(()); // cancelled before it was submitted
        }
        let is_alone = library.is_serial() && self.pushes();
        if library.is_occupied() || is_alone && !library.set_occupied(true) {
            *stage = Stage::Ended;
            return Err(library.busy());
        }
        self.is_alone.store(is_alone, Ordering::Relaxed);
        self.source.session.use_again();
        let stream = Arc::clone(&self);
        let started = library.dispatcher().begin_stream(move || stream.run());
        *stage = if started.is_ok() {
            Stage::Running(None)
        } else {
            Stage::Ended
        };
        if started.is_err() && is_alone {
            library.set_occupied(false);
        }
        started.map_err(|source| library.no_thread(source))
    }

    fn cancel(&self) -> Cancelled {
        if self.source.stopping.swap(true, Ordering::Relaxed) {
            return Cancelled::NoEffect;
        }
        let mut stage = lock(&self.stage);
        let burst = match &*stage {
            Stage::Held => {
                *stage = Stage::Ended;
                return Cancelled::Dropped;
            }
            Stage::Running(burst) => burst.clone(),
            Stage::Ended => return Cancelled::NoEffect,
        };
        drop(stage);
        if let Some(burst) = burst {
            self.library().dispatcher().cancel(burst.state());
        }
        Cancelled::Requested
    }

    fn wait(&self, deadline: Option<Deadline>) -> bool {
        let mut stage = lock(&self.stage);
        while !matches!(*stage, Stage::Ended) {
            if has_passed(deadline) {
                return false;
            }
            stage = wait(&self.changed, stage, deadline);
        }
        true
    }

    fn is_running(&self) -> bool {
        matches!(*lock(&self.stage), Stage::Running(_))
    }

    fn has_ended(&self) -> bool {
        matches!(*lock(&self.stage), Stage::Ended)
    }

    fn progress(&self) -> Progress {
        Progress::default()
    }

    fn take_outcome(&self) -> Result<u32, Box<Error>> {
        match lock(&self.outcome).take() {
            Some(outcome) if !self.source.stopping.load(Ordering::Relaxed) => outcome,
            _ => Err(Box::new(Error::Aborted)),
        }
    }
}

#[cfg(test)]
mod tests;
