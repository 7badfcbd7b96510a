//! Turns ASCII letters into capitals, in place, without the SDK.

use std::panic::catch_unwind;

/// # Safety
/// `data` must be valid for reads and writes of `len` bytes during this call. Other threads may access the bytes, too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn exchange_inplace(data: *mut u8, len: usize) -> i64 {
    let uppercase = || {
        for i in 0..len {
            // SAFETY: i < len, so that the address is within the caller's memory.
            let at = unsafe { data.add(i) };
            // SAFETY: `at` is valid for reads. No `&mut [u8]`, which would promise that no other thread has access.
            let byte = unsafe { at.read() }; // copy, then check the copy
            // SAFETY: `at` is valid for writes.
            unsafe { at.write(byte.to_ascii_uppercase()) };
        }
        len as i64
    };
    catch_unwind(uppercase).unwrap_or(-1) // no panic may leave this function: return a negative status
}
