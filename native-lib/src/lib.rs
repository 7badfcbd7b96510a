//! The dynamic library that Inplace Exchange calls by default: it writes a greeting.
//!
//! `include/exchange.h` is the contract that these symbols keep; what is said there is not said again here.

use std::ffi::{CStr, c_char};

/// What the library writes. Its size is the number of bytes that a buffer must have.
pub const MESSAGE: &str = concat!(
    "Hello from Rust! native-lib ",
    env!("CARGO_PKG_VERSION"),
    " wrote these bytes in place, into memory that V8 owns."
);

/// Bit 0 of `exchange_flags`: calls may run on several threads at once. This library has no state.
pub const EXCHANGE_CONCURRENT: u32 = 1;

/// The status for a null `data`, which the contract rules out: a caller of this symbol other than the addon may err.
pub const STATUS_NULL_DATA: i64 = -1;

/// Writes [`MESSAGE`] at the start of `data` if it fits, and answers its length in bytes either way.
///
/// # Safety
/// - `data` is null, or points at `len` bytes that may be written during this call.
/// - Nothing else reads or writes those bytes during this call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn exchange_inplace(data: *mut u8, len: usize) -> i64 {
    if data.is_null() {
        return STATUS_NULL_DATA;
    }
    if MESSAGE.len() <= len {
        // SAFETY: data has len writable bytes (the caller's obligation) and MESSAGE is no longer than that. MESSAGE is
        // a constant of this library, so memory that the caller lends cannot overlap it.
        unsafe { std::ptr::copy_nonoverlapping(MESSAGE.as_ptr(), data, MESSAGE.len()) };
    }
    const { MESSAGE.len() as i64 }
}

/// The version of the ABI in `include/exchange.h`.
#[unsafe(no_mangle)]
pub extern "C" fn exchange_abi_version() -> u32 {
    1
}

/// Calls may run on several threads at once.
#[unsafe(no_mangle)]
pub extern "C" fn exchange_flags() -> u32 {
    EXCHANGE_CONCURRENT
}

/// The library's name and version.
#[unsafe(no_mangle)]
pub extern "C" fn exchange_library_name() -> *const c_char {
    const NAME: &CStr =
        match CStr::from_bytes_with_nul(concat!("native-lib ", env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(name) => name,
            Err(_) => panic!("the package version has a NUL in it"),
        };
    NAME.as_ptr()
}

/// What a negative status of [`exchange_inplace`] means; null for a status that this library does not use.
#[unsafe(no_mangle)]
pub extern "C" fn exchange_error_message(status: i64) -> *const c_char {
    match status {
        STATUS_NULL_DATA => c"data was a null pointer".as_ptr(),
        _ => std::ptr::null(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Lends the library `len` bytes in the middle of a larger allocation, so that a byte written outside them shows.
    fn exchange(len: usize) -> (i64, Vec<u8>) {
        const MARGIN: usize = 64;
        let mut memory = vec![0xA5; MARGIN + len + MARGIN];
        // SAFETY: the pointer is MARGIN bytes into an allocation that has len bytes and a margin after it.
        let count = unsafe { exchange_inplace(memory.as_mut_ptr().add(MARGIN), len) };
        assert!(memory[..MARGIN].iter().all(|&b| b == 0xA5), "wrote before data");
        assert!(memory[MARGIN + len..].iter().all(|&b| b == 0xA5), "wrote after data");
        (count, memory[MARGIN..MARGIN + len].to_vec())
    }

    proptest! {
        #[test]
        fn answers_the_whole_length_and_writes_only_what_fits(len in 0..4 * MESSAGE.len()) {
            let (count, data) = exchange(len);
            prop_assert_eq!(count, MESSAGE.len() as i64);
            if len < MESSAGE.len() {
                prop_assert!(data.iter().all(|&b| b == 0xA5), "half a message was written");
            } else {
                prop_assert_eq!(&data[..MESSAGE.len()], MESSAGE.as_bytes());
                prop_assert!(data[MESSAGE.len()..].iter().all(|&b| b == 0xA5), "wrote past the message");
            }
        }
    }

    #[test]
    fn a_null_pointer_is_a_status_with_a_message() {
        // SAFETY: null is allowed.
        let status = unsafe { exchange_inplace(std::ptr::null_mut(), 8) };
        assert_eq!(status, STATUS_NULL_DATA);
        // SAFETY: a non-null answer is a static NUL-terminated string.
        let text = unsafe { CStr::from_ptr(exchange_error_message(status)) };
        assert_eq!(text.to_str(), Ok("data was a null pointer"));
        assert!(exchange_error_message(-2).is_null());
    }

    #[test]
    fn says_what_it_is() {
        // SAFETY: the name is a static NUL-terminated string.
        let name = unsafe { CStr::from_ptr(exchange_library_name()) };
        assert_eq!(
            name.to_str().unwrap(),
            format!("native-lib {}", env!("CARGO_PKG_VERSION"))
        );
        assert_eq!((exchange_abi_version(), exchange_flags()), (1, EXCHANGE_CONCURRENT));
    }
}
