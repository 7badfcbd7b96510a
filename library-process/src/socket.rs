//! The pair of sockets: hands over the arena, brings the program's one answer, and hangs up with either process.

use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, send, sendmsg,
};

use crate::arena::Arena;
use crate::protocol::{Answer, MAX_ANSWER};

/// Precedes the arena's descriptor, which cannot travel alone.
const ARENA: u8 = 0xA0;

/// Sends the descriptor of the arena.
pub fn send_arena(socket: &UnixStream, arena: &Arena) -> io::Result<()> {
    let descriptors = [arena.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(socket, &[IoSlice::new(&[ARENA])], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives it.
pub fn receive_arena(socket: &UnixStream) -> io::Result<Arena> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut byte)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let descriptor: Option<OwnedFd> = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    match descriptor {
        Some(descriptor) if byte[0] == ARENA => Arena::map(descriptor),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the arena was not sent")),
    }
}

/// Has the program serve a lane.
pub fn send_lane(socket: &UnixStream, lane: u8) -> io::Result<()> {
    send_all(socket, &[lane])
}

/// Sends the program's answer.
pub fn send_answer(socket: &UnixStream, answer: &Answer) -> io::Result<()> {
    let bytes = postcard::to_stdvec(answer).map_err(io::Error::other)?;
    let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    send_all(socket, &[&len.to_le_bytes(), &bytes[..]].concat())
}

/// Receives it, whatever the other side is.
pub fn receive_answer(mut socket: &UnixStream) -> io::Result<Answer> {
    let mut len = [0; 4];
    socket.read_exact(&mut len)?;
    let len = u32::from_le_bytes(len) as usize;
    if len > MAX_ANSWER {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its answer is too long"));
    }
    let mut bytes = vec![0; len];
    socket.read_exact(&mut bytes)?;
    postcard::from_bytes(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Without the signal that a plain write sends when the other side has hung up.
fn send_all(socket: &UnixStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match send(socket, bytes, SendFlags::NOSIGNAL) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
