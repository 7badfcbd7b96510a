//! The dynamic library that Inplace Exchange calls by default: it writes a greeting, and fills the rest of the memory
//! on request.
//!
//! `include/exchange.h` is the contract of these symbols. They are written by hand, without the SDK, because this
//! library is what a call is measured with: the host calls `exchange_inplace` with nothing between, which takes some 40
//! ns less than `exchange_perform`.

mod lent_buffer;

use std::ffi::{CStr, c_char};

use lent_buffer::LentBuffer;

/// The greeting. A buffer must be long enough for it.
pub const MESSAGE: &str = concat!(
    "Hello from Rust! native-lib ",
    env!("CARGO_PKG_VERSION"),
    " wrote these bytes in place, into memory that V8 owns."
);

/// At the start of the memory, requests to fill it to its end: the message is followed by rows of sixteen bytes, each
/// with its offset in hexadecimal.
pub const FILL: &[u8; 4] = b"fill";

/// A row at offset 0.
const ROW: &[u8; 16] = b"byte 0x00000000\n";
const DIGITS: std::ops::Range<usize> = 7..15;

/// The offset of the first row. Spaces and a line feed separate it from the message.
const FIRST_ROW: usize = (MESSAGE.len() + 1).next_multiple_of(ROW.len());

/// Bit 0 of `exchange_flags`: calls may run on several threads at once. This library has no state.
pub const EXCHANGE_CONCURRENT: u32 = 1;

/// The status for a null `data`. The addon never passes one; another caller may.
pub const STATUS_NULL_DATA: i64 = -1;

/// Writes [`MESSAGE`] at the start of `data` if it fits, and returns its length in bytes either way. If it fits and
/// `data` begins with [`FILL`], writes to the end and returns `len`.
///
/// # Safety
/// - `data` is null, or valid for reads and writes of `len` bytes during this call.
/// - If other threads read or write those bytes during this call, the memory is shared and `exchange.h` allows it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn exchange_inplace(data: *mut u8, len: usize) -> i64 {
    if data.is_null() {
        return STATUS_NULL_DATA;
    }
    if len < MESSAGE.len() {
        return const { MESSAGE.len() as i64 };
    }
    // SAFETY: `data` is not null, and valid for reads and writes of `len` bytes until this function returns (its
    // contract).
    let memory = unsafe { LentBuffer::new(data, len) };
    // Decided once, before the message overwrites the request: another thread may write to shared memory meanwhile.
    let fill = memory.first() == Some(*FILL);
    memory.write(0, MESSAGE.bytes().map(|byte| [byte]));
    if !fill {
        return const { MESSAGE.len() as i64 };
    }
    write_rows(&memory);
    i64::try_from(len).unwrap_or(i64::MAX)
}

/// Fills the memory after the message.
fn write_rows(memory: &LentBuffer) {
    let gap = (MESSAGE.len() + 1..=FIRST_ROW).map(|next| if next == FIRST_ROW { b'\n' } else { b' ' });
    memory.write(MESSAGE.len(), gap.map(|byte| [byte]));
    memory.write(FIRST_ROW, (FIRST_ROW..).step_by(ROW.len()).map(row_at));
    // The last row may be truncated.
    let end = memory.len() - memory.len() % ROW.len();
    memory.write(end.max(FIRST_ROW), row_at(end).into_iter().map(|byte| [byte]));
}

/// The row at an offset; it shows the lower 32 bits of the offset.
fn row_at(start: usize) -> [u8; ROW.len()] {
    // Spreads the eight digits to a byte each, then turns all of them into 0..9 and a..f at once.
    let number = start as u64;
    let digits = (number & 0xffff_0000) << 16 | number & 0xffff;
    let digits = digits << 8 & 0x00ff_0000_00ff_0000 | digits & 0x0000_00ff_0000_00ff;
    let digits = digits << 4 & 0x0f00_0f00_0f00_0f00 | digits & 0x000f_000f_000f_000f;
    let letters = (digits + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    let text = digits + 0x3030_3030_3030_3030 + letters * u64::from(b'a' - b'0' - 10);
    let mut row = *ROW;
    row[DIGITS].copy_from_slice(&text.to_be_bytes());
    row
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
            Err(_) => panic!("the package version contains a NUL"),
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
mod tests;
