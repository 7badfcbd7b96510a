//! Memory that both processes have mapped.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};

use rustix::fs::{
    FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create,
};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};
use rustix::process::{Resource, getrlimit};

use crate::protocol::Control;

/// A sealed memfd, and a mapping of it. It is sparse: it takes as much memory as has been written to.
///
/// The descriptor can be neither shrunk nor grown, by anyone: no access within a mapping faults.
pub struct SharedMemory {
    memory: OwnedFd,
    mapping: Mapping,
}

/// All of a memory, mapped for reading and writing.
pub struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping is the value's own for as long as it lives; what is in it is reached through atomics and raw
// pointers alone.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl SharedMemory {
    /// New memory, all zeros. `len` is in bytes, and a multiple of the page size; the name is for who looks at a process.
    pub fn new(name: &CStr, len: u64) -> io::Result<Self> {
        // The signal that the system sends for a file beyond the limit ends the process.
        if getrlimit(Resource::Fsize).current.is_some_and(|limit| limit < len) {
            return Err(io::Error::other(
                "the limit of the size of files is too low for shared memory (ulimit -f)",
            ));
        }
        let memory = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&memory, len)?;
        fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let mapping = Mapping::of(memory.as_fd())?;
        Ok(Self { memory, mapping })
    }

    /// All of it, mapped in this process.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// By which the system tells files apart, and so the mappings of this memory from others.
    pub fn inode(&self) -> io::Result<u64> {
        Ok(fstat(&self.memory)?.st_ino)
    }

    /// Makes a range all zeros, and gives its memory back to the system.
    pub fn clear(&self, offset: u64, len: u64) -> io::Result<()> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        Ok(fallocate(&self.memory, flags, offset, len)?)
    }
}

impl AsFd for SharedMemory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }
}

impl Mapping {
    /// Maps what the other process has made.
    pub fn of(memory: BorrowedFd<'_>) -> io::Result<Self> {
        let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        if !fcntl_get_seals(memory)?.contains(SealFlags::SHRINK) {
            return Err(invalid("the shared memory can be shrunk"));
        }
        let len = u64::try_from(fstat(memory)?.st_size).unwrap_or(0);
        let len = usize::try_from(len).map_err(|_| invalid("the shared memory is too large"))?;
        if len < size_of::<Control>() {
            return Err(invalid("the shared memory is too small"));
        }
        // SAFETY: a new mapping, at an address that the system chooses.
        let start = unsafe {
            mmap(
                ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED | MapFlags::NORESERVE,
                memory,
                0,
            )
        }
        .map_err(|error| {
            let error = io::Error::from(error);
            let what = format!(
                "no {} MiB of addresses for shared memory (ulimit -v): {error}",
                len >> 20
            );
            io::Error::new(error.kind(), what)
        })?;
        // A core dump would read all of it, and so take memory for what was never written. Where this fails, one does.
        // SAFETY: the mapping of above.
        let _ = unsafe { madvise(start, len, Advice::LinuxDontDump) };
        let start = NonNull::new(start.cast()).ok_or_else(|| invalid("the shared memory is mapped at 0"))?;
        Ok(Self { start, len })
    }

    /// What it begins with, if it is there to control calls.
    pub fn control(&self) -> &Control {
        // SAFETY: the mapping is longer than a Control (checked by `map`), page-aligned, lives as long as self, and every
        // bit pattern is a Control, whose words are all atomic: the other process may write them at any time.
        unsafe { self.start.cast().as_ref() }
    }

    /// The bytes of a range. `None` if any of them is outside.
    pub fn bytes(&self, offset: u64, len: u64) -> Option<NonNull<u8>> {
        let end = offset.checked_add(len)?;
        if end > self.len as u64 {
            return None;
        }
        let offset = usize::try_from(offset).ok()?;
        // SAFETY: within the mapping, as was checked.
        Some(unsafe { self.start.add(offset) })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping of `map`, to which no reference is left: they borrow self.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert!(unmapped.is_ok());
    }
}
