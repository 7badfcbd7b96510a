//! The program's side: serves the app, or several processes of it.

#[cfg(native_linux)]
use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
#[cfg(native_linux)]
use std::sync::mpsc;

#[cfg(native_linux)]
use crate::answer;
use crate::connection;
use crate::loading::{STACK_SIZE, load};
#[cfg(native_linux)]
use crate::protocol::sharing::END_LIMIT;
use crate::protocol::{CONFINE, SHARED};
use crate::spawn::spawn;
use crate::system::{App, end_now};

/// Serves until the process that has started this one hangs up, and then ends this one, whatever the library does.
/// `options` are the program's arguments after the library.
pub fn serve(library: OsString, options: &[OsString]) -> io::Result<()> {
    let app = App::take(options)?;
    let has = |option| options.iter().any(|given| given == option);
    let (confined, shared) = (has(CONFINE), has(SHARED));
    // In a thread of its own, so that this one notices the end of the app also while an initialiser runs.
    spawn("library", STACK_SIZE, move || load(&PathBuf::from(library), confined))?;
    if shared {
        serve_many(&app);
    } else {
        connection::serve(app, false)?;
    }
    end_now(0)
}

/// For each process of the app, a thread that waits for its end, and closes what it has open. When the broker hangs up, no process
/// of the app is left; those threads may be about to see that.
#[cfg(native_linux)]
fn serve_many(broker: &App) {
    let (serves, served) = mpsc::channel::<Infallible>();
    loop {
        let app = match broker.receive_connection() {
            Ok(app) => app,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => continue, // no descriptor is left for it: it hangs up
            Err(_) => break,
        };
        let serves = serves.clone();
        let serving = spawn("app", STACK_SIZE, move || {
            match connection::serve(app, true) {
                Err(error) if !answer::has_hung_up(&error) => eprintln!("inplace-exchange-library: {error}"),
                _ => {}
            }
            drop(serves);
        });
        drop(serving); // without a thread the connection hangs up, which that process is told
    }
    drop(serves);
    let _ = served.recv_timeout(END_LIMIT); // until no thread is left that serves
}

/// Nobody asks for it.
#[cfg(not(native_linux))]
fn serve_many(_broker: &App) {}
