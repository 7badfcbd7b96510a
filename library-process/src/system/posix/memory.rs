//! POSIX shared memory, which has a name for a moment only. It takes as much memory as has been written to.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, ftruncate};
use rustix::shm::{self, OFlags};

use crate::system::View;

/// Bytes of the memory for buffers: what all calls of a library can be lent at a time.
pub(crate) const BUFFERS_LEN: u64 = 4 << 30;

/// Memory that no access faults in: macOS gives such an object its size once, and refuses to change it (`ftruncate` fails
/// with EINVAL from the second time on), and what is mapped keeps the memory, whoever closes its descriptors. Linux, where
/// the tests run this, would let the program shrink it.
pub(crate) struct Memory(OwnedFd);

impl Memory {
    /// New memory, all zeros. `len` is in bytes, and a multiple of the page size; the name is for who looks at a process.
    pub(crate) fn new(name: &str, len: u64) -> io::Result<Self> {
        let access = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
        // SECURITY: nobody can guess it, and for other users there is no access. macOS takes 31 bytes.
        let random = RandomState::new().hash_one(name) >> 16;
        let name = format!("/exchange-{name}-{random:012x}");
        let descriptor = shm::open(&*name, access, Mode::RUSR | Mode::WUSR)?; // closed when another program is executed
        shm::unlink(&*name)?;
        ftruncate(&descriptor, len)?;
        Ok(Self(descriptor))
    }

    /// What the other process has made.
    pub(crate) fn of(descriptor: OwnedFd) -> io::Result<Self> {
        Ok(Self(descriptor))
    }

    /// Maps all of it.
    pub(crate) fn map(&self) -> io::Result<View> {
        View::of(self.as_fd())
    }

    /// Gives no memory back: what was used stays until the last of both processes has unmapped it.
    #[expect(clippy::unused_self, reason = "as elsewhere")]
    pub(crate) fn clear(&self, _offset: u64, _len: u64) -> bool {
        false
    }
}

impl AsFd for Memory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
