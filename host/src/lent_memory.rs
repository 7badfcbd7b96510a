//! Memory on its way to a library.

use std::marker::PhantomData;
use std::ptr::NonNull;

/// Memory that is lent to one call.
pub struct LentMemory<'a> {
    data: NonNull<u8>,
    len: usize,
    lent: PhantomData<&'a mut [u8]>,
}

// SAFETY: whoever lends the memory allows writing to it through this pointer, from whichever thread has it.
unsafe impl Send for LentMemory<'_> {}

impl LentMemory<'_> {
    /// Lends `len` bytes at `data`. When `len` is 0 the pointer is only passed on.
    ///
    /// # Safety
    /// For the lifetime of this, which with an asynchronous call is until the call has ended:
    /// - `data` points at `len` bytes that may be read and written.
    /// - No Rust reference covers them, and no code of this process relies on their staying unchanged.
    #[inline]
    pub unsafe fn new(data: NonNull<u8>, len: usize) -> Self {
        Self {
            data,
            len,
            lent: PhantomData,
        }
    }

    /// Where the bytes are. Never null.
    #[inline]
    pub(crate) fn data(&self) -> NonNull<u8> {
        self.data
    }

    /// How many bytes there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies the bytes to other memory.
    ///
    /// # Safety
    /// `to` points at as many bytes, which may be written, and which are not these.
    pub unsafe fn copy_to(&self, to: NonNull<u8>) {
        // SAFETY: both may be accessed (`new`'s contract and this function's), and are apart.
        unsafe { to.copy_from_nonoverlapping(self.data, self.len) };
    }

    /// Copies the bytes from other memory.
    ///
    /// # Safety
    /// `from` points at as many bytes, which may be read, and which are not these.
    pub unsafe fn copy_from(&self, from: NonNull<u8>) {
        // SAFETY: both may be accessed (`new`'s contract and this function's), and are apart.
        unsafe { self.data.copy_from_nonoverlapping(from, self.len) };
    }
}
