//! Which processes belong to the app: the one that has the broker, and those below it.

use std::fs;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};

use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;

/// The most processes that are looked at upwards.
const MAX_DEPTH: usize = 32;

/// Where the broker of a process waits for connections.
pub(super) fn name_of(pid: u32) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("inplace-exchange-{pid}"))
}

/// Whether the other side is this process, of this user. The system says so, of the one that has connected or that listens.
pub(super) fn is_process(socket: &UnixStream, pid: u32) -> io::Result<bool> {
    let peer = socket_peercred(socket)?;
    Ok(peer.uid == geteuid() && peer.pid.as_raw_nonzero().get().cast_unsigned() == pid)
}

/// Whether the other side is this process or one below it, of this user.
pub(super) fn is_of_app(socket: &UnixStream) -> io::Result<bool> {
    let peer = socket_peercred(socket)?;
    let pid = peer.pid.as_raw_nonzero().get().cast_unsigned();
    Ok(peer.uid == geteuid() && ancestors(pid).any(|above| above == std::process::id()))
}

/// A process, and those above it.
pub(super) fn ancestors(pid: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(pid), |pid| parent_of(*pid)).take(MAX_DEPTH)
}

/// As `/proc` has it: after the name, which may hold anything.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let parent = after_name.split_ascii_whitespace().nth(1)?.parse().ok()?;
    (parent > 0).then_some(parent)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, id};

    use super::*;

    #[test]
    fn the_processes_above_this_one_are_found() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let above: Vec<_> = ancestors(child.id()).collect();
        assert_eq!(above[..2], [child.id(), id()]);
        assert_eq!(above.last(), Some(&1), "up to the first");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(ancestors(child.id()).count(), 1, "one that has ended has none");
    }
}
