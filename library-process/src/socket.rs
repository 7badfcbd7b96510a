//! The pair of sockets: hands over the memories, brings the program's one answer, and hangs up with either process.

use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, send, sendmsg,
};

use crate::protocol::{Answer, MAX_ANSWER};
use crate::shared_memory::{Mapping, SharedMemory};

/// Precedes the descriptors, which cannot travel alone.
const MEMORIES: u8 = 0xA0;

/// Sends the descriptors of the memory for control and of that for buffers.
pub fn send_memories(socket: &UnixStream, control: &SharedMemory, buffers: &SharedMemory) -> io::Result<()> {
    let descriptors = [control.as_fd(), buffers.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(
        socket,
        &[IoSlice::new(&[MEMORIES])],
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

/// Receives them, in this order, and maps them.
pub fn receive_memories(socket: &UnixStream) -> io::Result<[Mapping; 2]> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut byte)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let descriptors = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => Some([descriptors.next()?, descriptors.next()?]),
        _ => None,
    });
    match descriptors {
        Some([control, buffers]) if byte[0] == MEMORIES => {
            Ok([Mapping::of(control.as_fd())?, Mapping::of(buffers.as_fd())?])
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the memory was not sent")),
    }
}

/// Has the program serve a lane.
pub fn send_lane(socket: &UnixStream, lane: usize) -> io::Result<()> {
    send_all(socket, &[u8::try_from(lane).map_err(io::Error::other)?])
}

/// Sends the program's answer.
pub fn send_answer(socket: &UnixStream, answer: &Answer) -> io::Result<()> {
    let bytes = postcard::to_stdvec(answer).map_err(io::Error::other)?;
    let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    send_all(socket, &[&len.to_le_bytes(), &bytes[..]].concat())
}

/// Receives it, whatever the other side is and sends.
pub fn receive_answer(socket: &UnixStream, deadline: Option<Instant>) -> io::Result<Answer> {
    let mut len = [0; 4];
    receive(socket, &mut len, deadline)?;
    let len = u32::from_le_bytes(len) as usize;
    if len > MAX_ANSWER {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its answer is too long"));
    }
    let mut bytes = vec![0; len];
    receive(socket, &mut bytes, deadline)?;
    postcard::from_bytes(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Fills all of `bytes`. The deadline is that of them all, not of each part that arrives.
fn receive(mut socket: &UnixStream, mut bytes: &mut [u8], deadline: Option<Instant>) -> io::Result<()> {
    const TOO_LATE: &str = "it has not loaded the library in time";
    while !bytes.is_empty() {
        if let Some(deadline) = deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, TOO_LATE));
            }
            socket.set_read_timeout(Some(left))?;
        }
        match socket.read(bytes) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => bytes = &mut bytes[read..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {} // the deadline
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether the other side has ended, or has closed its socket: before, during or after what was sent to it.
pub fn has_hung_up(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
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
