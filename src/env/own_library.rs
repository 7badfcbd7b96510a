//! Libraries that run in processes of their own.

use std::io;
use std::path::Path;

use inplace_exchange_host::{LentMemory, Library};

use crate::error::Error;

/// How a library's process is run.
pub(crate) struct Options {
    /// In milliseconds; 0 stands for none.
    pub(crate) timeout: u32,
    /// In a minute.
    pub(crate) restarts: u32,
    /// All memory is copied.
    pub(crate) isolate: bool,
    /// Files, connections and processes are given up.
    pub(crate) confine: bool,
    /// One process for the whole app.
    pub(crate) shared: bool,
}

/// What there is to say of a library's process.
pub(crate) struct OwnProcess {
    pub(crate) pid: Option<i32>,
    /// Within the last minute.
    pub(crate) restarts: usize,
    pub(crate) isolate: bool,
}

/// The library, and the number by which the other functions know it.
pub(crate) fn open(program: &Path, path: &Path, options: &Options) -> Result<(&'static Library, u32), Box<Error>> {
    let options = library_process::Options {
        timeout: (options.timeout > 0).then(|| std::time::Duration::from_millis(options.timeout.into())),
        restarts: options.restarts as usize,
        isolate: options.isolate,
        confine: options.confine,
        shared: options.shared,
    };
    let own = library_process::open(program, path, &options)?;
    Ok((own.library, own.number))
}

/// Has this process start those of shared libraries. Without effect where there are none.
pub(crate) fn share(program: &Path) -> io::Result<()> {
    match library_process::listen(program) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        listening => listening,
    }
}

/// The process of the library of this number.
pub(crate) fn process_of(number: u32) -> Option<OwnProcess> {
    let client = library_process::client(number)?;
    Some(OwnProcess {
        pid: client.pid(),
        restarts: client.restarts(),
        isolate: client.isolates(),
    })
}

/// Maps memory, so that it is lent without a copy from then on, if it can be mapped.
pub(crate) fn map(number: u32, memory: &LentMemory<'_>) -> Result<(), Box<Error>> {
    if let Some(client) = library_process::client(number) {
        client.map(memory)?;
    }
    Ok(())
}
