//! The place where Node-API writes an answer.
//!
//! Places on the stack that a function initialises, Node-API overwrites and the function then loads have made a call of 64 bytes
//! 9 to 14 ns longer, from the second one on (AMD EPYC); probably because the processor expects a load to get what the function
//! has stored there, and begins again. So on the way of a synchronous call they are not initialised, and where a value has to be
//! in one, it is written by another pointer. What that is worth depends on how the compiler lays out the stack:
//! `npm run bench:calls` shows it.

use std::hint::black_box;
use std::mem::MaybeUninit;

use napi::sys;

/// What `ask` writes to the place that it is given, if its status is ok.
///
/// # Safety
/// If the status is ok, the place has been written.
#[inline(always)]
pub(crate) unsafe fn answered<T>(ask: impl FnOnce(*mut T) -> sys::napi_status) -> Option<T> {
    let mut answer = MaybeUninit::uninit();
    if ask(answer.as_mut_ptr()) != sys::Status::napi_ok {
        return None;
    }
    // SAFETY: the place has been written, as the status is ok (this function's contract).
    Some(unsafe { answer.assume_init() })
}

/// A place with a value, which Node-API reads, or leaves there.
#[inline(always)]
pub(crate) fn place_with<T>(place: &mut MaybeUninit<T>, value: T) -> &mut T {
    black_box(place).write(value)
}
