//! The decoder, called as the host calls it.
#![allow(clippy::unwrap_used)]

use example_jpeg::LIBRARY;
use inplace_exchange_sdk::testing::{Answer, Host, Request};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

const WIDTH: u16 = 67; // no multiple of a block
const HEIGHT: u16 = 45;
const PIXELS: usize = WIDTH as usize * HEIGHT as usize * 4;

fn jpeg(color: ColorType, progressive: bool) -> Vec<u8> {
    let channels = if matches!(color, ColorType::Luma) { 1 } else { 3 };
    let count = usize::from(WIDTH) * usize::from(HEIGHT) * channels;
    let pixels: Vec<u8> = (0..count).map(|at| (at / 31 % 256).to_le_bytes()[0]).collect();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 90);
    encoder.set_sampling_factor(SamplingFactor::F_1_1);
    encoder.set_progressive(progressive);
    encoder.encode(&pixels, WIDTH, HEIGHT, color).unwrap();
    file
}

fn request(operation: &'static str, file: &[u8]) -> Request<'static> {
    Request {
        operation: Some(operation),
        input: Some(file.len()),
        ..Request::default()
    }
}

/// Decodes into exactly the memory that the picture takes.
fn decoded(file: &[u8], shared: bool) -> Vec<u8> {
    let mut memory = vec![7; PIXELS.max(file.len())];
    memory[..file.len()].copy_from_slice(file);
    let outcome = Host::of(&LIBRARY).perform(
        &mut memory,
        Request {
            shared,
            ..request("decode", file)
        },
    );
    assert_eq!(outcome.result, Ok(PIXELS), "{:?}", outcome.words);
    memory.truncate(PIXELS);
    memory
}

#[test]
fn the_pixels_are_those_of_another_decoder() {
    for progressive in [false, true] {
        let file = jpeg(ColorType::Rgb, progressive);
        let expected = jpeg_decoder::Decoder::new(&file[..]).decode().unwrap();
        for shared in [false, true] {
            for (at, (ours, theirs)) in decoded(&file, shared).chunks(4).zip(expected.chunks(3)).enumerate() {
                assert_eq!(ours[3], 255, "pixel {at}");
                // The standard leaves the rounding open.
                assert!(
                    (0..3).all(|c| ours[c].abs_diff(theirs[c]) <= 3),
                    "pixel {at}: {ours:?}, {theirs:?}"
                );
            }
        }
    }
}

#[test]
fn grey_is_rgba_as_well() {
    let file = jpeg(ColorType::Luma, false);
    let expected = jpeg_decoder::Decoder::new(&file[..]).decode().unwrap();
    for (ours, grey) in decoded(&file, false).chunks(4).zip(expected) {
        assert!((0..3).all(|c| ours[c].abs_diff(grey) <= 3), "{ours:?}, {grey}");
        assert_eq!(ours[3], 255);
    }
}

#[test]
fn too_little_memory_gives_the_size_and_leaves_the_file() {
    let file = jpeg(ColorType::Rgb, false);
    let mut memory = file.clone();
    assert!(file.len() < PIXELS);
    let outcome = Host::of(&LIBRARY).perform(&mut memory, request("decode", &file));
    assert_eq!(outcome.result, Err(Answer::TooSmall(PIXELS)));
    assert_eq!(memory, file);
}

#[test]
fn the_size_takes_the_headers_alone() {
    let file = jpeg(ColorType::Rgb, false);
    let scan = file.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap();
    let mut memory = file[..scan + 14].to_vec();
    let outcome = Host::of(&LIBRARY).perform(&mut memory, request("size", &file[..scan + 14]));
    assert_eq!(outcome.result, Ok(8), "{:?}", outcome.words);
    assert_eq!(memory[..8], [67, 0, 0, 0, 45, 0, 0, 0]);
}

#[test]
fn what_is_no_jpeg_fails_in_words() {
    let host = Host::of(&LIBRARY);
    for operation in ["decode", "size"] {
        let mut memory = *b"<svg></svg>";
        let outcome = host.perform(&mut memory, request(operation, b"<svg></svg>"));
        assert_eq!(outcome.result, Err(Answer::Failed(-1)));
        assert_eq!(
            outcome.words.as_deref(),
            Some("Error parsing image. Illegal start bytes:3C73")
        );
    }
}

#[test]
fn a_file_that_is_cut_off_has_its_first_rows() {
    let file = jpeg(ColorType::Rgb, false);
    let whole = decoded(&file, false);
    let part = decoded(&file[..file.len() * 3 / 4], false);
    let row = usize::from(WIDTH) * 4;
    assert_eq!(part[..8 * row], whole[..8 * row]);
    assert_ne!(part[PIXELS - row..], whole[PIXELS - row..]);
}
