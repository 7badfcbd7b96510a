//! `exchange_stream`, and the struct that it is called with.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::{self, NonNull};

use super::perform::SHARED;
use super::text::text;

/// Where a library puts the messages of a stream. It may use it from all its threads, one at a time.
pub(crate) trait Sink: Sync {
    /// Memory for the next message, which is the library's until [`commit`](Self::commit). `None` if there is none now, or the
    /// stream is to end.
    fn acquire(&self, wait: bool) -> Option<NonNull<u8>>;

    /// Hands over a message of so many bytes. False, and nothing is handed over, if it is longer than the memory, or there is
    /// no such memory.
    fn commit(&self, length: usize) -> bool;

    /// Whether the stream is to end.
    fn is_cancelled(&self) -> bool;

    /// Why it fails, in words.
    fn set_message(&self, text: Option<String>);
}

/// `exchange_sink` of the header.
#[repr(C)]
pub(crate) struct ExchangeSink {
    size: usize,
    input: *const u8,
    input_length: usize,
    operation: u32,
    flags: u32,
    capacity: usize,
    /// A pointer at a `&dyn Sink`.
    host: *mut c_void,
    acquire: unsafe extern "C" fn(*mut c_void, c_int) -> *mut u8,
    commit: unsafe extern "C" fn(*mut c_void, usize) -> c_int,
    cancelled: unsafe extern "C" fn(*mut c_void) -> c_int,
    message: unsafe extern "C" fn(*mut c_void, *const c_char),
}

pub(crate) type Stream = unsafe extern "C" fn(*const ExchangeSink) -> i64;

/// A library's `exchange_stream`. The library stays loaded for the life of the process.
#[derive(Clone, Copy)]
pub(crate) struct StreamFunction(pub(super) Stream);

impl StreamFunction {
    /// Calls it: the number that it returns.
    pub(crate) fn call(self, input: &[u8], operation: u32, capacity: usize, sink: &dyn Sink) -> i64 {
        let sink = ExchangeSink {
            size: size_of::<ExchangeSink>(),
            input: input.as_ptr(),
            input_length: input.len(),
            operation,
            flags: SHARED,
            capacity,
            host: ptr::from_ref(&sink).cast_mut().cast(),
            acquire,
            commit,
            cancelled,
            message,
        };
        // SAFETY: the library is loaded, the signature is the header's, and the struct, the input and the sink outlive the call.
        unsafe { (self.0)(&raw const sink) }
    }
}

/// # Safety
/// `host` is that of a call that has not returned.
unsafe fn sink<'a>(host: *mut c_void) -> &'a dyn Sink {
    // SAFETY: it points at a reference, both of which outlive the call (this function's contract).
    unsafe { *host.cast::<&dyn Sink>() }
}

/// # Safety
/// `host` is that of a call that has not returned.
unsafe extern "C" fn acquire(host: *mut c_void, wait: c_int) -> *mut u8 {
    // SAFETY: host is that of a call that has not returned (this function's contract).
    let memory = unsafe { sink(host) }.acquire(wait != 0);
    memory.map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// # Safety
/// `host` is that of a call that has not returned.
unsafe extern "C" fn commit(host: *mut c_void, length: usize) -> c_int {
    // SAFETY: host is that of a call that has not returned (this function's contract).
    let is_handed_over = unsafe { sink(host) }.commit(length);
    if is_handed_over { 0 } else { -1 }
}

/// # Safety
/// `host` is that of a call that has not returned.
unsafe extern "C" fn cancelled(host: *mut c_void) -> c_int {
    // SAFETY: host is that of a call that has not returned (this function's contract).
    unsafe { sink(host) }.is_cancelled().into()
}

/// # Safety
/// `host` is that of a call that has not returned, and the text is null or NUL-terminated.
unsafe extern "C" fn message(host: *mut c_void, words: *const c_char) {
    // SAFETY: null or NUL-terminated (this function's contract); it is copied now.
    let words = unsafe { text(words) };
    // SAFETY: host is that of a call that has not returned (this function's contract).
    unsafe { sink(host) }.set_message(words);
}
