//! Memory that other threads may write to meanwhile, as bytes that are copied in and out.

use std::marker::PhantomData;

use zerocopy::FromBytes;

use crate::error::Error;

const WORD: usize = size_of::<u64>();

/// A view of the memory of a call that costs no copy, whether or not the memory is shared.
///
/// Guarantees that no byte outside the memory is accessed, and that no reference to a byte of it exists: a `&[u8]`
/// would promise the compiler that no other thread writes there. Each byte is read once by each of these functions, and
/// not again behind the back of its caller. What is read twice may differ: copy, then check the copy.
///
/// All accesses are volatile, of single bytes or of aligned words. Shared memory belongs to V8 and is outside of every
/// allocation of Rust; there a volatile access is an access of the machine, and does not race in Rust's memory model.
/// (Atomic accesses would: not with JavaScript, but with another call that was lent the same memory and reads it in
/// pieces of another size.) In memory that is not shared nothing else has access, and they are reads and writes as any
/// other.
pub struct Bytes<'memory> {
    start: *mut u8,
    len: usize,
    memory: PhantomData<&'memory mut [u8]>,
}

impl Bytes<'_> {
    /// # Safety
    /// - `start` is not null, and is valid for reads and writes of `len` bytes during `'memory`.
    /// - No reference to those bytes is used during the life of this value.
    /// - If the bytes are in an allocation of Rust, no other thread accesses them during the life of this value.
    #[inline]
    pub(crate) unsafe fn new(start: *mut u8, len: usize) -> Self {
        Self {
            start,
            len,
            memory: PhantomData,
        }
    }

    /// How many bytes there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The byte at `at`; `None` if it is not within the memory.
    #[inline]
    pub fn get(&self, at: usize) -> Option<u8> {
        if at >= self.len {
            return None;
        }
        // SAFETY: at < len, so that the address is within the memory (new's contract).
        let byte = unsafe { self.start.add(at) };
        // SAFETY: valid for reads (new's contract).
        Some(unsafe { byte.read_volatile() })
    }

    /// Writes a byte at `at`.
    ///
    /// # Errors
    /// [`Error::too_small`] if it is not within the memory.
    #[inline]
    pub fn set(&mut self, at: usize, value: u8) -> Result<(), Error> {
        if at >= self.len {
            return Err(Error::too_small(at.saturating_add(1)));
        }
        // SAFETY: at < len, so that the address is within the memory (new's contract).
        let byte = unsafe { self.start.add(at) };
        // SAFETY: valid for writes (new's contract).
        unsafe { byte.write_volatile(value) };
        Ok(())
    }

    /// Copies the bytes from `at` on into `target`, until that is full.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn read_into(&self, at: usize, target: &mut [u8]) -> Result<(), Error> {
        let from = self
            .place(at, target.len())
            .ok_or_else(|| missing(at, target.len(), self.len))?;
        let head = from.align_offset(WORD).min(target.len());
        let (before, rest) = target.split_at_mut(head);
        let (words, after) = rest.as_chunks_mut::<WORD>();
        let tail = head + size_of_val(words);
        for (offset, byte) in before.iter_mut().enumerate().chain((tail..).zip(after)) {
            // SAFETY: offset < target.len(), so that the address is within the memory (`place`).
            let from = unsafe { from.add(offset) };
            // SAFETY: valid for reads (new's contract).
            *byte = unsafe { from.read_volatile() };
        }
        for (index, word) in words.iter_mut().enumerate() {
            // SAFETY: head + (index + 1) * WORD <= target.len(), so that the word is within the memory (`place`).
            let from = unsafe { from.add(head + index * WORD) }.cast::<u64>();
            // SAFETY: valid for reads (new's contract), and aligned, as `head` bytes lead to an aligned address.
            *word = unsafe { from.read_volatile() }.to_ne_bytes();
        }
        Ok(())
    }

    /// Copies `source` into the memory from `at` on.
    ///
    /// # Errors
    /// [`Error::too_small`] if it does not fit; nothing is written then.
    pub fn write(&mut self, at: usize, source: &[u8]) -> Result<(), Error> {
        let needed = || Error::too_small(at.saturating_add(source.len()));
        let to = self.place(at, source.len()).ok_or_else(needed)?;
        let head = to.align_offset(WORD).min(source.len());
        let (before, rest) = source.split_at(head);
        let (words, after) = rest.as_chunks::<WORD>();
        let tail = head + size_of_val(words);
        for (offset, byte) in before.iter().enumerate().chain((tail..).zip(after)) {
            // SAFETY: offset < source.len(), so that the address is within the memory (`place`).
            let to = unsafe { to.add(offset) };
            // SAFETY: valid for writes (new's contract).
            unsafe { to.write_volatile(*byte) };
        }
        for (index, word) in words.iter().enumerate() {
            // SAFETY: head + (index + 1) * WORD <= source.len(), so that the word is within the memory (`place`).
            let to = unsafe { to.add(head + index * WORD) }.cast::<u64>();
            // SAFETY: valid for writes (new's contract), and aligned, as `head` bytes lead to an aligned address.
            unsafe { to.write_volatile(u64::from_ne_bytes(*word)) };
        }
        Ok(())
    }

    /// A copy of the bytes from `at` on as a `T`, whatever their alignment.
    ///
    /// # Errors
    /// If there are fewer than a `T` has.
    pub fn read<T: FromBytes>(&self, at: usize) -> Result<T, Error> {
        let mut value = T::new_zeroed();
        let start = (&raw mut value).cast::<u8>();
        // All bytes, as a move of the value may have left those of its padding uninitialised.
        // SAFETY: these are the bytes of `value`, for which zeros are valid: `T` implements FromBytes.
        unsafe { start.write_bytes(0, size_of::<T>()) };
        // SAFETY: the bytes of `value`, which is not used while this slice is, all initialised by the line above.
        // Whatever is written here is valid, too: `T` implements FromBytes.
        let bytes = unsafe { std::slice::from_raw_parts_mut(start, size_of::<T>()) };
        self.read_into(at, bytes)?;
        Ok(value)
    }

    /// Where `len` bytes from `at` on are, if they are within the memory.
    #[inline]
    fn place(&self, at: usize, len: usize) -> Option<*mut u8> {
        if at.checked_add(len)? > self.len {
            return None;
        }
        // SAFETY: at <= len of the memory, so that the address is within it or just behind it (new's contract).
        Some(unsafe { self.start.add(at) })
    }
}

