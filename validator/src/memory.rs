//! Memory to lend, between pages that nobody can access.
//!
//! An access to those ends the process, and the fault is reported. Bytes between the lent ones and such a page hold a
//! pattern, of which a write leaves a trace. The other end of the memory touches the page, so that reads are noticed too.

use std::io;
use std::ptr::{self, NonNull};

use inplace_exchange_host::LentMemory;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};
use rustix::param::page_size;

use crate::fault::Known;

/// The length of what cannot be accessed, on each side.
const GUARD: usize = 64 << 10;

/// Where the lent bytes are in their pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// They end with a page.
    End,
    /// They begin with a page.
    Start,
    /// They begin at an odd address.
    Odd,
}

/// Memory that is lent to one call, or to several.
pub(crate) struct Block {
    start: NonNull<u8>,
    size: usize,
    data: NonNull<u8>,
    len: usize,
    known: Option<Known>,
}

// SAFETY: its bytes are reached through raw pointers alone, and what they hold is relied on by nobody.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

/// What stands where nothing may be written.
fn pattern(address: usize) -> u8 {
    address.wrapping_mul(0x9e37_79b9).to_le_bytes()[1] | 1
}

impl Block {
    /// Memory of `len` bytes. For 0 bytes, a pointer that cannot be dereferenced.
    pub(crate) fn new(len: usize, placement: Placement) -> io::Result<Self> {
        let page = page_size();
        let extra = usize::from(placement == Placement::Odd && len > 0);
        let pages = (len + extra).next_multiple_of(page);
        let size = GUARD + pages + GUARD;
        // SAFETY: a new mapping, at an address that the system chooses.
        let start = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                size,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )
        }?;
        let start = NonNull::new(start.cast::<u8>()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        // SAFETY: within the mapping.
        let first = unsafe { start.add(GUARD) };
        let before = match placement {
            Placement::End => pages - len,
            Placement::Start => 0,
            Placement::Odd => extra,
        };
        // SAFETY: within the mapping.
        let data = unsafe { first.add(before) };
        let known = Known::new(start.as_ptr() as usize, size, data.as_ptr() as usize, len);
        let block = Self {
            start,
            size,
            data,
            len,
            known,
        };
        if pages > 0 {
            // SAFETY: pages of the mapping, of which nothing is used yet.
            unsafe { mprotect(first.as_ptr().cast(), pages, MprotectFlags::READ | MprotectFlags::WRITE) }?;
            for offset in block.outside() {
                let at = block.at(offset);
                // SAFETY: within the pages that can be accessed.
                unsafe { at.write(pattern(at.as_ptr() as usize)) };
            }
        }
        Ok(block)
    }

    /// The offsets from the lent bytes of those around them that can be accessed.
    fn outside(&self) -> impl Iterator<Item = isize> + use<> {
        let before = (self.data.as_ptr() as usize - self.start.as_ptr() as usize - GUARD).cast_signed();
        let after = self.size.cast_signed() - 2 * GUARD.cast_signed() - before;
        (-before..0).chain(self.len.cast_signed()..after)
    }

    fn at(&self, offset: isize) -> NonNull<u8> {
        // SAFETY: the offsets that are used here are those of bytes in the mapping.
        unsafe { self.data.offset(offset) }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Writes into the lent bytes; what does not fit is left out.
    pub(crate) fn write(&self, offset: usize, bytes: &[u8]) {
        for (offset, byte) in (offset..self.len).zip(bytes) {
            // SAFETY: within the lent bytes. Volatile, as the library may read them at the same time.
            unsafe { self.at(offset.cast_signed()).write_volatile(*byte) };
        }
    }

    /// Sets the lent bytes from an offset on.
    pub(crate) fn fill(&self, offset: usize, byte: u8) {
        if offset < self.len {
            let at = self.at(offset.cast_signed());
            // SAFETY: to the end of the lent bytes.
            unsafe { at.write_bytes(byte, self.len - offset) };
        }
    }

    /// The first of the lent bytes.
    pub(crate) fn read(&self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len.min(self.len)];
        // SAFETY: as many bytes as are lent at most; the vector has as many, and is elsewhere.
        unsafe {
            self.data
                .copy_to_nonoverlapping(NonNull::from(&mut bytes[..]).cast(), bytes.len())
        };
        bytes
    }

    /// For one call, or for several at the same time.
    pub(crate) fn lend(&self) -> LentMemory<'_> {
        // SAFETY: the bytes may be read and written as long as the block is there. No reference covers them, and no code
        // relies on what they hold.
        unsafe { LentMemory::new(self.data, self.len) }
    }

    /// The first byte outside the lent ones that was written: how many bytes it is after them, or before, if negative.
    pub(crate) fn written_outside(&self) -> Option<isize> {
        let changed = self.outside().find(|offset| {
            let at = self.at(*offset);
            // SAFETY: within the pages that can be accessed.
            unsafe { at.read_volatile() != pattern(at.as_ptr() as usize) }
        })?;
        Some(if changed < 0 {
            changed
        } else {
            changed - self.len.cast_signed()
        })
    }

    /// Makes all of it inaccessible. It stays mapped, so that no other memory gets the address.
    pub(crate) fn retire(&self) -> io::Result<()> {
        if let Some(known) = &self.known {
            known.retire();
        }
        // SAFETY: the mapping is this block's own.
        Ok(unsafe { mprotect(self.start.as_ptr().cast(), self.size, MprotectFlags::empty()) }?)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // By the C library: ThreadSanitizer sees that, and forgets who has accessed the memory. The next block at the address
        // may be another thread's.
        // SAFETY: the mapping is this block's own, and lent to nobody any more: who borrows from it is gone.
        let unmapped = unsafe { libc::munmap(self.start.as_ptr().cast(), self.size) };
        debug_assert_eq!(unmapped, 0);
    }
}
