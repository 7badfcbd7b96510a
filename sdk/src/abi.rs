//! The C ABI of `exchange.h`: the structs of a call and of a stream, and the numbers.

use std::ffi::{c_char, c_int, c_void};

/// `EXCHANGE_ABI_VERSION`.
pub const VERSION: u32 = 1;

/// `EXCHANGE_CONCURRENT`, a bit of `exchange_flags`.
pub const CONCURRENT: u32 = 1;

/// `EXCHANGE_SHARED`, a bit of `exchange_call.flags`.
pub const SHARED: u32 = 1;

/// `exchange_call`. The header says what each field is.
#[repr(C)]
pub struct RawCall {
    pub(crate) size: usize,
    pub(crate) data: *mut u8,
    pub(crate) capacity: usize,
    pub(crate) input: usize,
    pub(crate) operation: u32,
    pub(crate) flags: u32,
    pub(crate) host: *mut c_void,
    pub(crate) cancelled: unsafe extern "C" fn(*mut c_void) -> c_int,
    pub(crate) progress: unsafe extern "C" fn(*mut c_void, u64, u64),
    pub(crate) message: unsafe extern "C" fn(*mut c_void, *const c_char),
}

/// `exchange_sink`. The header says what each field is.
#[repr(C)]
pub struct RawSink {
    pub(crate) size: usize,
    pub(crate) input: *const u8,
    pub(crate) input_length: usize,
    pub(crate) operation: u32,
    pub(crate) flags: u32,
    pub(crate) capacity: usize,
    pub(crate) host: *mut c_void,
    pub(crate) acquire: unsafe extern "C" fn(*mut c_void, c_int) -> *mut u8,
    pub(crate) commit: unsafe extern "C" fn(*mut c_void, usize) -> c_int,
    pub(crate) cancelled: unsafe extern "C" fn(*mut c_void) -> c_int,
    pub(crate) message: unsafe extern "C" fn(*mut c_void, *const c_char),
}

/// `exchange_perform`.
pub type Perform = unsafe extern "C" fn(*const RawCall) -> i64;

/// `exchange_stream`.
pub type Stream = unsafe extern "C" fn(*const RawSink) -> i64;
