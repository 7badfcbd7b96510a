//! The program's side: loads the library, and serves the app, or several processes of it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;

use inplace_exchange_host::{Error, Library, Symbols};

use crate::confine::confine;
use crate::connection;
use crate::protocol::{Answer, CONFINE, Description, SHARED, VERSION};
use crate::system::{App, end_now};

/// The stack of a thread that calls the library, in bytes: as the app's own threads for libraries have.
const STACK_SIZE: usize = 8 << 20;

/// What has come of loading the library.
pub(crate) struct Loaded {
    pub(crate) answer: Answer,
    /// If it is loaded.
    pub(crate) symbols: Option<&'static Symbols>,
    pub(crate) is_serial: bool,
}

static LOADED: OnceLock<Loaded> = OnceLock::new();

/// Serves until the process that has started this one hangs up, and then ends this one, whatever the library does.
/// `options` are the program's arguments after the library.
pub fn serve(library: OsString, options: &[OsString]) -> io::Result<()> {
    let app = App::take(options)?;
    let has = |option| options.iter().any(|given| given == option);
    let (confined, shared) = (has(CONFINE), has(SHARED));
    // In a thread of its own, so that this one notices the end of the app also while an initialiser runs.
    spawn("library", move || {
        LOADED.get_or_init(|| load(&PathBuf::from(library), confined));
    })?;
    if shared {
        serve_many(&app);
    } else {
        connection::serve(app, false)?;
    }
    end_now(0)
}

/// For each process of the app, a thread that waits for its end.
#[cfg(native_linux)]
fn serve_many(broker: &App) {
    while let Ok(app) = broker.receive_connection() {
        let serving = spawn("app", move || {
            if let Err(error) = connection::serve(app, true) {
                eprintln!("inplace-exchange-library: {error}");
            }
        });
        drop(serving); // without a thread the connection hangs up, which that process is told
    }
}

/// Nobody asks for it.
#[cfg(not(native_linux))]
fn serve_many(_broker: &App) {}

/// What has come of loading the library, once that is known.
pub(crate) fn loaded() -> &'static Loaded {
    LOADED.wait()
}

/// As [`loaded`], if it is known.
pub(crate) fn loaded_now() -> Option<&'static Loaded> {
    LOADED.get()
}

fn load(path: &Path, confined: bool) -> Loaded {
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
        operations: library.operations().to_vec(),
        can_cancel: symbols.can_cancel(),
        confined,
    };
    // Last: what the library and this program have done so far may need what is given up.
    match if confined { confine() } else { Ok(()) } {
        Ok(()) => Loaded {
            answer: Answer::Loaded(description),
            symbols: Some(symbols),
            is_serial: library.is_serial(),
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
        Self {
            answer,
            symbols: None,
            is_serial: false,
        }
    }
}

/// A thread that may call the library.
pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().name(name.to_owned()).stack_size(STACK_SIZE);
    thread.spawn(body).map(drop)
}
