//! In the place of `broker.rs`, where processes of an app cannot share the process of a library.

use std::io;
use std::path::Path;
use std::time::Instant;

use crate::process::Joined;

/// Not here.
pub fn listen(_program: &Path) -> io::Result<()> {
    Err(unsupported())
}

pub(crate) fn join(
    _library: &Path,
    _confine: bool,
    _restarts: usize,
    _deadline: Option<Instant>,
) -> io::Result<Joined> {
    Err(unsupported())
}

fn unsupported() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "one process for several windows is there on Linux only",
    )
}
