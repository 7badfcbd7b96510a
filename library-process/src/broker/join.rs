//! How a process of the app comes to use a program that the broker has.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::peer;
use crate::message;
use crate::process::Joined;
use crate::protocol::VERSION;
use crate::protocol::sharing::{JOINED, MAX, REFUSED, Reply, Wish};
use crate::restarts::Stopped;
use crate::system::{Membership, Program, socket};

/// How long the broker may take if nothing else limits it, which waits for a program's end at most.
const LIMIT: Duration = Duration::from_secs(30);

/// Has the broker connect this process with the program of a library. An error of kind `Other` may have a [`Stopped`] inside.
pub(crate) fn join(library: &Path, confine: bool, restarts: usize, deadline: Option<Instant>) -> io::Result<Joined> {
    let invalid = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the main process answers otherwise than it should",
        )
    };
    let broker = connect()?;
    let limit = deadline.map_or(LIMIT, |deadline| deadline.saturating_duration_since(Instant::now()));
    broker.set_read_timeout(Some(limit.max(Duration::from_millis(1))))?;
    let wish = Wish {
        version: VERSION,
        library: library.as_os_str().as_bytes().to_vec(),
        confine,
        restarts,
    };
    let (kind, reply, descriptors) = ask(&broker, &wish).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => {
            io::Error::new(io::ErrorKind::TimedOut, "the main process has not answered in time")
        }
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
            io::Error::other("the main process has hung up: it is ending, or serves 512 windows and workers already")
        }
        _ => error,
    })?;
    broker.set_read_timeout(None)?;
    match (kind, reply, descriptors.into_iter().next()) {
        (JOINED, Reply::Joined { pid, restarts, is_new }, Some(connection)) => Ok(Joined {
            program: Program::shared(connection.into(), Membership::new(broker, pid))?,
            restarts,
            is_new,
        }),
        (JOINED, ..) => Err(io::Error::other("this process has no descriptor left for it")),
        (REFUSED, Reply::Stopped(rest), _) => Err(io::Error::other(Stopped(rest))),
        (REFUSED, Reply::Unavailable(why), _) => Err(io::Error::other(why)),
        _ => Err(invalid()),
    }
}

fn ask(broker: &UnixStream, wish: &Wish) -> io::Result<(u8, Reply, Vec<OwnedFd>)> {
    socket::send(broker, &message::to_bytes(wish)?, &[])?;
    let (kind, descriptors) = socket::receive(broker)?;
    let reply = message::receive(MAX, |bytes| (&*broker).read_exact(bytes))?;
    Ok((kind, reply, descriptors))
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