#[cold]
fn missing(at: usize, len: usize, available: usize) -> Error {
    Error::new(format_args!(
        "{len} bytes were expected at offset {at}, and there are {available} in all"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A view of a slice.
    fn view(memory: &mut [u8]) -> Bytes<'_> {
        // SAFETY: the slice is borrowed as long as the view lives.
        unsafe { Bytes::new(memory.as_mut_ptr(), memory.len()) }
    }

    #[test]
    fn copies_any_range_at_any_alignment_and_nothing_else() {
        let original: Vec<u8> = (0..40).collect();
        for at in 0..=40 {
            for len in 0..=40 - at {
                let mut memory = original.clone();
                let mut copy = vec![0xA5; len];
                view(&mut memory).read_into(at, &mut copy).unwrap();
                assert_eq!(copy, original[at..at + len]);
                let source: Vec<u8> = (100..).take(len).collect();
                view(&mut memory).write(at, &source).unwrap();
                let expected = [&original[..at], &source, &original[at + len..]].concat();
                assert_eq!(memory, expected, "{len} bytes at {at}");
            }
        }
    }

    #[test]
    fn a_range_outside_is_refused_and_nothing_is_copied() {
        let mut memory = [7; 8];
        for (at, len) in [(0, 9), (8, 1), (9, 0), (usize::MAX, 1), (usize::MAX, 0), (1, 8)] {
            let mut copy = vec![0xA5; len];
            let error = view(&mut memory).read_into(at, &mut copy).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{len} bytes were expected at offset {at}")),
                "{error}"
            );
            assert_eq!(copy, vec![0xA5; len]);
            let error = view(&mut memory).write(at, &vec![1; len]).unwrap_err();
            assert_eq!(
                error.return_value(8),
                i64::try_from(at.saturating_add(len)).unwrap_or(i64::MAX)
            );
        }
        assert_eq!(memory, [7; 8]);
        assert_eq!(view(&mut memory).get(7), Some(7));
        assert_eq!(view(&mut memory).get(8), None);
        assert_eq!(view(&mut memory).set(8, 1).unwrap_err().return_value(8), 9);
        assert_eq!(
            view(&mut memory).set(usize::MAX, 1).unwrap_err().return_value(8),
            i64::MAX
        );
    }

    #[test]
    fn reads_a_type_with_padding_from_an_odd_address() {
        #[derive(FromBytes)]
        #[repr(C)]
        struct Padded {
            small: u8,
            large: u32,
        }
        let mut memory = [0xFF, 7, 0xA5, 0xA5, 0xA5, 1, 0, 0, 0, 0xFF];
        let padded: Padded = view(&mut memory).read(1).unwrap();
        assert_eq!((padded.small, u32::from_le(padded.large)), (7, 1));
        assert!(view(&mut memory).read::<Padded>(3).is_err());
    }
}
