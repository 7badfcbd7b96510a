//! What a library's function gets: the memory, and what the caller says of it.

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::abi::{RawCall, SHARED};
use crate::bytes::Bytes;
use crate::control::Control;
use crate::error::Error;
use crate::memory::Memory;

/// One call: memory that JavaScript lends, with the caller's input at its start.
///
/// The message is written over the input, from the start of [`output`](Self::output) on; the function returns its
/// length. The input comes from a JavaScript program: check it as what it is, untrusted.
///
/// # Memory that is shared
///
/// If the caller lends a `SharedArrayBuffer`, other threads of the page may write to it during the call, and a `&[u8]`
/// of it would be undefined behaviour. `input` and `output` are therefore slices of a private copy then: all of the
/// memory is copied when one of them is first called, and the message is copied back when the function has returned
/// `Ok`. A thread reuses the buffer of the copy, up to 32 MiB. Memory that is not shared, which is nearly all, is never
/// copied.
///
/// [`bytes`](Self::bytes), [`read`](Self::read) and [`write`](Self::write) make no copy in either case.
///
/// # What the compiler refuses
///
/// The input and the output are the same bytes. So they cannot be held together:
///
/// ```compile_fail,E0502
/// # use inplace_exchange_sdk::{Call, Error};
/// fn both(call: &mut Call) -> Result<usize, Error> {
///     let input = call.input();
///     let output = call.output();
///     output[0] = input[0];
///     Ok(1)
/// }
/// ```
///
/// A call, and what is borrowed from it, ends with the function:
///
/// ```compile_fail,E0521
/// # use inplace_exchange_sdk::{Call, Error};
/// static LAST: std::sync::Mutex<&[u8]> = std::sync::Mutex::new(&[]);
/// fn keeps(call: &mut Call) -> Result<usize, Error> {
///     *LAST.lock().unwrap() = call.input();
///     Ok(0)
/// }
/// ```
///
/// It stays on its thread; slices and the [`Control`] can be given to threads that end before it does:
///
/// ```compile_fail,E0277
/// # use inplace_exchange_sdk::{Call, Error};
/// fn moves(call: &mut Call) -> Result<usize, Error> {
///     std::thread::scope(|scope| scope.spawn(|| call.output().fill(0)).join());
///     Ok(0)
/// }
/// ```
pub struct Call<'call> {
    memory: Memory<'call>,
    control: Control<'call>,
    /// At most the length of the memory.
    input: usize,
    operation: usize,
    names: &'static [&'static str],
}

impl<'call> Call<'call> {
    /// # Safety
    /// During `'call` the struct is that of a call of `exchange_perform` that has not returned, and keeps the contract
    /// of `exchange.h`; and this is the only `Call` of it.
    #[inline]
    pub(crate) unsafe fn new(raw: &'call RawCall, names: &'static [&'static str]) -> Self {
        debug_assert!(raw.size >= size_of::<RawCall>(), "a struct of version 1");
        Self {
            // SAFETY: by the header the memory is lent for as long as the call runs, and nothing else accesses it
            // unless the flag says that it is shared; that memory belongs to V8.
            memory: unsafe { Memory::new(raw.data, raw.capacity, raw.flags & SHARED != 0) },
            // SAFETY: the call has not returned during 'call (this function's contract).
            control: unsafe { Control::new(raw) },
            input: raw.input.min(raw.capacity),
            operation: raw.operation as usize,
            names,
        }
    }

    /// The caller's input, as it is now: what was written to the output has overwritten it.
    #[inline]
    pub fn input(&self) -> &[u8] {
        &self.memory.as_slice()[..self.input]
    }

    /// All of the memory, to write the message into. It begins with the input; what is behind that is unspecified.
    #[inline]
    pub fn output(&mut self) -> &mut [u8] {
        self.memory.as_mut_slice()
    }

    /// The first `len` bytes of [`output`](Self::output).
    ///
    /// # Errors
    /// [`Error::too_small`] if there are fewer.
    #[inline]
    pub fn output_of(&mut self, len: usize) -> Result<&mut [u8], Error> {
        self.output().get_mut(..len).ok_or_else(|| Error::too_small(len))
    }

    /// All of the memory as a view that costs no copy if the memory is shared. What is written through it and through
    /// [`output`](Self::output) is seen by both.
    #[inline]
    pub fn bytes(&mut self) -> Bytes<'_> {
        self.memory.bytes()
    }

    /// How many bytes the message may have.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// Whether other threads of the page may write to the memory, see [above](Self#memory-that-is-shared).
    #[inline]
    pub fn is_shared(&self) -> bool {
        self.memory.is_shared()
    }

