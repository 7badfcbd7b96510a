//! Memory on its way to a library.

use std::marker::PhantomData;
use std::ptr::NonNull;

/// Memory that is lent to one call.
pub struct LentMemory<'a> {
    data: NonNull<u8>,
    len: usize,
    pages: Pages,
    lent: PhantomData<&'a mut [u8]>,
}

/// Whether other pages can be put in the place of those that hold lent bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// No.
    Fixed,
    /// Yes, if they hold the same bytes: nobody else reads or writes them during the call.
    Replaceable,
    /// Not now, as other threads may write to them. It may have been done before they got them.
    Shared,
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
            pages: Pages::Fixed,
            lent: PhantomData,
        }
    }

    /// As [`new`](Self::new), and says what may be done with the pages that the bytes are in.
    ///
    /// # Safety
    /// As [`new`](Self::new). If the pages are [`Pages::Replaceable`], besides:
    /// - The bytes begin a page, and to the end of the page that the last of them is in there is nothing else.
    /// - Nobody but who has this reads or writes them as long as they are lent.
    /// - Whoever frees them later is content with a shared mapping of a file in their place, and does away with it.
    pub unsafe fn in_pages(data: NonNull<u8>, len: usize, pages: Pages) -> Self {
        Self {
            data,
            len,
            pages,
            lent: PhantomData,
        }
    }

    /// The same memory, for as long as this is not used.
    #[inline]
    pub(crate) fn again(&self) -> LentMemory<'_> {
        LentMemory { ..*self }
    }

    /// Where the bytes are. Never null.
    #[inline]
    pub fn data(&self) -> NonNull<u8> {
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

    /// What may be done with the pages that the bytes are in.
    pub fn pages(&self) -> Pages {
        self.pages
    }

    /// Copies the bytes to other memory.
    ///
    /// # Safety
    /// `to` points at as many bytes, which may be written, and which are not these.
    pub unsafe fn copy_to(&self, to: NonNull<u8>) {
        // SAFETY: both may be accessed (`new`'s contract and this function's), and are apart.
        unsafe { to.copy_from_nonoverlapping(self.data, self.len) };
    }

    /// Writes to the first bytes.
    ///
    /// # Safety
    /// There are as many bytes, and `bytes` are not among them.
    pub unsafe fn write(&self, bytes: &[u8]) {
        // SAFETY: they may be written (`new`'s contract), and are apart (this function's).
        unsafe { self.data.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
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
