//! What a call asks and tells its caller while it runs.

use std::ffi::CString;

use crate::abi::RawCall;

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
        let words = words.split('\0').next().unwrap_or_default();
        if let Ok(words) = CString::new(words) {
            // SAFETY: as in `cancelled`; the text ends with a NUL, and the host copies it at once.
            unsafe { (self.call.message)(self.call.host, words.as_ptr()) };
        }
    }
}
