//! The codec, called as the host calls it.
#![allow(clippy::unwrap_used)]

use std::io::Write;

use example_zstd::LIBRARY;
use inplace_exchange_sdk::testing::{Answer, Host, Outcome, Request};

fn perform(operation: &str, memory: &mut [u8], input: usize) -> Outcome {
    let request = Request {
        operation: Some(operation),
        input: Some(input),
        ..Request::default()
    };
    Host::of(&LIBRARY).perform(memory, request)
}

fn compressed(data: &[u8]) -> Vec<u8> {
    let mut memory = data.to_vec();
    memory.resize(data.len() + 1024, 7);
    let len = perform("compress", &mut memory, data.len()).result.unwrap();
    memory.truncate(len);
    memory
}

/// Bytes that do not compress.
fn noise(len: usize) -> Vec<u8> {
    let next = |seed: &u32| Some(seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    std::iter::successors(Some(1), next)
        .take(len)
        .map(|seed: u32| seed.to_be_bytes()[0])
        .collect()
}

#[test]
fn what_is_compressed_comes_back() {
    for data in [vec![], b"to be or not to be, ".repeat(1000), noise(100_000)] {
        let small = compressed(&data);
        assert_eq!(
            zstd::decode_all(&small[..]).unwrap(),
            data,
            "the library's own function reads it"
        );
        let mut memory = small.clone();
        memory.resize(data.len().max(small.len()), 7);
        assert_eq!(perform("decompress", &mut memory, small.len()).result, Ok(data.len()));
        assert_eq!(&memory[..data.len()], data);
    }
    assert!(compressed(&b"to be or not to be, ".repeat(1000)).len() < 100);
}

#[test]
fn too_little_memory_gives_a_size_and_leaves_the_input() {
    let data = noise(1000);
    let mut memory = data.clone();
    let needed = match perform("compress", &mut memory, 1000).result {
        Err(Answer::TooSmall(needed)) => needed,
        other => panic!("{other:?}"),
    };
    assert!((1000..1100).contains(&needed), "{needed}");
    assert_eq!(memory, data);
    memory.resize(needed, 7);
    assert!(
        perform("compress", &mut memory, 1000).result.is_ok(),
        "the bound suffices"
    );

    let frames = [compressed(&[5; 3000]), compressed(&[6; 4000])].concat();
    let mut memory = frames.clone();
    assert_eq!(
        perform("decompress", &mut memory, frames.len()).result,
        Err(Answer::TooSmall(7000))
    );
    assert_eq!(memory, frames);
    memory.resize(7000, 7);
    assert_eq!(perform("decompress", &mut memory, frames.len()).result, Ok(7000));
    assert_eq!(memory, [[5; 3000].as_slice(), &[6; 4000]].concat());
}

#[test]
fn a_frame_without_a_size_is_tried() {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    encoder.write_all(&[5; 3000]).unwrap();
    encoder.flush().unwrap();
    let frame = encoder.finish().unwrap();
    let mut memory = frame.clone();
    memory.resize(2000, 7);
    assert_eq!(
        perform("decompress", &mut memory, frame.len()).result,
        Err(Answer::TooSmall(4000))
    );
    assert_eq!(&memory[..frame.len()], frame);
    memory.resize(4000, 7);
    assert_eq!(perform("decompress", &mut memory, frame.len()).result, Ok(3000));
    assert_eq!(memory[..3000], [5; 3000]);
}

#[test]
fn what_is_no_frame_or_a_damaged_one_fails_in_words() {
    let damaged = {
        let mut frame = compressed(&noise(1000));
        frame.truncate(900);
        frame
    };
    for (input, words) in [
        (b"<svg></svg>".to_vec(), "Unknown frame descriptor"),
        (damaged, "Src size is incorrect"),
    ] {
        let mut memory = input.clone();
        memory.resize(4000, 7);
        let outcome = perform("decompress", &mut memory, input.len());
        assert_eq!(outcome.result, Err(Answer::Failed(-1)));
        assert_eq!(outcome.words.as_deref(), Some(words));
    }
}
