//! How a process of the app comes to use a program that the broker has.

use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::peer;
use crate::message;
use crate::protocol::VERSION;
use crate::protocol::sharing::{JOINED, MAX, REFUSED, Reply, Wish};
use crate::restarts::Stopped;
use crate::system::{Membership, Program, socket};

/// A connection to the program of a library, and when that was started again within the last minute. An error of kind
/// `Other` may have a [`Stopped`] inside.
pub(crate) fn join(
    library: &Path,
    confine: bool,
    restarts: usize,
    deadline: Option<Instant>,
) -> io::Result<(Program, Vec<Duration>)> {
    let invalid = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the main process answers otherwise than it should",
        )
    };
    let broker = connect()?;
    if let Some(deadline) = deadline {
        let left = deadline.saturating_duration_since(Instant::now());
        broker.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
    }
    let wish = Wish {
        version: VERSION,
        library: library.as_os_str().as_bytes().to_vec(),
        confine,
        restarts,
    };
    socket::send(&broker, &message::to_bytes(&wish)?, &[])?;
    let (kind, descriptors) = socket::receive(&broker).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => {
            io::Error::new(io::ErrorKind::TimedOut, "the main process has not answered in time")
        }
        io::ErrorKind::UnexpectedEof => {
            io::Error::other("the main process has hung up: it is ending, or serves 512 windows and workers already")
        }
        _ => error,
    })?;
    let reply: Reply = message::receive(MAX, |bytes| (&broker).read_exact(bytes))?;
    broker.set_read_timeout(None)?;
    match (kind, reply, descriptors.into_iter().next()) {
        (JOINED, Reply::Joined { pid, restarts }, Some(connection)) => {
            let program = Program::shared(connection.into(), Membership::new(broker, pid))?;
            Ok((program, restarts))
        }
        (REFUSED, Reply::Stopped(rest), _) => Err(io::Error::other(Stopped(rest))),
        (REFUSED, Reply::Unavailable(why), _) => Err(io::Error::other(why)),
        _ => Err(invalid()),
    }
}

/// To the broker of this app: the next process above this one that has one.
fn connect() -> io::Result<UnixStream> {
    for pid in peer::ancestors(std::process::id()) {
        match UnixStream::connect_addr(&peer::name_of(pid)?) {
            // SECURITY: another user may have taken the name.
            Ok(broker) if peer::is_process(&broker, pid)? => return Ok(broker),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {} // nobody has it
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(
        "no process above this one shares libraries: the main process has to call shareLibraries() first",
    ))
}
