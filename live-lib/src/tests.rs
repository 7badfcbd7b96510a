use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::request::MAGIC;
use proptest::prelude::*;

/// Locked by each test that uses the state, which all tests share: tests run concurrently.
static EXCLUSIVE: Mutex<()> = Mutex::new(());

const STIRRED: [f32; 12] = [1.0 / 60.0, 0.3, 0.4, 0.02, -0.01, 1.0, 0.5, 0.5, 1.0, 0.5, 0.9, 0.0];

fn memory(len: usize, words: [u32; 4], numbers: [f32; 12]) -> Vec<u8> {
    let words = words.into_iter().chain(numbers.map(f32::to_bits));
    let request: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
    let mut memory = vec![0xA5; len];
    let fits = len.min(request.len());
    memory[..fits].copy_from_slice(&request[..fits]);
    memory
}

/// Lends this memory to the library, between margins that detect a byte written outside it.
fn exchange(memory: &mut [u8]) -> i64 {
    const MARGIN: usize = 64;
    let mut wide = vec![0xA5; memory.len() + 2 * MARGIN];
    let inside = MARGIN..MARGIN + memory.len();
    wide[inside.clone()].copy_from_slice(memory);
    let lent = &mut wide[inside.clone()];
    // SAFETY: a slice's bytes may be read and written while it is borrowed.
    let count = unsafe { exchange_inplace(lent.as_mut_ptr(), lent.len()) };
    memory.copy_from_slice(lent);
    wide[inside].fill(0xA5);
    assert!(wide.iter().all(|&byte| byte == 0xA5), "wrote outside the memory");
    count
}

/// The last of `count` pictures, starting with still water.
fn pictures(count: usize, flags: u32, numbers: [f32; 12]) -> Vec<u8> {
    let mut last = Vec::new();
    for index in 0..count {
        let restart = if index == 0 { Request::RESTART } else { 0 };
        last = memory(64 * 36 * 4, [MAGIC, 64, 36, flags | restart], numbers);
        assert_eq!(exchange(&mut last), 64 * 36 * 4);
    }
    last
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn handles_any_request_in_any_memory(
        len in 0usize..20_000,
        magic in prop_oneof![4 => Just(MAGIC), 1 => any::<u32>()],
        width in prop_oneof![16u32..100, any::<u32>()],
        height in prop_oneof![16u32..100, any::<u32>()],
        flags in any::<u32>(),
        numbers in prop_oneof![any::<[f32; 12]>(), prop::array::uniform12(-2.0f32..9.0)],
    ) {
        let _exclusive = EXCLUSIVE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = memory(len, [magic, width, height, flags], numbers);
        let before = memory.clone();
        let count = exchange(&mut memory);
        let request = before.first_chunk().copied().ok_or(Rejection::Missing).and_then(Request::read);
        prop_assert_eq!(count > 0, request.is_ok());
        prop_assert_ne!(count, STATUS_PANIC);
        if let Ok(request) = request {
            let bytes = request.picture_bytes();
            prop_assert_eq!(count, bytes as i64);
            if bytes <= len {
                prop_assert!(memory[..bytes].as_chunks::<4>().0.iter().all(|pixel| pixel[3] == 255));
                prop_assert_eq!(&memory[bytes..], &before[bytes..], "wrote past the picture");
            } else {
                prop_assert_eq!(memory, before, "wrote a picture that does not fit");
            }
        } else {
            prop_assert_eq!(memory, before, "wrote without a request");
        }
        let state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = &*state {
            prop_assert!(state.fluid.ink.iter().flatten().all(|ink| ink.is_finite() && *ink >= 0.0));
        }
    }
}

