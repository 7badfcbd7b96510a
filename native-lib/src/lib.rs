//! The dynamic library that Inplace Exchange calls by default: it writes a greeting, and fills all of the memory when it is
//! asked to.
//!
//! `include/exchange.h` is the contract that these symbols keep; what is said there is not said again here.

use std::ffi::{CStr, c_char};

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
/// - Nothing else reads or writes those bytes during this call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn exchange_inplace(data: *mut u8, len: usize) -> i64 {
    if data.is_null() {
        return STATUS_NULL_DATA;
    }
    if len < MESSAGE.len() {
        return const { MESSAGE.len() as i64 };
    }
    // SAFETY: data has len bytes that may be read and written (the caller's obligation), is not null, and nothing else
    // uses them during this call. No object is larger than isize::MAX.
    let memory = unsafe { std::slice::from_raw_parts_mut(data, len) };
    let fill = memory.starts_with(FILL);
    let (message, rest) = memory.split_at_mut(MESSAGE.len());
    message.copy_from_slice(MESSAGE.as_bytes());
    if !fill {
        return const { MESSAGE.len() as i64 };
    }
    number_rows(rest);
    i64::try_from(len).unwrap_or(i64::MAX)
}

/// Fills what comes after the message.
fn number_rows(rest: &mut [u8]) {
    const GAP: usize = FIRST_ROW - MESSAGE.len();
    let (gap, rest) = rest.split_at_mut(GAP.min(rest.len()));
    gap.fill(b' ');
    if let Some(last) = gap.get_mut(GAP - 1) {
        *last = b'\n';
    }
    let mut start = FIRST_ROW;
    let (rows, end) = rest.as_chunks_mut();
    for row in rows {
        *row = numbered(start);
        start += ROW.len();
    }
    end.copy_from_slice(&numbered(start)[..end.len()]);
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Lends the library this memory in the middle of a larger allocation, so that a byte written outside it shows.
    fn exchange(lent: Vec<u8>) -> (i64, Vec<u8>) {
        const MARGIN: usize = 64;
        let len = lent.len();
        let mut memory = [vec![0xA5; MARGIN], lent, vec![0xA5; MARGIN]].concat();
        // SAFETY: the pointer is MARGIN bytes into an allocation that has len bytes and a margin after it.
        let count = unsafe { exchange_inplace(memory.as_mut_ptr().add(MARGIN), len) };
        assert!(memory[..MARGIN].iter().all(|&b| b == 0xA5), "wrote before data");
        assert!(memory[MARGIN + len..].iter().all(|&b| b == 0xA5), "wrote after data");
        (count, memory[MARGIN..MARGIN + len].to_vec())
    }

    proptest! {
        #[test]
        fn answers_the_whole_length_and_writes_only_what_fits(len in 0..4 * MESSAGE.len()) {
            let (count, data) = exchange(vec![0xA5; len]);
            prop_assert_eq!(count, MESSAGE.len() as i64);
            if len < MESSAGE.len() {
                prop_assert!(data.iter().all(|&b| b == 0xA5), "half a message was written");
            } else {
                prop_assert_eq!(&data[..MESSAGE.len()], MESSAGE.as_bytes());
                prop_assert!(data[MESSAGE.len()..].iter().all(|&b| b == 0xA5), "wrote past the message");
            }
        }

        #[test]
        fn fills_all_of_it_when_asked_to(len in FILL.len()..4 * MESSAGE.len()) {
            let mut memory = vec![0xA5; len];
            memory[..FILL.len()].copy_from_slice(FILL);
            let (count, data) = exchange(memory.clone());
            if len < MESSAGE.len() {
                prop_assert_eq!(count, MESSAGE.len() as i64);
                prop_assert_eq!(data, memory, "half a message was written");
                return Ok(());
            }
            prop_assert_eq!(count, len as i64);
            let rows = (FIRST_ROW..len).step_by(16).map(|start| format!("byte {start:#010x}\n")).collect::<String>();
            let text = format!("{MESSAGE:width$}\n{rows}", width = FIRST_ROW - 1);
            prop_assert_eq!(data, &text.as_bytes()[..len]);
        }

        #[test]
        fn numbers_a_row_by_its_start(start in any::<u32>()) {
            prop_assert_eq!(numbered(start as usize).to_vec(), format!("byte {start:#010x}\n").into_bytes());
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
