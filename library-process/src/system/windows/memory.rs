//! A section without a name, and its mapping.
//!
//! Windows counts memory before it is written to. So a section is reserved as a whole, and made usable from its start on,
//! as far as is needed; each side asks for itself. What was made usable stays so until both sides have unmapped it.

use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::Memory::{
    CreateFileMappingW, FILE_MAP_READ, FILE_MAP_WRITE, MEM_COMMIT, MEMORY_MAPPED_VIEW_ADDRESS, MapViewOfFile,
    PAGE_READWRITE, SEC_RESERVE, UnmapViewOfFile, VirtualAlloc,
};

use super::handle::owned;

/// Bytes of the memory for buffers: what all calls of a library can be lent at a time. Windows keeps 8 bytes for each page
/// of a section, used or not: 8 MiB.
pub(crate) const BUFFERS_LEN: u64 = 4 << 30;

/// So much more is made usable at a time, in bytes.
const STEP: usize = 1 << 20;

/// Memory that nobody can shrink: Windows can only extend a section.
pub(crate) struct Memory {
    section: OwnedHandle,
    len: u64,
}

impl Memory {
    /// New memory, all zeros. `len` is in bytes, and a multiple of the page size.
    pub(crate) fn new(_name: &str, len: u64) -> io::Result<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "one half after the other")]
        let (high, low) = ((len >> 32) as u32, len as u32);
        let access = PAGE_READWRITE | SEC_RESERVE;
        // SAFETY: of no file, and without attributes and a name there is nothing to point at.
        let section = unsafe { CreateFileMappingW(INVALID_HANDLE_VALUE, ptr::null(), access, high, low, ptr::null()) };
        // SAFETY: made just now, for this.
        let section = unsafe { owned(section) }?;
        Ok(Self { section, len })
    }

    /// What the other process has put into this one. Mapping fails if it is shorter.
    pub(super) fn of(section: OwnedHandle, len: u64) -> Self {
        Self { section, len }
    }

    /// Maps all of it.
    pub(crate) fn map(&self) -> io::Result<View> {
        let len = usize::try_from(self.len).map_err(io::Error::other)?;
        // SAFETY: a new mapping, at an address that the system chooses.
        let view = unsafe { MapViewOfFile(self.section.as_raw_handle(), FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, len) };
        let start = NonNull::new(view.Value.cast()).ok_or_else(io::Error::last_os_error)?;
        Ok(View {
            start,
            len,
            usable: AtomicUsize::new(0),
        })
    }

    /// Gives no memory back: Windows has no way to.
    #[expect(clippy::unused_self, reason = "as elsewhere")]
    pub(crate) fn clear(&self, _offset: u64, _len: u64) -> bool {
        false
    }
}

impl AsHandle for Memory {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.section.as_handle()
    }
}

/// All of a memory, mapped for reading and writing.
pub(crate) struct View {
    start: NonNull<u8>,
    len: usize,
    /// This process can use so many bytes from the start on. The other one may have made more of them usable.
    usable: AtomicUsize,
}

// SAFETY: the mapping is the value's own for as long as it lives; what is in it is reached through atomics and raw
// pointers alone.
unsafe impl Send for View {}
// SAFETY: as above.
unsafe impl Sync for View {}

impl View {
    /// Where it begins: a page.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Whether its first bytes, as far as here, can be used: they are made usable. They stay so as long as the view lives.
    pub(crate) fn reaches(&self, end: u64) -> bool {
        let end = match usize::try_from(end) {
            Ok(end) if end <= self.len => end,
            _ => return false,
        };
        // Relaxed: what a thread finds here was done by the system, which all threads see.
        let usable = self.usable.load(Ordering::Relaxed);
        if end <= usable {
            return true;
        }
        let end = end.next_multiple_of(STEP).min(self.len);
        // SAFETY: within the mapping.
        let from = unsafe { self.start.add(usable) };
        // SAFETY: pages of the mapping, which keep what they hold if they can be used already.
        let made = unsafe { VirtualAlloc(from.as_ptr().cast(), end - usable, MEM_COMMIT, PAGE_READWRITE) };
        if made.is_null() {
            return false;
        }
        self.usable.fetch_max(end, Ordering::Relaxed);
        true
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let view = MEMORY_MAPPED_VIEW_ADDRESS {
            Value: self.start.as_ptr().cast(),
        };
        // SAFETY: the mapping of `map`, to which no reference is left: they borrow self.
        let unmapped = unsafe { UnmapViewOfFile(view) };
        debug_assert!(unmapped != 0);
    }
}
