use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use proptest::prelude::*;

/// Lends this memory to the library, between margins that detect a byte written outside it.
fn exchange(lent: Vec<u8>) -> (i64, Vec<u8>) {
    const MARGIN: usize = 64;
    let len = lent.len();
    let mut memory = [vec![0xA5; MARGIN], lent, vec![0xA5; MARGIN]].concat();
    let inside = &mut memory[MARGIN..MARGIN + len];
    // SAFETY: a slice's bytes may be read and written while it is borrowed.
    let count = unsafe { exchange_inplace(inside.as_mut_ptr(), len) };
    assert!(memory[..MARGIN].iter().all(|&b| b == 0xA5), "wrote before data");
    assert!(memory[MARGIN + len..].iter().all(|&b| b == 0xA5), "wrote after data");
    (count, memory[MARGIN..MARGIN + len].to_vec())
}

proptest! {
    #[test]
    fn returns_the_full_length_and_writes_only_what_fits(len in 0..4 * MESSAGE.len()) {
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
    fn fills_the_memory_on_request(len in FILL.len()..4 * MESSAGE.len()) {
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
    fn a_row_shows_its_offset(start in any::<u32>()) {
        prop_assert_eq!(row_at(start as usize).to_vec(), format!("byte {start:#010x}\n").into_bytes());
    }
}

#[test]
fn a_null_pointer_returns_a_status_with_a_message() {
    // SAFETY: null is allowed.
    let status = unsafe { exchange_inplace(std::ptr::null_mut(), 8) };
    assert_eq!(status, STATUS_NULL_DATA);
    // SAFETY: the result is not null, and is a static NUL-terminated string.
    let text = unsafe { CStr::from_ptr(exchange_error_message(status)) };
    assert_eq!(text.to_str(), Ok("data was a null pointer"));
    assert!(exchange_error_message(-2).is_null());
}

#[test]
fn name_version_and_flags() {
    // SAFETY: the name is a static NUL-terminated string.
    let name = unsafe { CStr::from_ptr(exchange_library_name()) };
    assert_eq!(
        name.to_str().unwrap(),
        format!("native-lib {}", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!((exchange_abi_version(), exchange_flags()), (1, EXCHANGE_CONCURRENT));
}

/// Another thread of the page may write to shared memory during the call. The library must decide only once whether to
/// fill the memory: either result is correct, a mixture is not.
#[test]
fn a_request_that_changes_during_the_call_is_read_once() {
    const AFTER: usize = 8;
    const LEN: usize = MESSAGE.len() + AFTER;
    const MARGIN: usize = 64;
    let memory: Vec<AtomicU8> = (0..MARGIN + LEN + MARGIN).map(|_| AtomicU8::new(0xA5)).collect();
    let (before, rest) = memory.split_at(MARGIN);
    let (lent, after) = rest.split_at(LEN);
    let started = Instant::now();
    thread::scope(|scope| {
        let calls = scope.spawn(|| {
            let (mut greetings, mut fills) = (0, 0);
            let lasted = |seconds| started.elapsed() > Duration::from_secs(seconds);
            while !lasted(1) || (greetings.min(fills) == 0 && !lasted(30)) {
                lent[1..]
                    .iter()
                    .zip(&FILL[1..])
                    .for_each(|(byte, &letter)| byte.store(letter, Relaxed));
                let rest = &lent[MESSAGE.len()..];
                rest.iter().for_each(|byte| byte.store(0xA5, Relaxed));
                // SAFETY: `lent` has LEN bytes, atomic and so writable through a shared reference. The other thread
                // accesses the first of them, atomically, as JavaScript may in shared memory.
                let count = unsafe { exchange_inplace(lent.as_ptr().cast_mut().cast(), LEN) };
                let filled = count == LEN as i64;
                assert!(filled || count == MESSAGE.len() as i64, "returned {count}");
                let written = rest.iter().filter(|byte| byte.load(Relaxed) != 0xA5).count();
                assert_eq!(written, if filled { AFTER } else { 0 }, "returned {count}");
                *if filled { &mut fills } else { &mut greetings } += 1;
            }
            assert!(
                greetings > 0 && fills > 0,
                "{greetings} greetings, {fills} fills: nothing changed"
            );
        });
        while !calls.is_finished() {
            for byte in [FILL[0], b'-'] {
                lent[0].store(byte, Relaxed);
                thread::yield_now(); // valgrind runs one thread at a time, and might never switch here
            }
        }
    });
    assert!(
        before.iter().chain(after).all(|byte| byte.load(Relaxed) == 0xA5),
        "wrote outside"
    );
}
