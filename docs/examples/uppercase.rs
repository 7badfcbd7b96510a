use std::panic::catch_unwind;

/// # Safety
/// `data` points at `len` bytes that may be read and written during this call, by other threads, too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn exchange_inplace(data: *mut u8, len: usize) -> i64 {
    // No panic may leave: catch it, and answer with a negative status.
    let work = || {
        for at in 0..len {
            // SAFETY: at < len. Through the pointer: a `&mut [u8]` would promise that no other thread touches the bytes.
            unsafe {
                let byte = data.add(at).read(); // a copy: only this is looked at
                data.add(at).write(byte.to_ascii_uppercase());
            }
        }
        len as i64
    };
    catch_unwind(work).unwrap_or(-1)
}
