//! The memory that both processes have mapped.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::process::{Resource, getrlimit};

use crate::protocol::{BUFFERS_AT, Control};

/// A mapping of a sealed memfd, which is sparse: it takes as much memory as has been written to.
///
/// The descriptor can be neither shrunk nor grown, by anyone: no access within the mapping faults.
pub struct Arena {
    memory: OwnedFd,
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping is the value's own for as long as it lives; what is in it is reached through atomics and raw
// pointers alone.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

impl Arena {
    /// A new one, all zeros. `len` is in bytes, and a multiple of the page size.
    pub fn new(len: u64) -> io::Result<Self> {
        // The signal that the system sends for a file beyond the limit ends the process.
        if getrlimit(Resource::Fsize).current.is_some_and(|limit| limit < len) {
            return Err(io::Error::other(
                "the limit of the size of files is too low for shared memory (ulimit -f)",
            ));
        }
        let memory = memfd_create(c"inplace-exchange", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&memory, len)?;
        fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Self::map(memory)
    }

    /// Maps what the other process has made.
    pub fn map(memory: OwnedFd) -> io::Result<Self> {
        let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        if !fcntl_get_seals(&memory)?.contains(SealFlags::SHRINK) {
            return Err(invalid("the shared memory can be shrunk"));
        }
        let len = u64::try_from(fstat(&memory)?.st_size).unwrap_or(0);
        let len = usize::try_from(len).map_err(|_| invalid("the shared memory is too large"))?;
        if (len as u64) <= BUFFERS_AT {
            return Err(invalid("the shared memory is too small"));
        }
        // SAFETY: a new mapping, at an address that the system chooses.
        let start = unsafe {
            mmap(
                ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED | MapFlags::NORESERVE,
                &memory,
                0,
            )
        }
        .map_err(|error| {
            let error = io::Error::from(error);
            let what = format!(
                "no {} GiB of addresses for shared memory (ulimit -v): {error}",
                len >> 30
            );
            io::Error::new(error.kind(), what)
        })?;
        let start = NonNull::new(start.cast()).ok_or_else(|| invalid("the shared memory is mapped at 0"))?;
        Ok(Self { memory, start, len })
    }

    /// Its first page.
    pub fn control(&self) -> &Control {
        // SAFETY: the mapping is longer than a Control (checked by `map`), page-aligned, lives as long as self, and every
        // bit pattern is a Control, whose words are all atomic: the other process may write them at any time.
        unsafe { self.start.cast().as_ref() }
    }

    /// The bytes of a range of buffers. `None` if any of them is outside.
    pub fn bytes(&self, offset: u64, len: u64) -> Option<NonNull<u8>> {
        let end = offset.checked_add(len)?;
        if offset < BUFFERS_AT || end > self.len as u64 {
            return None;
        }
        let offset = usize::try_from(offset).ok()?;
        // SAFETY: within the mapping, as was checked.
        Some(unsafe { self.start.add(offset) })
    }

    /// Its length, in bytes.
    pub fn len(&self) -> u64 {
        self.len as u64
    }
}

impl AsFd for Arena {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: the mapping of `map`, to which no reference is left: they borrow self.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert!(unmapped.is_ok());
    }
}
