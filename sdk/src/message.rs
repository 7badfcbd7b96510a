//! One message of a stream, before it is handed over.

use std::marker::PhantomData;
use std::ptr::NonNull;

use zerocopy::{Immutable, IntoBytes};

use crate::bytes::Bytes;
use crate::control::StreamControl;
use crate::error::Error;

/// Memory for the next message of a stream. From [`Sink::next`](crate::Sink::next).
///
/// [`send`](Self::send) and [`reply`](Self::reply) hand the message over. One that is dropped is not handed over, and its
/// memory is that of the next. What is in it before it is written to is unspecified: mostly an older message.
///
/// Other threads of the page may write to the memory, so that there is no slice of it, but the view [`Bytes`].
#[must_use = "it is handed over by `send` or `reply`"]
pub struct Message<'sink> {
    control: StreamControl<'sink>,
    start: NonNull<u8>,
    /// Borrows the sink, so that there is one message at a time.
    sink: PhantomData<&'sink mut [u8]>,
}

// SAFETY: it owns the right to acquire, commit, and access the memory, as `&mut Sink` has it; the header lets any thread of
// the library do that, one at a time, and whoever has the message is that one.
unsafe impl Send for Message<'_> {}

impl<'sink> Message<'sink> {
    /// # Safety
    /// - `start` is what `acquire` of this control has returned last, and was not committed.
    /// - During `'sink` nothing else calls `acquire` and `commit` of it, or accesses the memory, unless it is shared and in
    ///   no allocation of Rust.
    #[inline]
    pub(crate) unsafe fn new(control: StreamControl<'sink>, start: NonNull<u8>) -> Self {
        Self {
            control,
            start,
            sink: PhantomData,
        }
    }

    /// How many bytes the message may have.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.control.capacity()
    }

    /// All of the memory.
    #[inline]
    pub fn bytes(&mut self) -> Bytes<'_> {
        // SAFETY: by the header, acquire returns so many bytes, which are the library's until it commits; that ends this
        // value. No reference to them exists, and self is borrowed exclusively (new's contract).
        unsafe { Bytes::new(self.start.as_ptr(), self.capacity()) }
    }

    /// Writes a value at an offset, whatever its alignment.
    ///
    /// # Errors
    /// [`Error::too_small`] if it does not fit; nothing is written then.
    #[inline]
    pub fn write<T: IntoBytes + Immutable + ?Sized>(&mut self, offset: usize, value: &T) -> Result<(), Error> {
        self.bytes().write(offset, value.as_bytes())
    }

    /// Hands the first `len` bytes over, as the next message.
    ///
    /// # Errors
    /// [`Error::too_small`] if there are fewer; nothing is handed over then.
    #[inline]
    pub fn send(self, len: usize) -> Result<(), Error> {
        if len > self.capacity() {
            return Err(Error::too_small(len));
        }
        // SAFETY: this is the one to commit (new's contract), and the memory is not accessed afterwards, as self ends.
        if unsafe { self.control.commit(len) } {
            Ok(())
        } else {
            Err(refused())
        }
    }

    /// Writes a whole message, and hands it over.
    ///
    /// # Errors
    /// [`Error::too_small`] if it does not fit; nothing is handed over then.
    #[inline]
    pub fn reply(mut self, message: impl AsRef<[u8]>) -> Result<(), Error> {
        let message = message.as_ref();
        self.bytes().write(0, message)?;
        self.send(message.len())
    }
}

#[cold]
fn refused() -> Error {
    Error::new("the host has not taken a message")
}
