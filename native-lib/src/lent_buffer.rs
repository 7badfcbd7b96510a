//! The memory of one call, as a library may use it. Also part of live-lib: the unsafe code of both libraries is here.

use std::sync::atomic::{AtomicU8, Ordering};

/// Memory that the host lends for one call.
///
/// Guarantees that nothing outside it is accessed, and that no plain reference to a byte of it exists. A caller may
/// have lent shared memory, which other threads read and write during the call; a `&mut [u8]` or `&[u8]` would promise
/// the compiler that they do not. So bytes are copied out before a decision depends on them, and written through the
/// pointer.
pub(crate) struct LentBuffer {
    start: *mut u8,
    len: usize,
}

impl LentBuffer {
    /// # Safety
    /// - `start` is not null and points at `len` bytes that may be read and written as long as this value lives.
    /// - Other threads touch those bytes only as `exchange.h` allows: in shared memory, and by JavaScript or
    ///   atomically.
    pub(crate) unsafe fn new(start: *mut u8, len: usize) -> Self {
        Self { start, len }
    }

    /// The number of bytes that were lent.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// A copy of the first `N` bytes, `None` if fewer were lent. Each is read once: what was checked in the copy cannot
    /// change.
    pub(crate) fn first<const N: usize>(&self) -> Option<[u8; N]> {
        if N > self.len {
            return None;
        }
        Some(std::array::from_fn(|at| {
            // SAFETY: at < N <= len, so the address is within the memory (new's contract).
            let byte = unsafe { self.start.add(at) };
            // SAFETY: the byte may be read for as long as `self` lives, and has the alignment of AtomicU8. An atomic
            // load is no data race with other threads' accesses (new's contract); unlike a plain one, the compiler must
            // not repeat it.
            unsafe { AtomicU8::from_ptr(byte) }.load(Ordering::Relaxed)
        }))
    }

    /// Writes the chunks one after another, from byte `at` on. Stops before the first that does not fit whole.
    #[inline]
    pub(crate) fn write<const N: usize>(&self, at: usize, chunks: impl Iterator<Item = [u8; N]>) {
        let room = self.len.saturating_sub(at) / N;
        for (index, chunk) in chunks.take(room).enumerate() {
            // SAFETY: index < room, so this address and the chunk's N bytes are within the memory (new's contract).
            let place = unsafe { self.start.add(at + index * N) }.cast::<[u8; N]>();
            // SAFETY: those bytes may be written while `self` lives (new's contract), and [u8; N] has no alignment. The
            // store is a plain one, since an atomic store for each byte would be far slower. Rust's memory model does
            // not define its mixture with other threads' accesses: relied upon is that a store through a raw pointer
            // changes those bytes and nothing else, as with memory that is shared between processes. What was written
            // is never read back, so no decision depends on it.
            unsafe { place.write(chunk) };
        }
    }
}
