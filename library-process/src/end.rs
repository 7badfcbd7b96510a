//! How a process has ended.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use inplace_exchange_host::ProcessEnd;

/// Of a process that was waited for.
pub(crate) fn end_of(status: ExitStatus) -> ProcessEnd {
    match (status.code(), status.signal()) {
        (Some(code), _) => ProcessEnd::Exited(code),
        (None, Some(signal)) => ProcessEnd::Killed(signal),
        (None, None) => ProcessEnd::Unknown,
    }
}

/// The error of a start.
pub(crate) fn ended_early(end: ProcessEnd) -> io::Error {
    let how = match (end, end.signal_name()) {
        (ProcessEnd::Exited(code), _) => format!("has exited with {code}"),
        (ProcessEnd::Killed(_), Some(name)) => format!("was ended by {name}"),
        (ProcessEnd::Killed(signal), None) => format!("was ended by signal {signal}"),
        (ProcessEnd::Unknown, _) => "has ended".to_owned(),
    };
    io::Error::other(format!("it {how} before it had loaded the library"))
}
