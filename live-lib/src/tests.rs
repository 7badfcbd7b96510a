use std::sync::{Mutex, MutexGuard, PoisonError};

use inplace_exchange_sdk::testing::{Answer, Host, Outcome, Request as Asked};
use proptest::prelude::*;

use super::*;
use crate::request::MAGIC;

/// Held by each test that uses the state, which all tests share: tests run concurrently.
fn exclusive() -> MutexGuard<'static, ()> {
    static EXCLUSIVE: Mutex<()> = Mutex::new(());
    EXCLUSIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

const STIRRED: [f32; 12] = [1.0 / 60.0, 0.3, 0.4, 0.02, -0.01, 1.0, 0.5, 0.5, 1.0, 0.5, 0.9, 0.0];

fn memory(len: usize, words: [u32; 4], numbers: [f32; 12]) -> Vec<u8> {
    let words = words.into_iter().chain(numbers.map(f32::to_bits));
    let request: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
    let mut memory = vec![0xA5; len];
    let fits = len.min(request.len());
    memory[..fits].copy_from_slice(&request[..fits]);
    memory
}

fn exchange(memory: &mut [u8]) -> Outcome {
    Host::of(&LIBRARY).perform(memory, Asked::default())
}

/// The last of `count` pictures, starting with still water.
fn pictures(count: usize, flags: u32, numbers: [f32; 12]) -> Vec<u8> {
    let mut last = Vec::new();
    let host = Host::of(&LIBRARY);
    for index in 0..count {
        let restart = if index == 0 { Request::RESTART } else { 0 };
        last = memory(64 * 36 * 4, [MAGIC, 64, 36, flags | restart], numbers);
        assert_eq!(host.perform(&mut last, Asked::default()).result, Ok(64 * 36 * 4));
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
        let _exclusive = exclusive();
        let mut memory = memory(len, [magic, width, height, flags], numbers);
        let before = memory.clone();
        let outcome = exchange(&mut memory);
        match before.first_chunk().copied().ok_or(Rejection::Missing).and_then(Request::read) {
            Ok(request) => {
                let bytes = request.picture_bytes();
                if bytes <= len {
                    prop_assert_eq!(outcome.result, Ok(bytes));
                    prop_assert!(memory[..bytes].as_chunks::<4>().0.iter().all(|pixel| pixel[3] == 255));
                    prop_assert_eq!(&memory[bytes..], &before[bytes..], "wrote past the picture");
                } else {
                    prop_assert_eq!(outcome.result, Err(Answer::TooSmall(bytes)));
                    prop_assert_eq!(memory, before, "wrote a picture that does not fit");
                }
            }
            Err(rejection) => {
                prop_assert_eq!(outcome.result, Err(Answer::Failed(-1)));
                prop_assert_eq!(outcome.words, Some(rejection.to_string()));
                prop_assert_eq!(memory, before, "wrote without a request");
            }
        }
    }

    #[test]
    fn ink_stays_finite(requests in prop::collection::vec((any::<u32>(), prop::array::uniform12(-2.0f32..9.0)), 1..8)) {
        let mut fluid = Fluid::default();
        for (flags, numbers) in requests {
            let bytes = memory(64, [MAGIC, 64, 36, flags], numbers);
            fluid.step(&bytes.first_chunk().copied().ok_or(Rejection::Missing).and_then(Request::read).unwrap());
            prop_assert!(fluid.ink.iter().flatten().all(|ink| ink.is_finite() && *ink >= 0.0));
        }
    }
}

#[test]
fn shared_memory_gets_the_same_picture() {
    let _exclusive = exclusive();
    let plain = pictures(1, Request::JETS, STIRRED);
    let mut shared = memory(64 * 36 * 4, [MAGIC, 64, 36, Request::JETS | Request::RESTART], STIRRED);
    let asked = Asked {
        shared: true,
        ..Asked::default()
    };
    assert_eq!(Host::of(&LIBRARY).perform(&mut shared, asked).result, Ok(64 * 36 * 4));
    assert!(shared == plain);
}

#[test]
fn pictures_are_deterministic() {
    let _exclusive = exclusive();
    let once = pictures(20, Request::JETS, STIRRED);
    assert!(once == pictures(20, Request::JETS, STIRRED));
    assert!(once != pictures(21, Request::JETS, STIRRED));
}

#[test]
fn each_number_of_the_request_has_an_effect() {
    let _exclusive = exclusive();
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
    let _exclusive = exclusive();
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
    let _exclusive = exclusive();
    let next = || {
        let mut picture = memory(64 * 36 * 4, [MAGIC, 64, 36, Request::JETS], STIRRED);
        assert_eq!(exchange(&mut picture).result, Ok(64 * 36 * 4));
        picture
    };
    let open = Host::of(&LIBRARY);
    let first = next();
    assert!(next() != first, "the water moves");
    drop(open);
    assert!(next() == first, "it begins with still water");
}

#[test]
fn name() {
    let name = concat!("live-lib ", env!("CARGO_PKG_VERSION"));
    assert_eq!(Host::of(&LIBRARY).name(), Some(name));
}
