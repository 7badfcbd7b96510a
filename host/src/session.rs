//! A library in one environment, from the first exchange there to the end of the environment: opened before the first
//! call, closed when the environment is done with it.

use crate::error::Error;
use crate::library::Library;
use crate::sync::{Condvar, Deadline, Mutex, MutexGuard, has_passed, lock, wait};

/// A library as one environment uses it.
///
/// - The library is open while a call of this environment is in it.
/// - Each `exchange_open` that was not refused is paired with one `exchange_close`. After [`close`](Self::close) the library
///   is closed as soon as none of the environment's calls is in it, unless the environment uses it once more.
/// - A library may see the next `exchange_open` before an earlier `exchange_close`: it counts them.
///
/// Its lock is not held while the library opens or closes.
pub struct Session {
    library: &'static Library,
    state: Mutex<SessionState>,
    /// Opening has ended.
    open_done: Condvar,
}

#[derive(Default)]
struct SessionState {
    usage: Usage,
    /// How many asynchronous calls of the environment are in the library, or about to open it.
    in_flight: usize,
    /// Set by `close`, reset by the environment's next use.
    close_when_idle: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Usage {
    #[default]
    Closed,
    /// By one thread; others wait for it.
    Opening,
    Open,
}

impl Session {
    /// A session that is not open yet.
    pub fn new(library: &'static Library) -> Self {
        Self {
            library,
            state: Mutex::new(SessionState::default()),
            open_done: Condvar::new(),
        }
    }

    /// The library.
    pub fn library(&self) -> &'static Library {
        self.library
    }

    /// Opens the library for a synchronous call, unless it is open. Refused if the library takes one call at a time and is
    /// in use. Called on the environment's thread, as [`close`](Self::close) is: the two must not race.
    pub fn open(&self) -> Result<(), Box<Error>> {
        let open = || {
            self.use_again();
            self.ensure_open(lock(&self.state)).map(drop)
        };
        match self.library.dispatcher().gate() {
            Some(gate) => gate.try_exclusive(open).unwrap_or_else(|| Err(self.library.busy())),
            None => open(),
        }
    }

    /// The environment uses the library after it may have closed it. On the environment's thread.
    pub(crate) fn use_again(&self) {
        lock(&self.state).close_when_idle = false;
    }

    /// Opens the library, unless it is open. The caller holds the library's gate, if it has one.
    fn ensure_open<'a>(
        &'a self,
        mut state: MutexGuard<'a, SessionState>,
    ) -> Result<MutexGuard<'a, SessionState>, Box<Error>> {
        while state.usage == Usage::Opening {
            state = wait(&self.open_done, state, None);
        }
        if state.usage == Usage::Open {
            return Ok(state);
        }
        state.usage = Usage::Opening;
        drop(state);
        let result = self.library.open();
        state = lock(&self.state);
        state.usage = if result.is_ok() { Usage::Open } else { Usage::Closed };
        self.open_done.notify_all();
        result.map(|()| state)
    }

    /// Makes an asynchronous call in the library, which is open meanwhile. The caller holds the library's gate, if it has
    /// one.
    pub(crate) fn enter<T>(&self, call: impl FnOnce() -> Result<T, Box<Error>>) -> Result<T, Box<Error>> {
        let mut state = lock(&self.state);
        state.in_flight += 1; // before the library opens: a call that leaves meanwhile need not close it
        let opened = self.ensure_open(state).map(drop);
        let result = opened.and_then(|()| call());
        state = lock(&self.state);
        state.in_flight -= 1;
        if state.begin_close_if_idle() {
            drop(state);
            self.library.close();
        }
        result
    }

    /// Closes the library, if it is open: now, or when the last asynchronous call of this environment has left it. If others
    /// are in the library they are waited for until the deadline; the close is made in any case.
    pub fn close(&self, deadline: Option<Deadline>) {
        let mut state = lock(&self.state);
        state.close_when_idle = true;
        // The call that opens the library closes it when it leaves.
        while state.usage == Usage::Opening && deadline.is_some() && !has_passed(deadline) {
            state = wait(&self.open_done, state, deadline);
        }
        if state.begin_close_if_idle() {
            drop(state);
            self.library.dispatcher().close(deadline);
        }
    }
}

impl SessionState {
    /// Whether the caller has to close the library.
    fn begin_close_if_idle(&mut self) -> bool {
        let begins = self.close_when_idle && self.in_flight == 0 && self.usage == Usage::Open;
        if begins {
            self.usage = Usage::Closed;
        }
        begins
    }
}