    /// The name of the operation that the caller asks for; `None` if it named none.
    #[inline]
    pub fn operation(&self) -> Option<&'static str> {
        self.names.get(self.operation.checked_sub(1)?).copied()
    }

    /// A copy of the start of the input as a type, whatever its alignment. `zerocopy`, which this crate re-exports,
    /// derives what it takes:
    ///
    /// ```
    /// use inplace_exchange_sdk::zerocopy::{FromBytes, Immutable, IntoBytes, byteorder::little_endian::U32};
    /// use inplace_exchange_sdk::{Call, Error};
    ///
    /// #[derive(FromBytes)]
    /// #[zerocopy(crate = "inplace_exchange_sdk::zerocopy")]
    /// #[repr(C)]
    /// struct Request {
    ///     width: U32,
    ///     height: U32,
    /// }
    ///
    /// #[derive(IntoBytes, Immutable)]
    /// #[zerocopy(crate = "inplace_exchange_sdk::zerocopy")]
    /// #[repr(C)]
    /// struct Header {
    ///     bytes: U32,
    /// }
    ///
    /// fn picture(call: &mut Call) -> Result<usize, Error> {
    ///     let request: Request = call.read()?;
    ///     let pixels = request.width.get().checked_mul(request.height.get()).ok_or("too many pixels")?;
    ///     call.write(0, &Header { bytes: pixels.into() })?;
    ///     let picture = call.output_of(size_of::<Header>() + pixels as usize)?;
    ///     picture[size_of::<Header>()..].fill(128);
    ///     Ok(picture.len())
    /// }
    /// # inplace_exchange_sdk::library!(picture);
    /// # use inplace_exchange_sdk::testing::{Answer, Host, Request as Asked};
    /// # let (mut memory, host) = ([3, 0, 0, 0, 1, 0, 0, 0], Host::of(&LIBRARY));
    /// # assert_eq!(host.perform(&mut memory, Asked::default()).result, Ok(7));
    /// # assert_eq!(memory, [3, 0, 0, 0, 128, 128, 128, 0]);
    /// ```
    ///
    /// `#[zerocopy(crate = …)]` tells the derive where that crate is; a crate that depends on `zerocopy` itself leaves
    /// it out.
    ///
    /// # Errors
    /// If the input has fewer bytes than a `T`.
    #[inline]
    pub fn read<T: FromBytes>(&self) -> Result<T, Error> {
        self.memory.read(self.input).ok_or_else(|| short::<T>(self.input))
    }

    /// Writes a value at an offset, whatever its alignment. [`read`](Self::read) has an example.
    ///
    /// # Errors
    /// [`Error::too_small`] if it does not fit; nothing is written then.
    #[inline]
    pub fn write<T: IntoBytes + Immutable + ?Sized>(&mut self, offset: usize, value: &T) -> Result<(), Error> {
        self.memory.write(offset, value.as_bytes())
    }

    /// Writes a whole message, and returns its length: the last line of a function.
    ///
    /// # Errors
    /// [`Error::too_small`] if it does not fit; nothing is written then.
    #[inline]
    pub fn reply(&mut self, message: impl AsRef<[u8]>) -> Result<usize, Error> {
        let message = message.as_ref();
        self.memory.write(0, message)?;
        Ok(message.len())
    }

    /// As [`Control::cancelled`].
    #[inline]
    pub fn cancelled(&self) -> bool {
        self.control.cancelled()
    }

    /// [`Error::cancelled`] if the call was cancelled: `call.check()?` in a loop.
    ///
    /// # Errors
    /// If the call was cancelled.
    #[inline]
    pub fn check(&self) -> Result<(), Error> {
        if self.cancelled() {
            Err(Error::cancelled())
        } else {
            Ok(())
        }
    }

    /// As [`Control::progress`].
    #[inline]
    pub fn progress(&self, done: u64, total: u64) {
        self.control.progress(done, total);
    }

    /// Asks and tells the caller while the memory is borrowed, and from other threads.
    #[inline]
    pub fn control(&self) -> Control<'call> {
        self.control
    }

    /// The number of the operation: 0 for none.
    #[inline]
    pub(crate) fn number(&self) -> usize {
        self.operation
    }

    /// Ends the call: what `exchange_perform` returns.
    #[inline]
    pub(crate) fn finish(&mut self, result: Result<usize, Error>) -> i64 {
        match result {
            Ok(message) => {
                self.memory.finish(message);
                i64::try_from(message).unwrap_or(i64::MAX)
            }
            Err(error) => self.fail(&error),
        }
    }

    #[cold]
    fn fail(&mut self, error: &Error) -> i64 {
        let value = error.return_value(self.capacity());
        if value < 0 {
            self.control.message(&error.to_string());
        }
        value
    }

    /// The error of an operation that the library does not have.
    #[cold]
    pub(crate) fn unknown(&self) -> Error {
        Error::new(match self.operation {
            0 if self.names.is_empty() => "the library streams, and does nothing else".to_owned(),
            0 => format!("name an operation: {}", self.names.join(", ")),
            number => format!(
                "operation {number} is not among the {} of this library",
                self.names.len()
            ),
        })
    }
}

#[cold]
fn short<T>(input: usize) -> Error {
    Error::new(format_args!(
        "the input has {input} bytes; the request has {}",
        size_of::<T>()
    ))
}
