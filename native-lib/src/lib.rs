//! The dynamic library that Inplace Exchange calls by default: it writes a greeting, and fills all of the memory when it is
//! asked to.
//!
//! `include/exchange.h` is the contract that these symbols keep; what is said there is not said again here.

mod lent_buffer;

use std::ffi::{CStr, c_char};

use lent_buffer::LentBuffer;

/// What the library writes. Its size is the number of bytes that a buffer must have.
pub const MESSAGE: &str = concat!(
    "Hello from Rust! native-lib ",
    env!("CARGO_PKG_VERSION"),
    " wrote these bytes in place, into memory that V8 owns."
);

/// Memory that begins with this is filled to its end: after the message come rows of sixteen bytes that are numbered, each
/// by the place where it begins, in hexadecimal.
pub const FILL: &[u8; 4] = b"fill";

/// A row, before it has its number.
const ROW: &[u8; 16] = b"byte 0x00000000\n";
const DIGITS: std::ops::Range<usize> = 7..15;

/// Where the first row begins. What is between the message and it is spaces and a line's end.
const FIRST_ROW: usize = (MESSAGE.len() + 1).next_multiple_of(ROW.len());

/// Bit 0 of `exchange_flags`: calls may run on several threads at once. This library has no state.
pub const EXCHANGE_CONCURRENT: u32 = 1;

/// The status for a null `data`, which the contract rules out: a caller of this symbol other than the addon may err.
pub const STATUS_NULL_DATA: i64 = -1;

/// Writes [`MESSAGE`] at the start of `data` if it fits, and answers its length in bytes either way. Asked to [`FILL`] memory
/// that it fits into, writes to the end and answers `len`.
///
/// # Safety
/// - `data` is null, or points at `len` bytes that may be read and written during this call.
/// - If other threads read or write those bytes during this call, the memory is shared and `exchange.h` allows it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn exchange_inplace(data: *mut u8, len: usize) -> i64 {
    if data.is_null() {
        return STATUS_NULL_DATA;
    }
    if len < MESSAGE.len() {
        return const { MESSAGE.len() as i64 };
    }
    // SAFETY: data is not null, and has len bytes that may be read and written until this function returns (its contract).
    let memory = unsafe { LentBuffer::new(data, len) };
    // Copied before the message goes over it. It is asked for once: another thread may write to shared memory meanwhile.
    let fill = memory.first() == Some(*FILL);
    memory.write(0, MESSAGE.bytes().map(|byte| [byte]));
    if !fill {
        return const { MESSAGE.len() as i64 };
    }
    number_rows(&memory);
    i64::try_from(len).unwrap_or(i64::MAX)
}

/// Fills what comes after the message.
fn number_rows(memory: &LentBuffer) {
    let gap = (MESSAGE.len() + 1..=FIRST_ROW).map(|next| if next == FIRST_ROW { b'\n' } else { b' ' });
    memory.write(MESSAGE.len(), gap.map(|byte| [byte]));
    memory.write(FIRST_ROW, (FIRST_ROW..).step_by(ROW.len()).map(numbered));
    // The last row may be cut.
    let end = memory.len() - memory.len() % ROW.len();
    memory.write(end.max(FIRST_ROW), numbered(end).into_iter().map(|byte| [byte]));
}

/// The row that begins at this byte. The number is that of its last 32 bits.
fn numbered(start: usize) -> [u8; ROW.len()] {
    // A byte for each digit, then from 0..16 to 0..9 and a..f, for all eight at once.
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
mod tests;
