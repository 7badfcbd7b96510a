//! The libraries that an environment uses, and what its functions are bound to.

use std::cell::{Cell, OnceCell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use inplace_exchange_host::{InPlace, LentMemory, Library, Performs, Request, Session};

use crate::error::Error;

/// The libraries of an environment. They are closed when it has ended.
#[derive(Default)]
pub(crate) struct Libraries {
    /// One for each source, at an address that stays: functions point at it.
    bindings: RefCell<Vec<Rc<Binding>>>,
    sessions: Rc<Sessions>,
}

impl Libraries {
    /// The binding of an operation of a library, with its number: always the same one, so that opening it again costs no
    /// memory. It lives as long as this. 0 is no operation, and one that is not is the library's.
    pub(crate) fn bind(&self, source: Source, operation: u32) -> (u32, Rc<Binding>) {
        let mut bindings = self.bindings.borrow_mut();
        let known = bindings
            .iter()
            .position(|binding| binding.source == source && binding.operation == operation);
        let index = known.unwrap_or_else(|| {
            bindings.push(Rc::new(Binding {
                in_place: Cell::new(None),
                performs: Cell::new(None),
                source,
                operation,
                session: OnceCell::new(),
                sessions: Rc::clone(&self.sessions),
            }));
            bindings.len() - 1
        });
        (u32::try_from(index).unwrap_or(u32::MAX), Rc::clone(&bindings[index]))
    }

    /// The binding of a number.
    pub(crate) fn binding(&self, number: u32) -> Option<Rc<Binding>> {
        self.bindings.borrow().get(number as usize).map(Rc::clone)
    }

    /// Says that the environment is about to end: what is opened from here on is closed again at once.
    pub(crate) fn begin_closing(&self) {
        self.sessions.closing.set(true);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.sessions.closing.get()
    }

    /// Closes them. The next exchange opens them again. A library that is in use is waited for until the deadline, and
    /// closed later if that has passed.
    pub(crate) fn close(&self, deadline: Instant) {
        for binding in self.bindings.borrow().iter() {
            binding.in_place.set(None);
            binding.performs.set(None);
        }
        for session in self.sessions.all.borrow().iter() {
            session.close(Some(deadline));
        }
    }
}

/// The libraries that were loaded, each once.
#[derive(Default)]
struct Sessions {
    all: RefCell<Vec<Arc<Session>>>,
    closing: Cell<bool>,
}

impl Sessions {
    fn of(&self, library: &'static Library) -> Arc<Session> {
        let mut sessions = self.all.borrow_mut();
        let known = sessions.iter().position(|session| session.library() == library);
        let index = known.unwrap_or_else(|| {
            sessions.push(Arc::new(Session::new(library)));
            sessions.len() - 1
        });
        Arc::clone(&sessions[index])
    }
}

/// Which library a function calls.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The one at this path, loaded at the first call.
    Path(PathBuf),
    /// One that is loaded.
    Loaded(&'static Library),
}

/// What a JavaScript function is bound to: a library, loaded and opened when it is first called. From then on the way
/// from the function to the library's code is one load.
#[repr(C, align(64))]
pub(crate) struct Binding {
    /// First, at the start of a cache line: all that a call reads is then in one, wherever the allocator puts it.
    in_place: Cell<Option<InPlace>>,
    performs: Cell<Option<Performs>>,
    source: Source,
    operation: u32,
    session: OnceCell<Arc<Session>>,
    sessions: Rc<Sessions>,
}

impl Binding {
    /// The library's `exchange_inplace`, if it is open in this environment, and that makes its exchanges.
    #[inline]
    pub(crate) fn in_place(&self) -> Option<InPlace> {
        self.in_place.get()
    }

    /// The library's `exchange_perform`, if it is open in this environment and has one.
    #[inline]
    pub(crate) fn performs(&self) -> Option<Performs> {
        self.performs.get()
    }

    /// Which library it is.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// Which of the library's operations it calls.
    #[inline]
    pub(crate) fn operation(&self) -> u32 {
        self.operation
    }

    /// Makes an exchange with a library that is not open, or that has no function for all that can be asked for.
    #[cold]
    pub(crate) fn open_and_exchange(&self, memory: LentMemory<'_>, request: &Request) -> Result<u32, Box<Error>> {
        /// How long the last call may hold up an environment that is about to end.
        const CLOSE_TIMEOUT: Duration = Duration::from_millis(100);

        let session = self.session()?;
        let library = session.library();
        library.check(request)?; // before the library is opened for nothing
        session.open()?;
        let outcome = library.exchange_now(memory, request);
        if self.sessions.closing.get() {
            session.close(Some(Instant::now() + CLOSE_TIMEOUT));
        } else {
            self.in_place.set(InPlace::of(library));
            self.performs.set(Performs::of(library));
        }
        Ok(outcome?)
    }

    /// The library in this environment: loaded, and not necessarily open.
    pub(crate) fn session(&self) -> Result<&Arc<Session>, Box<Error>> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        let library = match &self.source {
            Source::Path(path) => Library::load(path)?,
            Source::Loaded(library) => library,
        };
        Ok(self.session.get_or_init(|| self.sessions.of(library)))
    }
}
