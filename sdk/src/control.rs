//! What a call, and a stream, ask and tell their caller while they run.

use std::ffi::{CStr, CString};
use std::ptr::NonNull;

use crate::abi::{RawCall, RawSink};

/// Asks whether a call was cancelled, and reports its progress. From [`Call::control`](crate::Call::control).
///
/// It can be copied, and given to other threads that end before the call does, by [`std::thread::scope`]; it borrows
/// nothing of the call, so that it can be used beside [`output`](crate::Call::output).
///
/// ```
/// use inplace_exchange_sdk::{Call, Control, Error};
///
/// fn blur(call: &mut Call) -> Result<usize, Error> {
///     let control = call.control();
///     let output = call.output();
///     let half = output.len() / 2;
///     let (left, right) = output.split_at_mut(half);
///     std::thread::scope(|scope| {
///         scope.spawn(|| smooth(left, control));
///         smooth(right, control);
///     });
///     call.check()?;
///     Ok(call.capacity())
/// }
///
/// fn smooth(bytes: &mut [u8], control: Control) {
///     for (row, bytes) in bytes.chunks_mut(4096).enumerate() {
///         if control.cancelled() {
///             return;
///         }
///         control.progress(row as u64, 0);
///         bytes.fill(0);
///     }
/// }
/// # inplace_exchange_sdk::library!(blur);
/// # use inplace_exchange_sdk::testing::{Host, Request};
/// # let outcome = Host::of(&LIBRARY).perform(&mut [7; 10_000], Request::default());
/// # assert_eq!(outcome.result, Ok(10_000));
/// # assert_eq!(outcome.progress.len(), 4);
/// ```
///
/// A thread that may outlive the call is refused by the compiler:
///
/// ```compile_fail,E0521
/// use inplace_exchange_sdk::{Call, Error};
///
/// fn leaks(call: &mut Call) -> Result<usize, Error> {
///     let control = call.control();
///     std::thread::spawn(move || control.cancelled());
///     Ok(0)
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Control<'call> {
    call: &'call RawCall,
}

// SAFETY: of the struct this reads `host` and the functions, which nobody writes to during the call; and it calls
// functions that the header lets any thread of the library call until exchange_perform returns, which outlives 'call.
unsafe impl Send for Control<'_> {}

// SAFETY: as for Send; each of its functions may be called by several threads at once.
unsafe impl Sync for Control<'_> {}

impl<'call> Control<'call> {
    /// # Safety
    /// During `'call` the struct is that of a call of `exchange_perform` that has not returned.
    #[inline]
    pub(crate) unsafe fn new(call: &'call RawCall) -> Self {
        Self { call }
    }

    /// Whether the caller has cancelled this call, or its page is ending. It takes a few nanoseconds: ask as often as
    /// every millisecond.
    #[inline]
    pub fn cancelled(&self) -> bool {
        // SAFETY: exchange_perform has not returned (new's contract), and this is the call's own `host`.
        unsafe { (self.call.cancelled)(self.call.host) != 0 }
    }

    /// Says how far the call is, in a measure of your own; a total of 0 is not known. The caller sees the latest
    /// values, at most every 50 ms.
    #[inline]
    pub fn progress(&self, done: u64, total: u64) {
        // SAFETY: as in `cancelled`.
        unsafe { (self.call.progress)(self.call.host, done, total) };
    }

    /// Why the call fails. The text ends at its first NUL.
    #[cold]
    pub(crate) fn message(&self, words: &str) {
        with_c_text(words, |words| {
            // SAFETY: as in `cancelled`; the text ends with a NUL, and the host copies it at once.
            unsafe { (self.call.message)(self.call.host, words.as_ptr()) };
        });
    }
}

/// Asks whether a stream is to end. From [`Sink::control`](crate::Sink::control).
///
/// As a [`Control`] it can be copied, and given to other threads that end before the function does; so the thread that
/// started an engine can wait for the end of the stream, while the engine's callback has the sink.
#[derive(Clone, Copy)]
pub struct StreamControl<'call> {
    sink: &'call RawSink,
}

// SAFETY: of the struct this reads what nobody writes to during the call; and it calls functions that the header lets any
// thread of the library call until exchange_stream returns, which outlives 'call.
unsafe impl Send for StreamControl<'_> {}

// SAFETY: as for Send; `cancelled` and `message` may be called by several threads at once, and the functions that may not
// are unsafe.
unsafe impl Sync for StreamControl<'_> {}

impl<'call> StreamControl<'call> {
    /// # Safety
    /// During `'call` the struct is that of a call of `exchange_stream` that has not returned.
    #[inline]
    pub(crate) unsafe fn new(sink: &'call RawSink) -> Self {
        Self { sink }
    }

    /// Whether the stream is to end: return soon. It takes a few nanoseconds.
    #[inline]
    pub fn cancelled(&self) -> bool {
        // SAFETY: exchange_stream has not returned (new's contract), and this is the call's own `host`.
        unsafe { (self.sink.cancelled)(self.sink.host) != 0 }
    }

    /// Memory for the next message, of [`capacity`](Self::capacity) bytes.
    ///
    /// # Safety
    /// No other thread is in `acquire` or `commit`, and what an earlier `acquire` has returned is not in use.
    #[inline]
    pub(crate) unsafe fn acquire(&self, wait: bool) -> Option<NonNull<u8>> {
        // SAFETY: as in `cancelled`; one at a time (this function's contract).
        NonNull::new(unsafe { (self.sink.acquire)(self.sink.host, wait.into()) })
    }

    /// Hands over a message of so many bytes; whether the host has taken it.
    ///
    /// # Safety
    /// No other thread is in `acquire` or `commit`, and the memory is not accessed afterwards.
    #[inline]
    pub(crate) unsafe fn commit(&self, len: usize) -> bool {
        // SAFETY: as in `cancelled`; one at a time (this function's contract).
        unsafe { (self.sink.commit)(self.sink.host, len) == 0 }
    }

    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.sink.capacity
    }

    /// Why the stream fails. The text ends at its first NUL.
    #[cold]
    pub(crate) fn message(&self, words: &str) {
        with_c_text(words, |words| {
            // SAFETY: as in `cancelled`; the text ends with a NUL, and the host copies it at once.
            unsafe { (self.sink.message)(self.sink.host, words.as_ptr()) };
        });
    }
}

/// Up to the first NUL.
fn with_c_text(words: &str, tell: impl FnOnce(&CStr)) {
    let words = words.split('\0').next().unwrap_or_default();
    if let Ok(words) = CString::new(words) {
        tell(&words);
    }
}
