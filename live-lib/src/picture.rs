//! Turns the ink into pixels: shades it on its own grid, then scales the result to the size of the picture.

#![expect(
    clippy::cast_possible_truncation,
    reason = "numbers are clamped before they are cast"
)]

use crate::fluid::{Fluid, INK_HEIGHT, INK_WIDTH, Ink};
use crate::request::Request;

/// The colour of water without ink.
const BACKGROUND: [f32; 4] = [11.0, 13.0, 19.0, 0.0];

/// The height of a cell that is full of ink, for the lighting.
const MAX_HEIGHT: f32 = 2.6;

/// The light on a surface that faces away from the light.
const AMBIENT: f32 = 0.62;

/// The direction of the light: from above, on the left.
const LIGHT_DIRECTION: [f32; 3] = [-0.46, -0.58, 0.67];

/// Red, green, blue and 255, from the lowest bits up: each is 0 to 255 in a lane of sixteen bits, so that one
/// multiplication scales all four.
type Colour = u64;

/// Red, green, blue and 255.
type Pixel = [u8; 4];

/// The lower half of each lane.
const LANE_MASK: Colour = 0x00ff_00ff_00ff_00ff;

/// Paints pictures. Reuses its memory for all of them.
pub(crate) struct Painter {
    heights: Vec<f32>,
    /// Along a row: diffuse and specular light.
    diffuse: Vec<f32>,
    specular: Vec<f32>,
    /// The shaded ink.
    shaded: Vec<Colour>,
    /// A row of shaded ink, interpolated at the height of a row of pixels.
    row: Vec<Colour>,
    columns: Vec<Blend>,
}

/// A position between two cells: the index of the first, and the weight of the second in 256ths.
#[derive(Clone, Copy)]
struct Blend {
    first: u16,
    weight: u16,
}

impl Default for Painter {
    fn default() -> Self {
        const CELLS: usize = INK_WIDTH * INK_HEIGHT;
        Self {
            heights: vec![0.0; CELLS],
            diffuse: vec![1.0; INK_WIDTH],
            specular: vec![0.0; INK_WIDTH],
            shaded: vec![0; CELLS],
            row: vec![0; INK_WIDTH],
            columns: Vec::new(),
        }
    }
}

impl Painter {
    /// Paints the requested part of the water.
    pub(crate) fn paint(&mut self, fluid: &Fluid, request: &Request, picture: &mut [u8]) {
        self.shade(&fluid.ink);
        let Request {
            width,
            height,
            centre,
            zoom,
            ..
        } = *request;
        self.columns.clear();
        self.columns
            .extend((0..width).map(|x| blend(x, width, centre[0], zoom, INK_WIDTH)));
        let rows = picture.chunks_exact_mut(width as usize * size_of::<Pixel>());
        for (y, pixels) in (0..height).zip(rows) {
            let Blend { first, weight } = blend(y, height, centre[1], zoom, INK_HEIGHT);
            let above = &self.shaded[first as usize * INK_WIDTH..][..INK_WIDTH];
            let below = &self.shaded[(first as usize + 1) * INK_WIDTH..][..INK_WIDTH];
            for ((cell, above), below) in self.row.iter_mut().zip(above).zip(below) {
                *cell = mix(*above, *below, weight);
            }
            write_row(&self.row, &self.columns, pixels.as_chunks_mut().0);
        }
    }

    /// The colour of each cell: that of its ink, lit as a surface whose height is the amount of ink.
    fn shade(&mut self, ink: &[Ink]) {
        for (height, [red, green, blue, _]) in self.heights.iter_mut().zip(ink) {
            let amount = red * 0.35 + green * 0.45 + blue * 0.35;
            *height = amount / (1.0 + amount) * MAX_HEIGHT;
        }
        for y in 0..INK_HEIGHT {
            let row = |y: usize| &self.heights[y * INK_WIDTH..][..INK_WIDTH];
            let (above, here, below) = (row(y.saturating_sub(1)), row(y), row((y + 1).min(INK_HEIGHT - 1)));
            for x in 1..INK_WIDTH - 1 {
                let across = here[x - 1] - here[x + 1];
                let down = above[x] - below[x];
                let inverse_length = 1.0 / (across * across + down * down + 0.012).sqrt();
                let facing = ((across * LIGHT_DIRECTION[0] + down * LIGHT_DIRECTION[1] + 0.11 * LIGHT_DIRECTION[2])
                    * inverse_length)
                    .max(0.0);
                self.diffuse[x] = AMBIENT + 0.56 * facing;
                self.specular[x] = facing.powi(24) * here[x] * 22.0;
            }
            let shaded = &mut self.shaded[y * INK_WIDTH..][..INK_WIDTH];
            for (((shaded, ink), diffuse), specular) in shaded
                .iter_mut()
                .zip(&ink[y * INK_WIDTH..])
                .zip(&self.diffuse)
                .zip(&self.specular)
            {
                let colour: [f32; 4] = std::array::from_fn(|part| {
                    let amount = ink[part] * diffuse;
                    // Saturates: ink alone never reaches 255.
                    let colour = BACKGROUND[part] + (255.0 - BACKGROUND[part]) * amount / (0.55 + amount) + specular;
                    colour.clamp(0.0, 255.0)
                });
                let [red, green, blue, _] = colour.map(|part| u64::from(part as i32 as u8));
                *shaded = red | green << 16 | blue << 32 | 255 << 48;
            }
        }
    }
}

/// Writes a row of the picture, scaled from a row of cells.
///
/// Out of line: from its arguments the compiler knows that the cells do not alias the pixels, and may load ahead.
#[inline(never)]
fn write_row(row: &[Colour], columns: &[Blend], pixels: &mut [Pixel]) {
    // By index: an iterator of pixels, zipped with the columns, made this 5 % slower.
    let colours = columns.iter().map(|&Blend { first, weight }| {
        let first = first as usize;
        pack(mix(row[first], row[first + 1], weight))
    });
    for (index, colour) in colours.take(pixels.len()).enumerate() {
        pixels[index] = colour;
    }
}

/// The cells on both sides of a pixel of the picture.
fn blend(pixel: u32, pixels: u32, centre: f32, zoom: f32, cells: usize) -> Blend {
    let share = (pixel as f32 + 0.5) / pixels as f32 - 0.5;
    let place = (centre + share / zoom) * cells as f32 - 0.5;
    let place = place.clamp(0.0, cells as f32 - 1.001);
    Blend {
        first: place as u16,
        weight: (place.fract() * 256.0) as u16,
    }
}

/// Linear interpolation; `weight` is the weight of `b` in 256ths. A lane is at most 255 * 256, which fits into it.
#[inline(always)]
fn mix(a: Colour, b: Colour, weight: u16) -> Colour {
    let weight = u64::from(weight);
    (a * (256 - weight) + b * weight) >> 8 & LANE_MASK
}

/// The lower half of each lane, as bytes.
#[inline(always)]
fn pack(colour: Colour) -> Pixel {
    let pairs = (colour | colour >> 8) & 0x0000_ffff_0000_ffff;
    ((pairs | pairs >> 16) as u32).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lanes_are_mixed_at_once() {
        let (a, b) = (0x00ff_0000_0080_00ff, 0x00ff_00ff_0040_0000);
        assert_eq!(pack(mix(a, b, 0)), [255, 128, 0, 255]);
        assert_eq!(pack(mix(a, b, 256)), [0, 64, 255, 255]);
        assert_eq!(pack(mix(a, b, 128)), [127, 96, 127, 255]);
        assert_eq!(pack(mix(LANE_MASK, LANE_MASK, 77)), [255; 4]);
    }
}
