//! One asynchronous call, as the thread pool sees it: nothing in here knows of JavaScript.

use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;
use crate::library::Library;
use crate::turns::{Stage, Turn};

/// The environment that a task came from, for a thread that is not its own.
pub(crate) trait Home: Send + Sync {
    /// Says that the turn of a waiting task has come. Answers whether it was heard: an environment that has ended does
    /// not hear.
    fn turn_has_come(&self, task: Arc<Task>) -> bool;
}

/// A library in one environment, from the first exchange there to the end of the environment.
pub(crate) struct Session {
    library: &'static Library,
    open: Mutex<bool>,
}

impl Session {
    pub(crate) fn new(library: &'static Library) -> Self {
        Self {
            library,
            open: Mutex::new(false),
        }
    }

    pub(crate) fn library(&self) -> &'static Library {
        self.library
    }

    /// Opens the library, unless that has been done. Its caller is allowed inside it ([`Turns`](crate::turns::Turns)).
    pub(crate) fn open(&self) -> Result<(), Box<Error>> {
        // Held while the library opens: other calls of this environment need it open too.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !*open {
            self.library.open()?;
            *open = true;
        }
        Ok(())
    }

    /// Closes the library, if it is open. None of the environment's calls is inside it.
    pub(crate) fn close(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut *open) {
            self.library.turns().close();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close();
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

    /// Takes a place among the calls of the library. If its turn has come (the answer), [`run`](Self::run) or
    /// [`forgo`](Self::forgo) must be called; else its [`Home`] will hear.
    pub(crate) fn enter(self: &Arc<Self>) -> bool {
        self.session.library.turns().enter(self)
    }

    /// Makes the call, unless it was asked to stop.
    ///
    /// # Safety
    /// - The turn has come, and this is called once.
    /// - `data` points at `len` bytes that may be read and written until this returns, and that no other code relies on
    ///   staying unchanged. When `len` is 0 it is only passed on.
    pub(crate) unsafe fn run(&self) {
        let library = self.session.library;
        let outcome = library.turns().run(&self.turn, || {
            self.session.open()?;
            if self.turn.asked() {
                return Err(Box::new(Error::Aborted)); // while the library opened
            }
            // SAFETY: the caller's.
            unsafe { library.exchange(self.data.as_ptr(), self.len) }
        });
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
    }

    /// In place of [`run`](Self::run): the call will not be made.
    pub(crate) fn forgo(&self) {
        self.session.library.turns().forgo(&self.turn);
    }

    /// Asks the call to stop: if its turn has not come it is over at once (the answer); if it is running, the library
    /// is asked.
    pub(crate) fn ask_to_stop(self: &Arc<Self>) -> bool {
        self.session.library.turns().ask_to_stop(self)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.turn.is(Stage::Running)
    }

    pub(crate) fn library(&self) -> &'static Library {
        self.session.library
    }

    /// Asks again, if the call was asked before.
    pub(crate) fn ask_again(&self) {
        if self.turn.asked() {
            self.session.library.turns().ask_again();
        }
    }

    /// What came of the call. Nothing, if it was not made.
    pub(crate) fn outcome(&self) -> Result<u32, Box<Error>> {
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        match outcome {
            Some(outcome) if !self.turn.asked() => outcome,
            _ => Err(Box::new(Error::Aborted)),
        }
    }

    pub(crate) fn tell_home(self: Arc<Self>) -> bool {
        Arc::clone(&self.home).turn_has_come(self)
    }
}
