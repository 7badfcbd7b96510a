//! Shared memory, mapped in this process.

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};

use rustix::fs::fstat;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
pub(crate) use rustix::param::page_size;

/// All of a memory, mapped for reading and writing.
pub(crate) struct View {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping is the value's own for as long as it lives; what is in it is reached through atomics and raw
// pointers alone.
unsafe impl Send for View {}
// SAFETY: as above.
unsafe impl Sync for View {}

impl View {
    pub(crate) fn of(memory: BorrowedFd<'_>) -> io::Result<Self> {
        let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        let len = u64::try_from(fstat(memory)?.st_size).unwrap_or(0);
        let len = usize::try_from(len).map_err(|_| invalid("the shared memory is too large"))?;
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
        #[cfg(target_os = "linux")]
        // SAFETY: the mapping of above.
        let _ = unsafe { rustix::mm::madvise(start, len, rustix::mm::Advice::LinuxDontDump) };
        let start = NonNull::new(start.cast()).ok_or_else(|| invalid("the shared memory is mapped at 0"))?;
        Ok(Self { start, len })
    }

    /// Where it begins: a page.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Whether its first bytes, as far as here, can be used.
    pub(crate) fn reaches(&self, end: u64) -> bool {
        end <= self.len as u64
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: the mapping of `of`, to which no reference is left: they borrow self.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert!(unmapped.is_ok());
    }
}
