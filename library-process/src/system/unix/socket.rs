//! Pairs of sockets, and descriptors that travel through them.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

#[cfg(native_linux)]
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, send as send_plain, sendmsg,
};

/// The most that one message has.
const MAX_DESCRIPTORS: usize = 3;

/// Without the signal that a plain write sends when the other side has hung up.
#[cfg(not(target_vendor = "apple"))]
const SEND: SendFlags = SendFlags::NOSIGNAL;
/// The sockets themselves are told, see [`pair`].
#[cfg(target_vendor = "apple")]
const SEND: SendFlags = SendFlags::empty();

/// Two sockets that are connected to each other.
pub(crate) fn pair() -> io::Result<(UnixStream, UnixStream)> {
    let pair = UnixStream::pair()?;
    #[cfg(target_vendor = "apple")]
    for socket in [&pair.0, &pair.1] {
        rustix::net::sockopt::set_socket_nosigpipe(socket, true)?;
    }
    Ok(pair)
}

/// Sends all of the bytes, and descriptors with the first of them.
pub(crate) fn send(socket: &UnixStream, mut bytes: &[u8], mut descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    while !bytes.is_empty() {
        let sent = if descriptors.is_empty() {
            send_plain(socket, bytes, SEND)
        } else {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
            sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SEND)
        };
        match sent {
            Ok(sent) => (bytes, descriptors) = (&bytes[sent..], &[]),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whether the other side has hung up. What it has said before may still be there to be received.
#[cfg(native_linux)]
pub(crate) fn has_hung_up(socket: &UnixStream) -> bool {
    let mut asked = [PollFd::new(socket, PollFlags::empty())];
    poll(&mut asked, Some(&Timespec::default())).is_ok() && asked[0].revents().contains(PollFlags::HUP)
}

/// Receives one byte, and the descriptors that came with it.
pub(crate) fn receive(socket: &UnixStream) -> io::Result<(u8, Vec<OwnedFd>)> {
    let mut byte = [0];
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        match recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RECEIVE) {
            Ok(message) if message.bytes == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {
                let descriptors: Vec<OwnedFd> = ancillary
                    .drain()
                    .filter_map(|message| match message {
                        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
                        _ => None,
                    })
                    .flatten()
                    .collect();
                #[cfg(target_vendor = "apple")]
                for descriptor in &descriptors {
                    rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC)?;
                }
                return Ok((byte[0], descriptors));
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The descriptors are not for programs that the library starts.
#[cfg(not(target_vendor = "apple"))]
const RECEIVE: RecvFlags = RecvFlags::CMSG_CLOEXEC;
/// They are told so afterwards.
#[cfg(target_vendor = "apple")]
const RECEIVE: RecvFlags = RecvFlags::empty();
