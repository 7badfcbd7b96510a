//! The memory of one call, as a library may use it. live-lib compiles this file, too: the unsafe code of both is here.

use std::sync::atomic::{AtomicU8, Ordering};

/// Memory that the host lends for one call.
///
/// Guarantees that nothing outside it is touched, and that no reference to a byte of it is ever formed. A caller may have
/// lent shared memory, which other threads read and write during the call; a `&mut [u8]` or `&[u8]` would promise the
/// compiler that they do not. So bytes are copied out before anything is decided on them, and written through the pointer.
pub(crate) struct LentBuffer {
    start: *mut u8,
    len: usize,
}

impl LentBuffer {
    /// # Safety
    /// - `start` is not null and points at `len` bytes that may be read and written as long as this value lives.
    /// - Other threads touch those bytes only as `exchange.h` allows: in shared memory, and by JavaScript or atomically.
    pub(crate) unsafe fn new(start: *mut u8, len: usize) -> Self {
        Self { start, len }
    }

    /// How many bytes were lent.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// A copy of the first `N` bytes, `None` if fewer were lent. Each is read once and never again: what was checked in the
    /// copy cannot change.
    pub(crate) fn first<const N: usize>(&self) -> Option<[u8; N]> {
        if N > self.len {
            return None;
        }
        Some(std::array::from_fn(|at| {
            // SAFETY: at < N <= len, within the memory (new's contract), and every address is aligned for AtomicU8. A load
            // that is atomic is no data race with what JavaScript or atomics write to shared memory, and unlike a plain one
            // it may not be repeated by the compiler.
            unsafe { AtomicU8::from_ptr(self.start.add(at)) }.load(Ordering::Relaxed)
        }))
    }

    /// Writes the chunks one after another, from byte `at` on. Ends with the last of them, or where the next one would not
    /// fit whole.
    #[inline]
    pub(crate) fn write<const N: usize>(&self, at: usize, chunks: impl Iterator<Item = [u8; N]>) {
        let room = self.len.saturating_sub(at) / N;
        for (index, chunk) in chunks.take(room).enumerate() {
            // SAFETY: index < room, so the chunk's N bytes end within the memory (new's contract); [u8; N] needs no
            // alignment. The store is a plain one, as an atomic store for each byte would be far slower. If another thread
            // accesses those bytes meanwhile, Rust's memory model has no word for the mixture: relied upon is that a store
            // through a raw pointer changes those bytes and nothing else, as with memory that is shared between processes.
            // What was written is never read back, so no decision depends on it.
            unsafe { self.start.add(at + index * N).cast::<[u8; N]>().write(chunk) };
        }
    }
}
