//! Checks a library against the contract in `exchange.h`, one check in a process: the library may end it.
//!
//! What is found is reported as events, a line each. What they break, and what to do, is in `command/`. Linux only, so far.
#![cfg(target_os = "linux")]

mod budget;
mod cases;
mod checks;
mod events;
mod fault;
mod inputs;
mod memory;
mod options;
mod sanitizer;
mod subject;
mod texts;
mod usage;
mod watcher;

use std::ffi::OsString;
use std::io;
use std::thread;

use options::Options;
use subject::Subject;

/// The stack of the thread that calls the library, in bytes: as the host's own threads have.
const STACK_SIZE: usize = 8 << 20;

/// Makes the check that the arguments name.
pub fn run(args: impl Iterator<Item = OsString>) -> io::Result<()> {
    let options = Options::parse(args).map_err(io::Error::other)?;
    let check = checks::find(&options.check).ok_or_else(|| io::Error::other("there is no such check"))?;
    events::take_stdout()?;
    fault::report_faults()?;
    // As the host calls a library: on another thread than the main one.
    let calling = thread::Builder::new().name("exchange".into()).stack_size(STACK_SIZE);
    let thread = calling.spawn(move || {
        match Subject::load(options) {
            Ok(subject) => check(&subject),
            Err((id, error)) => events::problem(id, &error),
        }
        events::done();
    })?;
    thread.join().map_err(|_| io::Error::other("the check panicked"))
}
