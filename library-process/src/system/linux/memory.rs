//! A sealed memfd. It is sparse: it takes as much memory as has been written to.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create,
};
use rustix::process::{Resource, getrlimit};

use crate::system::View;

/// Bytes of the memory for buffers: more than all buffers of a process can have in V8's cage.
pub(crate) const BUFFERS_LEN: u64 = 64 << 30;

/// Memory that can be neither shrunk nor grown, by anyone: no access within a mapping faults.
pub(crate) struct Memory {
    descriptor: OwnedFd,
    inode: u64,
}

impl Memory {
    /// New memory, all zeros. `len` is in bytes, and a multiple of the page size; the name is for who looks at a process.
    pub(crate) fn new(name: &str, len: u64) -> io::Result<Self> {
        // The signal that the system sends for a file beyond the limit ends the process.
        if getrlimit(Resource::Fsize).current.is_some_and(|limit| limit < len) {
            return Err(io::Error::other(
                "the limit of the size of files is too low for shared memory (ulimit -f)",
            ));
        }
        let name = format!("inplace-exchange-{name}");
        let descriptor = memfd_create(&*name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&descriptor, len)?;
        fcntl_add_seals(&descriptor, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Self::of(descriptor)
    }

    /// What the other process has made.
    pub(crate) fn of(descriptor: OwnedFd) -> io::Result<Self> {
        let inode = fstat(&descriptor)?.st_ino;
        Ok(Self { descriptor, inode })
    }

    /// Maps all of it.
    pub(crate) fn map(&self) -> io::Result<View> {
        if !fcntl_get_seals(&self.descriptor)?.contains(SealFlags::SHRINK) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the shared memory can be shrunk",
            ));
        }
        View::of(self.as_fd())
    }

    /// By which the system tells files apart, and so the mappings of this memory from others.
    pub(crate) fn inode(&self) -> u64 {
        self.inode
    }

    /// Makes a range all zeros, and gives its memory back to the system: whether that was done.
    pub(crate) fn clear(&self, offset: u64, len: u64) -> bool {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(&self.descriptor, flags, offset, len).is_ok()
    }
}

impl AsFd for Memory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
