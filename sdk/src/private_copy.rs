//! A copy of shared memory, for code that needs a slice.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

use crate::bytes::Bytes;

/// A thread keeps a buffer of at most so many bytes for its next call: a picture of 3840 by 2160 pixels fits.
const MAX_KEPT: usize = 32 << 20;

thread_local! {
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The bytes of shared memory as they were at one moment, in a buffer that the thread reuses.
///
/// All bytes are copied, also those after the input: a buffer with what an earlier call has left there could tell one
/// page what another has done.
pub(crate) struct PrivateCopy {
    /// May be longer.
    buffer: Vec<u8>,
    len: usize,
}

impl PrivateCopy {
    /// # Panics
    /// If there is not enough memory.
    #[cold]
    pub(crate) fn of(shared: &Bytes<'_>) -> Self {
        let len = shared.len();
        let mut buffer = KEPT.take();
        if buffer.len() < len {
            buffer.clear(); // so that nothing is moved when it grows
            let reserved = buffer.try_reserve_exact(len);
            assert!(reserved.is_ok(), "no memory for a copy of {len} shared bytes");
            buffer.resize(len, 0);
        }
        let copied = shared.read_into(0, &mut buffer[..len]);
        debug_assert!(copied.is_ok(), "as many bytes as there are");
        Self { buffer, len }
    }
}

impl Deref for PrivateCopy {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

impl DerefMut for PrivateCopy {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[..self.len]
    }
}

impl Drop for PrivateCopy {
    fn drop(&mut self) {
        if self.buffer.capacity() <= MAX_KEPT {
            let buffer = std::mem::take(&mut self.buffer);
            // A thread that is ending keeps none.
            let _ = KEPT.try_with(|kept| kept.set(buffer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address_of_copy(memory: &mut [u8]) -> *const u8 {
        // SAFETY: the slice is borrowed as long as the view lives.
        let view = unsafe { Bytes::new(memory.as_mut_ptr(), memory.len()) };
        let copy = PrivateCopy::of(&view);
        assert_eq!(copy.len(), view.len());
        copy.as_ptr()
    }

    #[test]
    fn the_buffer_is_reused_within_its_bound() {
        let first = address_of_copy(&mut vec![1; 1 << 20]);
        assert_eq!(address_of_copy(&mut vec![2; 1000]), first);
        assert_eq!(address_of_copy(&mut vec![3; 1 << 20]), first);
        address_of_copy(&mut vec![4; MAX_KEPT + 1]);
        assert_eq!(KEPT.take().capacity(), 0, "too large to be kept");
    }

    #[test]
    fn nothing_of_an_earlier_call_is_in_a_copy() {
        address_of_copy(&mut [0xA5; 64]);
        let mut memory = [1, 2, 3];
        // SAFETY: the array outlives the view.
        let view = unsafe { Bytes::new(memory.as_mut_ptr(), memory.len()) };
        assert_eq!(*PrivateCopy::of(&view), [1, 2, 3]);
    }
}
