//! A loaded library, and the two ways to call it: at once on this thread, or by its dispatcher.

use std::io;
use std::path::{Path, PathBuf};

use crate::abi::{Description, ReturnValue, StreamFunction, Symbols};
use crate::dispatch::Dispatcher;
use crate::error::Error;
use crate::exit::finish_calls_at_exit;
use crate::functions::{Functions, Properties, Remote};
use crate::lent_memory::LentMemory;
use crate::loader::Loader;
use crate::loader::pin::pin_this_module;
use crate::request::{Caller, Request, Waiting};
use crate::sync::{AtomicBool, Ordering};

/// A library that stays loaded for the life of the process. It is only ever handed out as `&'static`.
pub struct Library {
    dispatcher: Dispatcher,
    name: String,
    abi_version: u32,
    operations: Vec<String>,
    performs: bool,
    pushes: bool,
    /// A stream is inside, and takes one call at a time.
    occupied: AtomicBool,
    /// The real path: absolute, without links.
    path: PathBuf,
}

/// A library is itself, and no other.
impl PartialEq for Library {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Library {}

impl Library {
    /// The library at an absolute path: always the same one for a file, however often it is asked for.
    pub fn load(path: &Path) -> Result<&'static Self, Box<Error>> {
        static LIBRARIES: Loader<Library> = Loader::new();

        pin_this_module(); // its threads, and what it knows of libraries, outlive the environment that asked for one
        let library = LIBRARIES.load(path, |image, path| {
            let description = Symbols::resolve(image, path)?;
            Ok(Self::new(description, path))
        })?;
        finish_calls_at_exit(&library.dispatcher);
        Ok(library)
    }

    fn new(description: Description, path: &Path) -> Self {
        let Description {
            symbols,
            name,
            version,
            serial,
            operations,
        } = description;
        let file_name = || path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        Self {
            performs: symbols.performs(),
            pushes: symbols.stream_function().is_some(),
            dispatcher: Dispatcher::new(Functions::Here(symbols), serial),
            name: name.unwrap_or_else(|| file_name().into_owned()),
            abi_version: version,
            operations,
            occupied: AtomicBool::new(false),
            path: path.to_owned(),
        }
    }

