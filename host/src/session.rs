//! A library in one environment, from the first exchange there to the end of the environment: opened before the first
//! call, closed when the environment is done with it.

use crate::error::Error;
use crate::library::Library;
use crate::sync::{Condvar, Deadline, Mutex, MutexGuard, has_passed, lock, wait};

/// A library as one environment uses it.
///
/// - The library is open while a call of this environment is in it.
/// - Each `exchange_open` that was not refused is paired with one `exchange_close`, at the latest by
///   [`close`](Self::close) after the last call.
///
/// Its lock is not held while the library opens or closes.
pub struct Session {
    library: &'static Library,
    state: Mutex<SessionState>,
    /// Opening has ended.
    opened: Condvar,
}

#[derive(Default)]
struct SessionState {
    usage: Usage,
    /// How many asynchronous calls of the environment are in the library.
    in_flight: usize,
    /// To be closed when the last of them has left. The next use takes it back.
    closing: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Usage {
    #[default]
    Closed,
    /// On one thread; others wait for it.
    Opening,
    Open,
}

impl Session {
    /// A session that is not open yet.
    pub fn new(library: &'static Library) -> Self {
        Self {
            library,
            state: Mutex::new(SessionState::default()),
            opened: Condvar::new(),
        }
    }

    /// The library.
    pub fn library(&self) -> &'static Library {
        self.library
    }

    /// Opens the library for a synchronous call, unless it is open. Refused if the library takes one call at a time and is
    /// in use. On the thread that calls [`close`](Self::close).
    pub fn open(&self) -> Result<(), Box<Error>> {
        let open = || self.opened().map(drop);
        match self.library.dispatcher().gate() {
            Some(gate) => gate.try_exclusive(open).unwrap_or_else(|| Err(self.library.busy())),
            None => open(),
        }
    }

    /// Opens the library, unless it is open. The caller holds the library's gate, if it has one.
    fn opened(&self) -> Result<MutexGuard<'_, SessionState>, Box<Error>> {
        let mut state = lock(&self.state);
        state.closing = false;
        while state.usage == Usage::Opening {
            state = wait(&self.opened, state, None);
        }
        if state.usage == Usage::Open {
            return Ok(state);
        }
        state.usage = Usage::Opening;
        drop(state);
        let result = self.library.open();
        state = lock(&self.state);
        state.usage = if result.is_ok() { Usage::Open } else { Usage::Closed };
        self.opened.notify_all();
        result.map(|()| state)
    }

    /// Enters the library for an asynchronous call. It stays open until that leaves.
    pub(crate) fn enter(&self) -> Result<(), Box<Error>> {
        self.opened()?.in_flight += 1;
        Ok(())
    }

    /// The asynchronous call has left. The caller still holds the library's gate, if it has one.
    pub(crate) fn leave(&self) {
        let mut state = lock(&self.state);
        state.in_flight -= 1;
        if state.closing && state.take_open() {
            drop(state);
            self.library.close();
        }
    }

    /// Closes the library, if it is open: now, or when the last asynchronous call of this environment has left it. Waits
    /// until the deadline for whoever is in the library, and not at all without one; the close is made in any case.
    pub fn close(&self, deadline: Option<Deadline>) {
        let mut state = lock(&self.state);
        state.closing = true;
        // The thread that opens sees `closing` when its call leaves.
        while state.usage == Usage::Opening && deadline.is_some() && !has_passed(deadline) {
            state = wait(&self.opened, state, deadline);
        }
        if state.take_open() {
            drop(state);
            self.library.dispatcher().close(deadline);
        }
    }
}

impl SessionState {
    /// Whether the caller has to close the library.
    fn take_open(&mut self) -> bool {
        let last = self.in_flight == 0 && self.usage == Usage::Open;
        if last {
            self.closing = false;
            self.usage = Usage::Closed;
        }
        last
    }
}
