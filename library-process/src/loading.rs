//! The program's library: loaded once, by a thread of its own, while others wait for that.

use std::path::Path;
use std::sync::OnceLock;

use inplace_exchange_host::{Error, Library, Symbols};

use crate::confine::confine;
use crate::protocol::{Answer, Description, VERSION};
use crate::system::end_now;

/// The stack of a thread that calls the library, in bytes: as the app's own threads for libraries have.
pub(crate) const STACK_SIZE: usize = 8 << 20;

/// What has come of loading the library.
pub(crate) struct Loaded {
    pub(crate) answer: Answer,
    /// If it is loaded.
    pub(crate) library: Option<(&'static Library, &'static Symbols)>,
}

static LOADED: OnceLock<Loaded> = OnceLock::new();

/// Loads it, if that has not been done.
pub(crate) fn load(path: &Path, confined: bool) {
    LOADED.get_or_init(|| try_to_load(path, confined));
}

/// What has come of loading the library, once that is known.
pub(crate) fn loaded() -> &'static Loaded {
    LOADED.wait()
}

/// The library, if it is loaded by now.
pub(crate) fn library() -> Option<(&'static Library, &'static Symbols)> {
    LOADED.get()?.library
}

fn try_to_load(path: &Path, confined: bool) -> Loaded {
    let library = match Library::load(path) {
        Ok(library) => library,
        Err(error) => return refused(*error),
    };
    let Some(symbols) = library.symbols() else {
        end_now(0) // a library that is loaded is in this process
    };
    let description = Description {
        protocol: VERSION,
        path: library.path().as_os_str().as_encoded_bytes().to_vec(),
        name: library.name().to_owned(),
        abi_version: library.abi_version(),
        serial: library.is_serial(),
        performs: library.performs(),
        pushes: library.pushes(),
        operations: library.operations().to_vec(),
        can_cancel: symbols.can_cancel(),
        confined,
    };
    // Last: what the library and this program have done so far may need what is given up.
    match if confined { confine() } else { Ok(()) } {
        Ok(()) => Loaded {
            answer: Answer::Loaded(description),
            library: Some((library, symbols)),
        },
        Err(error) => Loaded::without(Answer::Unconfined(error.to_string())),
    }
}

fn refused(error: Error) -> Loaded {
    Loaded::without(match error {
        Error::LibrarySymbol { .. } => Answer::NoSymbol,
        Error::LibraryAbi { library, .. } => Answer::OtherAbi(library),
        error => Answer::Refused {
            code: error.code().to_owned(),
            message: error.to_string(),
        },
    })
}

impl Loaded {
    fn without(answer: Answer) -> Self {
        Self { answer, library: None }
    }
}
