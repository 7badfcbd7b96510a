//! The memory of a call: slices of it where they are sound, and a private copy where they are not.

use std::cell::OnceCell;
use std::marker::PhantomData;

use zerocopy::FromBytes;

use crate::bytes::Bytes;
use crate::error::Error;
use crate::private_copy::PrivateCopy;

/// The memory that the host lends for one call.
///
/// Guarantees that a reference to lent bytes exists only if the memory is not shared. What is written into a private
/// copy is copied back by [`Memory::finish`].
pub(crate) struct Memory<'call> {
    start: *mut u8,
    len: usize,
    shared: bool,
    /// Made when a slice of shared memory is first asked for; from then on, all access goes to it.
    copy: OnceCell<PrivateCopy>,
    lent: PhantomData<&'call mut [u8]>,
}

impl<'call> Memory<'call> {
    /// # Safety
    /// - `start` is not null, and is valid for reads and writes of `len` bytes during `'call`.
    /// - Nothing else in this process accesses those bytes during `'call`, unless `shared` is set and they are in no
    ///   allocation of Rust.
    #[inline]
    pub(crate) unsafe fn new(start: *mut u8, len: usize, shared: bool) -> Self {
        Self {
            start,
            len,
            shared,
            copy: OnceCell::new(),
            lent: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        if self.shared {
            return self.copy();
        }
        // SAFETY: valid for reads during 'call, and bytes that nothing else accesses (new's contract); the borrow of
        // self keeps those writes away that go through it.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }

    #[inline]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        if self.shared {
            return self.copy_mut();
        }
        // SAFETY: valid for reads and writes during 'call, and bytes that nothing else accesses (new's contract); self
        // is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }

    /// A view of what the slices are of.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Bytes<'_> {
        let start = match self.copy.get_mut() {
            Some(copy) => copy.as_mut_ptr(),
            None => self.start,
        };
        // SAFETY: valid for reads and writes of so many bytes (new's contract, or a slice of that length); self is
        // borrowed exclusively, so that no slice of it is in use. A private copy, and memory that is not shared, nobody
        // else accesses.
        unsafe { Bytes::new(start, self.len) }
    }

    /// A copy of the start of the first `end` bytes; `None` if they are fewer than a `T` has.
    #[inline]
    pub(crate) fn read<T: FromBytes>(&self, end: usize) -> Option<T> {
        if self.has_slice() {
            let (value, _) = T::read_from_prefix(self.as_slice().get(..end)?).ok()?;
            return Some(value);
        }
        // SAFETY: valid for reads (new's contract). No slice of shared memory exists, and nothing is written meanwhile
        // through this value, which is borrowed.
        let lent = unsafe { Bytes::new(self.start, self.len.min(end)) };
        lent.read(0).ok()
    }

    /// Copies bytes into the memory.
    #[inline]
    pub(crate) fn write(&mut self, at: usize, source: &[u8]) -> Result<(), Error> {
        if !self.has_slice() {
            return self.bytes().write(at, source);
        }
        let end = at.saturating_add(source.len());
        let target = self
            .as_mut_slice()
            .get_mut(at..end)
            .ok_or_else(|| Error::too_small(end))?;
        target.copy_from_slice(source);
        Ok(())
    }

    /// Whether there is a slice without a copy being made.
    #[inline]
    fn has_slice(&self) -> bool {
        !self.shared || self.copy.get().is_some()
    }

    /// Copies the message back, if it was written into a private copy.
    #[inline]
    pub(crate) fn finish(&mut self, message: usize) {
        if let Some(copy) = self.copy.take() {
            self.copy_back(&copy, message);
        }
    }

    #[cold]
    fn copy_back(&mut self, copy: &[u8], message: usize) {
        // More than there is means that the message does not fit: then nothing is copied.
        if let Some(message) = copy.get(..message) {
            let copied = self.bytes().write(0, message);
            debug_assert!(copied.is_ok(), "no longer than the memory");
        }
    }

    #[cold]
    fn copy(&self) -> &[u8] {
        self.copy.get_or_init(|| {
            // SAFETY: valid for reads (new's contract). The memory is shared, so no reference to it exists.
            let lent = unsafe { Bytes::new(self.start, self.len) };
            PrivateCopy::of(&lent)
        })
    }

    #[cold]
    fn copy_mut(&mut self) -> &mut [u8] {
        self.copy();
        // There since the line above.
        self.copy.get_mut().map_or(&mut [], |copy| &mut **copy)
    }
}