    /// A library in another process, for the life of this one.
    pub fn elsewhere(path: &Path, properties: Properties, remote: &'static dyn Remote) -> &'static Self {
        pin_this_module();
        let Properties {
            name,
            abi_version,
            serial,
            performs,
            pushes,
            operations,
        } = properties;
        let library = Box::leak(Box::new(Self {
            dispatcher: Dispatcher::new(Functions::Elsewhere(remote), serial),
            name,
            abi_version,
            operations,
            performs,
            pushes,
            occupied: AtomicBool::new(false),
            path: path.to_owned(),
        }));
        finish_calls_at_exit(&library.dispatcher);
        library
    }

    /// Makes an exchange on this thread: the number of bytes that the message takes. A library that takes one call at a time,
    /// and is in use, refuses. The library is open in the caller's environment.
    pub fn exchange_now(&self, memory: LentMemory<'_>, request: &Request) -> Result<u32, Box<Error>> {
        let exchange = || self.exchange(memory, request, &Waiting::default());
        match self.dispatcher.gate() {
            None => exchange(),
            Some(gate) => gate.try_exclusive(exchange).unwrap_or_else(|| Err(self.busy())),
        }
    }

    pub(crate) fn dispatcher(&self) -> &Dispatcher {
        &self.dispatcher
    }

    /// Its functions, for who sees to the order of the calls himself. `None` if it is in another process.
    pub fn symbols(&self) -> Option<&Symbols> {
        match self.dispatcher.functions() {
            Functions::Here(symbols) => Some(symbols),
            Functions::Elsewhere(_) => None,
        }
    }

    /// Whether a stream has the library to itself, so that all other calls are refused.
    pub(crate) fn is_occupied(&self) -> bool {
        self.occupied.load(Ordering::Relaxed)
    }

    /// Says whether a stream has it to itself. Whether that has changed.
    pub(crate) fn set_occupied(&self, occupied: bool) -> bool {
        self.occupied.swap(occupied, Ordering::Relaxed) != occupied
    }

    /// Its `exchange_stream`. `None` if it has none, or is in another process.
    pub(crate) fn stream_function(&self) -> Option<StreamFunction> {
        self.symbols()?.stream_function()
    }

    /// Whether it takes one call at a time.
    pub fn is_serial(&self) -> bool {
        self.dispatcher.gate().is_some()
    }

    /// Calls `exchange_open`. The caller holds the gate, if there is one.
    pub(crate) fn open(&self) -> Result<(), Box<Error>> {
        let opened = self.dispatcher.functions().open()?;
        opened.map_err(|status| self.failure(ReturnValue::Failed(status), None))
    }

    /// Calls `exchange_close`. The caller holds the gate, if there is one.
    pub(crate) fn close(&self) {
        self.dispatcher.functions().close();
    }

    /// Makes an exchange: the number of bytes that the message takes. The caller holds the gate, if there is one.
    pub(crate) fn exchange(
        &self,
        memory: LentMemory<'_>,
        request: &Request,
        caller: &dyn Caller,
    ) -> Result<u32, Box<Error>> {
        self.check(request)?;
        let value = self.dispatcher.functions().call(memory, request, caller)?;
        self.outcome_of(value, caller)
    }

    /// What a return value stands for, with the library's words for this call.
    #[inline]
    pub(crate) fn outcome_of(&self, value: ReturnValue, caller: &dyn Caller) -> Result<u32, Box<Error>> {
        match value {
            ReturnValue::Message(count) => Ok(count),
            value => Err(self.failure(value, caller.take_message())),
        }
    }

    /// The real path of the library's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the library calls itself, or the name of its file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version of the C ABI that it was built for.
    pub fn abi_version(&self) -> u32 {
        self.abi_version
    }

    /// Whether `exchange_perform` makes its exchanges. Otherwise it can do the default request alone.
    pub fn performs(&self) -> bool {
        self.performs
    }

    /// Whether it has `exchange_stream`, and makes the messages of a stream by itself.
    pub fn pushes(&self) -> bool {
        self.pushes
    }

    /// The names of its operations: the first is operation 1. An empty one stands for a number that is left out.
    pub fn operations(&self) -> &[String] {
        &self.operations
    }

    /// The number of an operation.
    pub fn operation(&self, name: &str) -> Result<u32, Box<Error>> {
        let named = self
            .operations
            .iter()
            .position(|known| known == name && !name.is_empty());
        let number = named.and_then(|index| u32::try_from(index + 1).ok());
        number.ok_or_else(|| {
            Box::new(Error::OperationUnknown {
                path: self.path.clone(),
                operation: name.to_owned(),
                known: self.operations.clone(),
            })
        })
    }

    /// Refuses what the library has no function for.
    #[inline]
    pub fn check(&self, request: &Request) -> Result<(), Box<Error>> {
        if self.performs || !request.needs_perform() {
            return Ok(());
        }
        Err(Box::new(Error::LibrarySymbol {
            path: self.path.clone(),
            symbol: "exchange_perform",
        }))
    }

    #[cold]
    pub(crate) fn busy(&self) -> Box<Error> {
        let path = self.path.clone();
        Box::new(Error::LibraryBusy { path })
    }

    pub(crate) fn no_thread(&self, source: io::Error) -> Box<Error> {
        let path = self.path.clone();
        Box::new(Error::LibraryThread { path, source })
    }

    /// A return value that is no message, as an error: one that is a status with the words of this call, or of all that have
    /// that status.
    #[cold]
    pub(crate) fn failure(&self, value: ReturnValue, words: Option<String>) -> Box<Error> {
        let path = self.path.clone();
        Box::new(match value {
            ReturnValue::Message(required) | ReturnValue::TooSmall(required) => {
                Error::BufferTooSmall { path, required }
            }
            ReturnValue::OutOfRange(count) => Error::LibraryCount { path, count },
            ReturnValue::Failed(status) => Error::LibraryFailed {
                path,
                status,
                message: words.or_else(|| self.dispatcher.functions().error_message(status)),
            },
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
