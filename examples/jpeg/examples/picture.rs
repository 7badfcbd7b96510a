//! Makes a JPEG, and its pixels by another decoder: `picture WIDTH HEIGHT FILE.jpg [PIXELS.rgba]`.
//!
//! For tests and benchmarks: colours that change slowly, edges, and noise, as photographs have.

use std::{env, error::Error, fs, iter};

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [width, height, file, rest @ ..] = &arguments[..] else {
        return Err("picture WIDTH HEIGHT FILE.jpg [PIXELS.rgba]".into());
    };
    let (width, height): (u16, u16) = (width.parse()?, height.parse()?);
    let mut encoder = Encoder::new_file(file, 85)?;
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode(&picture(width, height), width, height, ColorType::Rgb)?;
    if let [pixels] = rest {
        let rgb = jpeg_decoder::Decoder::new(&fs::read(file)?[..]).decode()?;
        let rgba: Vec<u8> = rgb.chunks(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect();
        fs::write(pixels, rgba)?;
    }
    Ok(())
}

fn picture(width: u16, height: u16) -> Vec<u8> {
    let mut seed = 1_u32;
    let mut noise = iter::repeat_with(move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(seed.to_be_bytes()[0] >> 4)
    });
    let mut rgb = Vec::with_capacity(usize::from(width) * usize::from(height) * 3);
    for y in 0..height {
        for x in 0..width {
            let grain = noise.next().unwrap_or_default();
            let tile = if ((x / 150) ^ (y / 110)) % 7 == 0 { 40.0 } else { 0.0 };
            for channel in [0.0, 1.0, 2.0] {
                let wave = (f32::from(x) / 97.0 + channel).sin() * (f32::from(y) / 47.0).cos();
                rgb.push(level(102.0 + 60.0 * wave + tile + grain));
            }
        }
    }
    rgb
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn level(value: f32) -> u8 {
    value.clamp(0.0, 255.0) as u8
}
