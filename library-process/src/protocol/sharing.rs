//! What a broker and a process of the app say to each other.
//!
//! | | process | broker |
//! | --- | --- | --- |
//! | first | a [`Wish`] | [`JOINED`] with a descriptor, the connection to the program, or [`REFUSED`]; then a [`Reply`] |
//! | while it uses the program | [`KILL`], at any time | how it has ended, once |
//! | its end | hangs up | has the program end, if no other process uses it: hangs up on it, and ends it after [`END_LIMIT`] |

use std::io;
use std::time::Duration;

use inplace_exchange_host::ProcessEnd;
use serde::{Deserialize, Serialize};

use crate::message;

pub(crate) const JOINED: u8 = 1;
pub(crate) const REFUSED: u8 = 2;
pub(crate) const KILL: u8 = 4;
/// How long a program that nobody uses any more may take to close its library, and to end.
pub(crate) const END_LIMIT: Duration = Duration::from_secs(1);
/// The longest of all that is said, in bytes: a path has at most 4096.
pub(crate) const MAX: usize = 8 << 10;

/// What a process asks for.
#[derive(Serialize, Deserialize)]
pub(crate) struct Wish {
    /// As of the protocol between app and program.
    pub(crate) version: u32,
    /// The real path of the library.
    pub(crate) library: Vec<u8>,
    pub(crate) confine: bool,
    /// How often in a minute it may be started again.
    pub(crate) restarts: usize,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The process may use the program of this number, which was started again so long ago each time within the last minute.
    Joined {
        pid: i32,
        restarts: Vec<Duration>,
        /// It was started for this process.
        is_new: bool,
    },
    /// It was started too often, and rests so long; `None` for as long as the broker runs.
    Stopped(Option<Duration>),
    /// It cannot be had, and why.
    Unavailable(String),
}

/// As [`ProcessEnd`].
#[derive(Serialize, Deserialize)]
enum End {
    Exited(u32),
    Killed(i32),
    Unknown,
}

pub(crate) fn end_to_bytes(end: ProcessEnd) -> io::Result<Vec<u8>> {
    message::to_bytes(&match end {
        ProcessEnd::Exited(code) => End::Exited(code),
        ProcessEnd::Killed(signal) => End::Killed(signal),
        ProcessEnd::Unknown => End::Unknown,
    })
}

pub(crate) fn receive_end(fill: impl FnMut(&mut [u8]) -> io::Result<()>) -> io::Result<ProcessEnd> {
    Ok(match message::receive(MAX, fill)? {
        End::Exited(code) => ProcessEnd::Exited(code),
        End::Killed(signal) => ProcessEnd::Killed(signal),
        End::Unknown => ProcessEnd::Unknown,
    })
}
