use std::panic::{AssertUnwindSafe, catch_unwind};

/// # Safety
/// `data` points at `len` bytes that are this call's alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn exchange_inplace(data: *mut u8, len: usize) -> i64 {
    // SAFETY: the caller's promise, as exchange.h gives it.
    let bytes = unsafe { std::slice::from_raw_parts_mut(data, len) };
    // No panic may leave: catch it, and answer with a negative status.
    let work = AssertUnwindSafe(|| {
        bytes.make_ascii_uppercase();
        bytes.len() as i64
    });
    catch_unwind(work).unwrap_or(-1)
}
