//! One asynchronous call, as the thread pool sees it: nothing in here knows of JavaScript.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::library::Library;
use crate::turns::{Attempt, Stage, Turn};

/// The environment that a task came from, for a thread that is not its own.
pub trait Home: Send + Sync {
    /// Which environment it is: no other one of this process has or had the same number.
    fn number(&self) -> u64;

    /// Says that a waiting task can be brought to a thread. Answers whether it was heard: an environment that has ended
    /// does not hear.
    fn turn_has_come(&self, task: Arc<Task>) -> bool;
}

/// A library in one environment, from the first exchange there to the end of the environment.
pub struct Session {
    library: &'static Library,
    usage: Mutex<Usage>,
    /// It is to be closed when the last call has left. Cleared by the next use, before that opens it.
    closing: AtomicBool,
}

#[derive(Default)]
struct Usage {
    open: bool,
    /// How many asynchronous calls of the environment are inside the library.
    inside: usize,
}

impl Session {
    /// Not open yet.
    pub fn new(library: &'static Library) -> Self {
        Self {
            library,
            usage: Mutex::default(),
            closing: AtomicBool::new(false),
        }
    }

    /// The library.
    pub fn library(&self) -> &'static Library {
        self.library
    }

    /// Opens the library, unless that has been done. Its caller is allowed inside it ([`Turns`](crate::turns::Turns)).
    pub fn open(&self) -> Result<(), Box<Error>> {
        self.opened().map(drop)
    }

    /// The lock is held while the library opens: other calls of this environment need it open too.
    fn opened(&self) -> Result<MutexGuard<'_, Usage>, Box<Error>> {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        self.closing.store(false, Ordering::SeqCst);
        if !usage.open {
            self.library.open()?;
            usage.open = true;
        }
        Ok(usage)
    }

    /// Makes an asynchronous call, in a library that is open and stays so meanwhile.
    fn inside<T>(&self, call: impl FnOnce() -> Result<T, Box<Error>>) -> Result<T, Box<Error>> {
        self.opened()?.inside += 1;
        let result = call();
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.inside -= 1;
        if self.closing.load(Ordering::SeqCst) {
            self.close_if_quiet(&mut usage, None);
        }
        result
    }

    /// Closes the library, if it is open: now, or when the last asynchronous call of this environment has left it. After
    /// a deadline it may stay open: when a synchronous call of another environment does not leave it.
    pub fn close(&self, deadline: Option<Instant>) {
        self.closing.store(true, Ordering::SeqCst);
        let mut usage = loop {
            // The lock can be held for long: by a thread on which the library opens, and which then sees `closing`.
            match self.usage.try_lock() {
                Ok(usage) => break usage,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) if deadline.is_some_and(|deadline| Instant::now() > deadline) => return,
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        self.close_if_quiet(&mut usage, deadline);
    }

    fn close_if_quiet(&self, usage: &mut Usage, deadline: Option<Instant>) {
        if usage.inside == 0 {
            self.closing.store(false, Ordering::SeqCst);
            usage.open = usage.open && !self.library.turns().close(deadline);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close(None);
    }
}

/// A call that is to be made on another thread.
pub struct Task {
    /// Its number in its environment.
    pub id: u64,
    pub(crate) turn: Turn,
    session: Arc<Session>,
    home: Arc<dyn Home>,
    data: NonNull<u8>,
    len: usize,
    outcome: Mutex<Option<Result<u32, Box<Error>>>>,
    /// The pool has sent it back.
    sent_back: AtomicBool,
}

// SAFETY: all fields but data are Send and Sync. What data points at is used in `run` alone, which its callers promise to
// call on one thread at a time, and not again once it was made, with the memory lent for that time.
unsafe impl Send for Task {}
// SAFETY: as above.
unsafe impl Sync for Task {}

impl Task {
    /// A call that has not entered. What is lent is said at [`run`](Self::run).
    pub fn new(id: u64, session: Arc<Session>, home: Arc<dyn Home>, data: NonNull<u8>, len: usize) -> Arc<Self> {
        Arc::new(Self {
            id,
            turn: Turn::default(),
            session,
            home,
            data,
            len,
            outcome: Mutex::new(None),
            sent_back: AtomicBool::new(false),
        })
    }

    /// Takes a place among the calls of the library. If it is the first (the answer), it can be brought to the pool; else
    /// its [`Home`] will be told. In the end [`run`](Self::run) or [`forgo`](Self::forgo) is called.
    pub fn enter(self: &Arc<Self>) -> bool {
        self.session.library.turns().enter(self)
    }

    /// As [`enter`](Self::enter), for a call that was sent back.
    pub fn enter_again(self: &Arc<Self>) -> bool {
        self.session.library.turns().enter_again(self)
    }

    /// Says that the pool has been given the call.
    pub fn brought(&self) {
        self.session.library.turns().brought(self);
    }

    /// Makes the call, unless it was asked to stop. It may be [`sent back`](Self::was_sent_back).
    ///
    /// # Safety
    /// - This is called after [`enter`](Self::enter), and again only after it was sent back.
    /// - `data` points at `len` bytes that may be read and written until this returns, and that no other code relies on
    ///   staying unchanged. When `len` is 0 it is only passed on.
    pub unsafe fn run(&self) {
        let library = self.session.library;
        let attempt = library.turns().run(self, || {
            if self.turn.asked() {
                return Err(Box::new(Error::Aborted));
            }
            self.session.inside(|| {
                if self.turn.asked() {
                    return Err(Box::new(Error::Aborted)); // while the library opened
                }
                // SAFETY: the caller's.
                unsafe { library.exchange(self.data.as_ptr(), self.len) }
            })
        });
        let outcome = match attempt {
            Attempt::Made(outcome) => Some(outcome),
            Attempt::Dropped => None,
            Attempt::SentBack => return self.sent_back.store(true, Ordering::Relaxed),
        };
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
    }

    /// Whether the call has to be brought to the pool again. Asked for once, when the pool has done with it.
    pub fn was_sent_back(&self) -> bool {
        self.sent_back.swap(false, Ordering::Relaxed)
    }

    /// In place of [`run`](Self::run): the call will not be made.
    pub fn forgo(&self) {
        self.session.library.turns().forgo(self);
    }

    /// Asks the call to stop: if it has not begun it will not, and if it is running, the library is asked.
    pub fn ask_to_stop(&self) {
        self.session.library.turns().ask_to_stop(self);
    }

    /// Whether it was asked to stop.
    pub fn was_asked_to_stop(&self) -> bool {
        self.turn.asked()
    }

    /// Whether it is inside the library.
    pub fn is_running(&self) -> bool {
        self.turn.is(Stage::Running)
    }

    /// What came of the call. Nothing, if it was not made.
    pub fn outcome(&self) -> Result<u32, Box<Error>> {
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        match outcome {
            Some(outcome) if !self.turn.asked() => outcome,
            _ => Err(Box::new(Error::Aborted)),
        }
    }

    /// Which environment it came from.
    pub(crate) fn home(&self) -> u64 {
        self.home.number()
    }

    pub(crate) fn tell_home(self: Arc<Self>) -> bool {
        Arc::clone(&self.home).turn_has_come(self)
    }
}
