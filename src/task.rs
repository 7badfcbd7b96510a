//! One asynchronous call, as the thread pool sees it: nothing in here knows of JavaScript.

use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Error;
use crate::library::Library;
use crate::turns::{Stage, Turn};

/// The environment that a task came from, for a thread that is not its own.
pub(crate) trait Home: Send + Sync {
    /// Says that a waiting task can be brought to a thread. Answers whether it was heard: an environment that has ended
    /// does not hear.
    fn turn_has_come(&self, task: Arc<Task>) -> bool;
}

/// A library in one environment, from the first exchange there to the end of the environment.
pub(crate) struct Session {
    library: &'static Library,
    usage: Mutex<Use>,
}

#[derive(Default)]
struct Use {
    open: bool,
    /// How many asynchronous calls of the environment are inside the library.
    inside: usize,
    /// It is to be closed when the last of them has left.
    closing: bool,
}

impl Session {
    pub(crate) fn new(library: &'static Library) -> Self {
        Self {
            library,
            usage: Mutex::default(),
        }
    }

    pub(crate) fn library(&self) -> &'static Library {
        self.library
    }

    /// Opens the library, unless that has been done. Its caller is allowed inside it ([`Turns`](crate::turns::Turns)).
    pub(crate) fn open(&self) -> Result<(), Box<Error>> {
        self.opened().map(drop)
    }

    /// The lock is held while the library opens: other calls of this environment need it open too.
    fn opened(&self) -> Result<MutexGuard<'_, Use>, Box<Error>> {
        let mut usage = self.lock();
        if !usage.open {
            self.library.open()?;
            usage.open = true;
        }
        usage.closing = false;
        Ok(usage)
    }

    /// Makes an asynchronous call, in a library that is open and stays so meanwhile.
    fn inside<T>(&self, call: impl FnOnce() -> Result<T, Box<Error>>) -> Result<T, Box<Error>> {
        self.opened()?.inside += 1;
        let result = call();
        let mut usage = self.lock();
        usage.inside -= 1;
        if usage.closing {
            self.close_if_quiet(&mut usage, None);
        }
        result
    }

    /// Closes the library, if it is open: now, or when the last asynchronous call of this environment has left it. With
    /// `patience` it may stay open, when a synchronous call of another environment does not leave it for so long.
    pub(crate) fn close(&self, patience: Option<Duration>) {
        self.close_if_quiet(&mut self.lock(), patience);
    }

    fn close_if_quiet(&self, usage: &mut Use, patience: Option<Duration>) {
        usage.closing = usage.inside > 0;
        if usage.open && !usage.closing {
            usage.open = !self.library.turns().close(patience);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Use> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close(None);
    }
}

/// A call that is to be made on another thread.
pub(crate) struct Task {
    /// Its number in its environment.
    pub(crate) id: u64,
    pub(crate) turn: Turn,
    session: Arc<Session>,
    home: Arc<dyn Home>,
    data: NonNull<u8>,
    len: usize,
    outcome: Mutex<Option<Result<u32, Box<Error>>>>,
}

// SAFETY: all fields but data are Send and Sync. What data points at is used in `run` alone, which whoever makes a task
// promises to call once, with the memory lent for that time.
unsafe impl Send for Task {}
// SAFETY: as above.
unsafe impl Sync for Task {}

impl Task {
    pub(crate) fn new(id: u64, session: Arc<Session>, home: Arc<dyn Home>, data: NonNull<u8>, len: usize) -> Arc<Self> {
        Arc::new(Self {
            id,
            turn: Turn::default(),
            session,
            home,
            data,
            len,
            outcome: Mutex::new(None),
        })
    }

    /// Takes a place among the calls of the library. If it is the first (the answer), it can be brought to a thread; else
    /// its [`Home`] will be told. In the end [`run`](Self::run) or [`forgo`](Self::forgo) is called.
    pub(crate) fn enter(self: &Arc<Self>) -> bool {
        self.session.library.turns().enter(self)
    }

    /// Makes the call, unless it was asked to stop.
    ///
    /// # Safety
    /// - This is called once, after [`enter`](Self::enter).
    /// - `data` points at `len` bytes that may be read and written until this returns, and that no other code relies on
    ///   staying unchanged. When `len` is 0 it is only passed on.
    pub(crate) unsafe fn run(&self) {
        let library = self.session.library;
        let outcome = library.turns().run(self, || {
            self.session.inside(|| {
                if self.turn.asked() {
                    return Err(Box::new(Error::Aborted)); // while the library opened
                }
                // SAFETY: the caller's.
                unsafe { library.exchange(self.data.as_ptr(), self.len) }
            })
        });
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
    }

    /// In place of [`run`](Self::run): the call will not be made.
    pub(crate) fn forgo(&self) {
        self.session.library.turns().forgo(self);
    }

    /// Asks the call to stop: if it has not begun it will not, and if it is running, the library is asked.
    pub(crate) fn ask_to_stop(&self) {
        self.session.library.turns().ask_to_stop(self);
    }

    pub(crate) fn is_running(&self) -> bool {
        self.turn.is(Stage::Running)
    }

    /// What came of the call. Nothing, if it was not made.
    pub(crate) fn outcome(&self) -> Result<u32, Box<Error>> {
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        match outcome {
            Some(outcome) if !self.turn.asked() => outcome,
            _ => Err(Box::new(Error::Aborted)),
        }
    }

    /// Which environment it came from.
    pub(crate) fn home(&self) -> usize {
        Arc::as_ptr(&self.home).addr()
    }

    pub(crate) fn tell_home(self: Arc<Self>) -> bool {
        Arc::clone(&self.home).turn_has_come(self)
    }
}
