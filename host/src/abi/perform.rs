//! `exchange_perform`, and the struct that it is called with.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use super::text::text;
use crate::lent_memory::LentMemory;
use crate::request::{Caller, Progress, Request};

/// `exchange_call.flags`, bit 0: other threads may write to the memory.
pub(super) const SHARED: u32 = 1;

/// `exchange_call` of the header.
#[repr(C)]
pub(crate) struct ExchangeCall {
    size: usize,
    data: *mut u8,
    capacity: usize,
    input: usize,
    operation: u32,
    flags: u32,
    /// A pointer at a `&dyn Caller`.
    host: *mut c_void,
    cancelled: unsafe extern "C" fn(*mut c_void) -> c_int,
    progress: unsafe extern "C" fn(*mut c_void, u64, u64),
    message: unsafe extern "C" fn(*mut c_void, *const c_char),
}

pub(crate) type Perform = unsafe extern "C" fn(*const ExchangeCall) -> i64;

/// A library's `exchange_perform`. The library stays loaded for the life of the process.
#[derive(Clone, Copy)]
pub(crate) struct PerformFunction(pub(super) Perform);

impl PerformFunction {
    /// Calls it: the number that it returns.
    #[inline]
    pub(crate) fn call(self, memory: LentMemory<'_>, request: &Request, caller: &dyn Caller) -> i64 {
        let capacity = memory.len();
        let call = ExchangeCall {
            size: size_of::<ExchangeCall>(),
            data: memory.data().as_ptr(),
            capacity,
            input: request.input.map_or(capacity, |input| input.min(capacity)),
            operation: request.operation,
            flags: if request.shared { SHARED } else { 0 },
            host: ptr::from_ref(&caller).cast_mut().cast(),
            cancelled,
            progress,
            message,
        };
        // SAFETY: the library is loaded, the signature is the header's, and the memory may be written to until this
        // returns (LentMemory's contract), as long as which the struct and the caller are there as well.
        unsafe { (self.0)(&raw const call) }
    }
}

/// # Safety
/// `host` is that of a call that has not returned.
unsafe fn caller<'a>(host: *mut c_void) -> &'a dyn Caller {
    // SAFETY: it points at a reference, both of which outlive the call (this function's contract).
    unsafe { *host.cast::<&dyn Caller>() }
}

/// # Safety
/// `host` is that of a call that has not returned.
unsafe extern "C" fn cancelled(host: *mut c_void) -> c_int {
    // SAFETY: host is that of a call that has not returned (this function's contract).
    unsafe { caller(host) }.is_cancelled().into()
}

/// # Safety
/// `host` is that of a call that has not returned.
unsafe extern "C" fn progress(host: *mut c_void, done: u64, total: u64) {
    // SAFETY: host is that of a call that has not returned (this function's contract).
    unsafe { caller(host) }.set_progress(Progress { done, total });
}

/// # Safety
/// `host` is that of a call that has not returned, and the text is null or NUL-terminated.
unsafe extern "C" fn message(host: *mut c_void, words: *const c_char) {
    // SAFETY: null or NUL-terminated (this function's contract); it is copied now.
    let words = unsafe { text(words) };
    // SAFETY: host is that of a call that has not returned (this function's contract).
    unsafe { caller(host) }.set_message(words);
}