/// Another thread of the page may write to shared memory during the call. The library must paint and return the size
/// that it has checked, or the picture would extend beyond the memory.
#[test]
fn a_request_that_changes_during_the_call_is_read_once() {
    const LEN: usize = 64 * 36 * 4;
    const MARGIN: usize = 4096;
    let _exclusive = EXCLUSIVE.lock().unwrap_or_else(PoisonError::into_inner);
    let wide: Vec<AtomicU8> = (0..MARGIN + LEN + MARGIN).map(|_| AtomicU8::new(0xA5)).collect();
    let (before, rest) = wide.split_at(MARGIN);
    let (lent, after) = rest.split_at(LEN);
    // A width that fits, one that does not, and two invalid ones: the other thread writes one byte at a time.
    let results: [(u32, i64); 4] = [
        (0x40, LEN as i64),
        (0x1000, 0x1000 * 36 * 4),
        (0, STATUS_SIZE),
        (0x1040, STATUS_SIZE),
    ];
    let changes = AtomicU32::new(0);
    let started = Instant::now();
    thread::scope(|scope| {
        let calls = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            let lasted = |seconds| started.elapsed() > Duration::from_secs(seconds);
            while !lasted(1) || (seen.len() < 3 && !lasted(30)) {
                let request = memory(64, [MAGIC, 64, 36, Request::JETS], STIRRED);
                lent.iter()
                    .zip(request)
                    .for_each(|(byte, value)| byte.store(value, Relaxed));
                // Waits until the other thread has run.
                let before = changes.load(Relaxed);
                while changes.load(Relaxed) == before {
                    thread::yield_now();
                }
                let alpha = &lent[LEN - 1]; // 255 in a complete picture
                alpha.store(0xA5, Relaxed);
                // SAFETY: `lent` has LEN bytes, atomic and so writable through a shared reference. The other thread
                // accesses two of them, atomically, as JavaScript may in shared memory.
                let count = unsafe { exchange_inplace(lent.as_ptr().cast_mut().cast(), LEN) };
                assert!(results.iter().any(|&(_, result)| result == count), "returned {count}");
                assert_eq!(alpha.load(Relaxed) == 255, count == LEN as i64, "returned {count}");
                seen.insert(count);
            }
            assert_eq!(seen.len(), 3, "{seen:?}: nothing changed");
        });
        // Some values stay longer: in step with a regular scheduler (valgrind's), the library would always read the
        // same.
        let spins = (0..u32::MAX).map(|number| {
            if number % 16 == 0 {
                number.wrapping_mul(0x9E37_79B9) >> 27
            } else {
                0
            }
        });
        for ((width, _), spins) in results.iter().cycle().zip(spins.cycle()) {
            if calls.is_finished() {
                break;
            }
            let [low, high, ..] = width.to_le_bytes();
            lent[4].store(low, Relaxed);
            lent[5].store(high, Relaxed);
            changes.fetch_add(1, Relaxed);
            (0..spins).for_each(|_| std::hint::spin_loop());
        }
    });
    assert!(
        before.iter().chain(after).all(|byte| byte.load(Relaxed) == 0xA5),
        "wrote outside"
    );
}

#[test]
fn pictures_are_deterministic() {
    let _exclusive = EXCLUSIVE.lock().unwrap_or_else(PoisonError::into_inner);
    let once = pictures(20, Request::JETS, STIRRED);
    assert!(once == pictures(20, Request::JETS, STIRRED));
    assert!(once != pictures(21, Request::JETS, STIRRED));
}

#[test]
fn each_number_of_the_request_has_an_effect() {
    let _exclusive = EXCLUSIVE.lock().unwrap_or_else(PoisonError::into_inner);
    let plain = pictures(20, 0, STIRRED);
    for number in 0..STIRRED.len() {
        let mut other = STIRRED;
        other[number] = if number == 8 {
            2.0
        } else {
            STIRRED[number] * 0.7 + 0.013
        };
        assert!(pictures(20, 0, other) != plain, "number {number}");
    }
}

#[test]
fn still_water_does_not_change_and_ink_appears_at_the_pointer() {
    let _exclusive = EXCLUSIVE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut still = STIRRED;
    [still[3], still[4], still[5]] = [0.0; 3];
    let [first, later] = [1, 30].map(|count| pictures(count, 0, still));
    assert!(first == later);
    let mut place = STIRRED;
    [place[3], place[4]] = [0.0; 2];
    let inked = pictures(30, 0, place);
    let light = |x: usize, y: usize| {
        inked[(y * 64 + x) * 4..][..3]
            .iter()
            .map(|&part| u32::from(part))
            .sum::<u32>()
    };
    assert!(
        light(19, 14) > 4 * light(60, 34),
        "the pointer is at 0.3, 0.4 of 64 by 36"
    );
}

#[test]
fn closing_frees_the_state() {
    let _exclusive = EXCLUSIVE.lock().unwrap_or_else(PoisonError::into_inner);
    pictures(1, Request::JETS, STIRRED);
    exchange_close();
    assert!(STATE.lock().unwrap_or_else(PoisonError::into_inner).is_none());
}

#[test]
fn name_and_error_messages() {
    let text = |pointer: *const c_char| {
        // SAFETY: the pointer is not null, and points to a static NUL-terminated string.
        unsafe { CStr::from_ptr(pointer) }.to_str().unwrap().to_owned()
    };
    assert_eq!(
        text(exchange_library_name()),
        format!("live-lib {}", env!("CARGO_PKG_VERSION"))
    );
    for status in [STATUS_NO_REQUEST, STATUS_SIZE, STATUS_NOT_FINITE, STATUS_PANIC] {
        assert!(!text(exchange_error_message(status)).is_empty());
    }
    assert!(exchange_error_message(-5).is_null());
}
