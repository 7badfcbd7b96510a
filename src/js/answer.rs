//! The place where Node-API writes an answer.
//!
//! A processor that has seen a function store to its stack may expect that a load from there gets what was stored, and not what
//! another pointer has written there since. It then begins again: such places have made a call of 64 bytes 9 to 14 ns longer
//! (AMD EPYC). So on the way of a synchronous call they are not initialised, and where a value has to be in one, it is written by
//! another pointer as well.
//! `npm run bench:calls` shows what that is worth: it depends on how the compiler lays out the stack.

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
