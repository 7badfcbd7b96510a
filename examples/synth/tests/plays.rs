//! The synthesizer, called as the host calls it. Its tests share the phase: they are one function.
#![allow(clippy::unwrap_used)]

use example_synth::{BLOCK, LIBRARY, RATE, Request as Tone};
use inplace_exchange_sdk::testing::{Answer, Host, Outcome, Request};
use inplace_exchange_sdk::zerocopy::IntoBytes;

fn perform(host: &Host, memory: &mut [u8], frequency: f32, gain: f32) -> Outcome {
    let tone = Tone {
        frequency: frequency.into(),
        gain: gain.into(),
    };
    memory[..8].copy_from_slice(tone.as_bytes());
    host.perform(
        memory,
        Request {
            input: Some(8),
            ..Request::default()
        },
    )
}

fn play(host: &Host, blocks: usize, frequency: f32, gain: f32) -> Vec<f32> {
    let mut memory = [0; BLOCK * 4];
    let mut samples = Vec::new();
    for _ in 0..blocks {
        assert_eq!(perform(host, &mut memory, frequency, gain).result, Ok(memory.len()));
        samples.extend(
            memory
                .chunks(4)
                .map(|sample| f32::from_le_bytes(sample.try_into().unwrap())),
        );
    }
    samples
}

#[test]
fn a_tone_has_its_frequency_and_no_clicks() {
    let host = Host::of(&LIBRARY);
    let mut samples = play(&host, 375, 440.0, 0.5); // a second
    let rises = samples
        .windows(2)
        .filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0)
        .count();
    assert!((439..=440).contains(&rises), "{rises} periods");
    let loudest = samples
        .iter()
        .fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
    assert!((0.499..=0.5).contains(&loudest), "{loudest}");

    // Refused in between, which changes nothing.
    for (frequency, gain) in [
        (f32::NAN, 0.5),
        (-1.0, 0.5),
        (24_001.0, 0.5),
        (440.0, 1.5),
        (440.0, f32::NAN),
    ] {
        let outcome = perform(&host, &mut [0; BLOCK * 4], frequency, gain);
        assert_eq!(outcome.result, Err(Answer::Failed(-1)));
        assert_eq!(
            outcome.words,
            Some(format!("a frequency of {frequency} Hz at a gain of {gain}"))
        );
    }
    assert_eq!(
        perform(&host, &mut [0; 100], 440.0, 0.5).result,
        Err(Answer::TooSmall(512))
    );

    samples.extend(play(&host, 10, 880.0, 1.0));
    samples.extend(play(&host, 10, 220.0, 0.0));
    let steepest = samples
        .windows(2)
        .fold(0.0_f64, |most, pair| most.max(f64::from((pair[1] - pair[0]).abs())));
    let slope = std::f64::consts::TAU * 880.0 / RATE;
    assert!(steepest <= slope + 1.0 / 128.0, "a click of {steepest}");
    assert!(
        samples[samples.len() - BLOCK..].iter().all(|sample| *sample == 0.0),
        "silent at the end"
    );
}
