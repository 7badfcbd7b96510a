//! The memory of one call, with safe access for this library.

use std::sync::atomic::{AtomicU8, Ordering};

/// Memory that the host lends for one call.
///
/// Guarantees that no byte outside it is accessed, and that no plain reference to its bytes exists. A caller may lend
/// shared memory, which other threads read and write during the call; a `&mut [u8]` or `&[u8]` would promise the
/// compiler that they do not. So bytes are copied before a decision depends on them, and written through the pointer.
pub(crate) struct LentBuffer {
    start: *mut u8,
    len: usize,
}

impl LentBuffer {
    /// # Safety
    /// - `start` is not null, and is valid for reads and writes of `len` bytes during the life of this value.
    /// - Other threads access those bytes only as `exchange.h` allows: in shared memory, by JavaScript or atomically.
    pub(crate) unsafe fn new(start: *mut u8, len: usize) -> Self {
        Self { start, len }
    }

    /// The number of bytes that were lent.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// A copy of the first `N` bytes; `None` if fewer were lent. Each byte is read once, and the copy cannot change
    /// after it was checked.
    pub(crate) fn first<const N: usize>(&self) -> Option<[u8; N]> {
        if N > self.len {
            return None;
        }
        Some(std::array::from_fn(|at| {
            // SAFETY: at < N <= len, so the address is within the memory (new's contract).
            let byte = unsafe { self.start.add(at) };
            // SAFETY: the byte may be read during the life of `self`, and has the alignment of AtomicU8. An atomic load
            // does not race with the accesses of other threads (new's contract). Unlike a plain load, the compiler must
            // not repeat it.
            unsafe { AtomicU8::from_ptr(byte) }.load(Ordering::Relaxed)
        }))
    }

    /// Writes the chunks one after another, from byte `at` on. Stops before the first chunk that does not fit.
    #[inline]
    pub(crate) fn write<const N: usize>(&self, at: usize, chunks: impl Iterator<Item = [u8; N]>) {
        let room = self.len.saturating_sub(at) / N;
        for (index, chunk) in chunks.take(room).enumerate() {
            // SAFETY: index < room, so this address and the chunk's N bytes are within the memory (new's contract).
            let place = unsafe { self.start.add(at + index * N) }.cast::<[u8; N]>();
            // SAFETY: those bytes may be written during the life of `self` (new's contract), and [u8; N] has alignment
            // 1. This is a plain store, because an atomic store for each byte would be far slower. Rust's memory model
            // does not define a plain store that races with other threads. This code relies on a store through a raw
            // pointer changing only those bytes, as for memory shared between processes. The bytes are never read back,
            // so no decision depends on them.
            unsafe { place.write(chunk) };
        }
    }
}
