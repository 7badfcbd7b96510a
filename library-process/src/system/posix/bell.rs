//! A pair of sockets for each word, one end on each side: a side sleeps until its end has a byte.
//!
//! **No wake-up is lost.** A side stores the word, and then writes a byte to its end; the other one loads the word, and
//! then sleeps until there is a byte. If its load comes before the store, so does whatever it has read before, and the byte
//! is still to come, or there. A byte that a side did not have to wait for makes its next wait return early.

use std::io::{self, Read};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use crate::protocol::MAX_LANES;
use crate::system::unix::socket;

/// How long a side sleeps whose end was shut down, by the other side or by this one: it looks at the word now and then.
const SHUT_DOWN: Duration = Duration::from_millis(1);

/// One side's end.
pub(crate) struct Bell {
    /// Does not block. The other side can neither shut this end down nor change how it is read.
    ours: UnixStream,
    /// On the app's side, kept: macOS may lose a socket that is on its way to another process and open nowhere.
    theirs: Option<OwnedFd>,
}

impl Bell {
    fn new() -> io::Result<Self> {
        let (ours, theirs) = socket::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        Ok(Self {
            ours,
            theirs: Some(theirs.into()),
        })
    }

    /// Sleeps until it is rung, at the longest for so long. May return early.
    pub(crate) fn wait(&self, _word: &AtomicU32, _value: u32, limit: Option<Duration>) {
        let timeout = limit.map(|limit| Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        });
        if !matches!(
            poll(&mut [PollFd::new(&self.ours, PollFlags::IN)], timeout.as_ref()),
            Ok(1)
        ) {
            return; // the time is over, or a signal has arrived
        }
        match (&self.ours).read(&mut [0; 256]) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Shut down, or closed by the library: `poll` will not wait any more.
            _ => thread::sleep(SHUT_DOWN),
        }
    }

    /// Wakes the other side.
    pub(crate) fn ring(&self, _word: &AtomicU32) {
        let _ = socket::send(&self.ours, &[1], &[]); // fails if so many bytes are there that none more is needed
    }

    /// Wakes this side, for good: the program has ended.
    pub(crate) fn ring_here(&self, _word: &AtomicU32) {
        let _ = self.ours.shutdown(Shutdown::Both);
    }

    /// The descriptor that the other side is given.
    pub(crate) fn theirs(&self) -> Option<BorrowedFd<'_>> {
        self.theirs.as_ref().map(AsFd::as_fd)
    }

    /// What the other side has given.
    pub(crate) fn of(given: Option<OwnedFd>) -> io::Result<Self> {
        let given = given.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a socket was not sent"))?;
        Ok(Self {
            ours: given.into(),
            theirs: None,
        })
    }
}

/// Those of one program.
pub(crate) struct Bells {
    cancels: Bell,
    lanes: [OnceLock<Bell>; MAX_LANES],
}

impl Bells {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            cancels: Bell::new()?,
            lanes: [const { OnceLock::new() }; MAX_LANES],
        })
    }

    pub(crate) fn cancels(&self) -> &Bell {
        &self.cancels
    }

    /// Of a lane. `None` before it is added.
    pub(crate) fn lane(&self, number: usize) -> Option<&Bell> {
        self.lanes[number].get()
    }

    pub(crate) fn add(&self, number: usize) -> io::Result<&Bell> {
        let bell = Bell::new()?;
        Ok(self.lanes[number].get_or_init(|| bell))
    }
}
