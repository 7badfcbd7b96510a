//! Turns the ink into pixels: lit on the ink's own grid, then enlarged to the size that is asked for.

#![expect(
    clippy::cast_possible_truncation,
    reason = "a number is brought into its range before it is cast"
)]

use crate::fluid::{Fluid, INK_HEIGHT, INK_WIDTH, Ink};
use crate::lent_buffer::LentBuffer;
use crate::request::Request;

/// Water without ink.
const GROUND: [f32; 4] = [11.0, 13.0, 19.0, 0.0];

/// How high ink stands above the water, for the light.
const RELIEF: f32 = 2.6;

/// How much light there is where none falls.
const SHADE: f32 = 0.62;

/// Where the light comes from: above, to the left.
const LIGHT: [f32; 3] = [-0.46, -0.58, 0.67];

/// Red, green, blue and 255, the first lowest: each 0 to 255, in sixteen bits, so that one multiplication is of all four.
type Colour = u64;

const LANES: Colour = 0x00ff_00ff_00ff_00ff;

/// What painting needs and would otherwise allocate for each picture.
pub(crate) struct Painter {
    heights: Vec<f32>,
    /// Of a row: how much light there is, and how much of it is thrown back.
    shades: Vec<f32>,
    gleams: Vec<f32>,
    lit: Vec<Colour>,
    row: Vec<Colour>,
    columns: Vec<Between>,
}

/// A place between two cells: the first, and how near the second is, of 256.
#[derive(Clone, Copy)]
struct Between {
    first: u16,
    second: u16,
}

impl Default for Painter {
    fn default() -> Self {
        const CELLS: usize = INK_WIDTH * INK_HEIGHT;
        Self {
            heights: vec![0.0; CELLS],
            shades: vec![1.0; INK_WIDTH],
            gleams: vec![0.0; INK_WIDTH],
            lit: vec![0; CELLS],
            row: vec![0; INK_WIDTH],
            columns: Vec::new(),
        }
    }
}

impl Painter {
    /// Paints what the request asks to see, at the start of the memory.
    pub(crate) fn paint(&mut self, fluid: &Fluid, request: &Request, memory: &LentBuffer) {
        self.light(&fluid.ink);
        let Request {
            width,
            height,
            centre,
            zoom,
            ..
        } = *request;
        self.columns.clear();
        self.columns
            .extend((0..width).map(|x| between(x, width, centre[0], zoom, INK_WIDTH)));
        for y in 0..height {
            let Between { first, second } = between(y, height, centre[1], zoom, INK_HEIGHT);
            let above = &self.lit[first as usize * INK_WIDTH..][..INK_WIDTH];
            let below = &self.lit[(first as usize + 1) * INK_WIDTH..][..INK_WIDTH];
            for ((cell, above), below) in self.row.iter_mut().zip(above).zip(below) {
                *cell = mix(*above, *below, second);
            }
            enlarge(&self.row, &self.columns, memory, y as usize * width as usize);
        }
    }

    /// The colour of each cell: what ink lets through, and how the light falls on it.
    fn light(&mut self, ink: &[Ink]) {
        for (height, [red, green, blue, _]) in self.heights.iter_mut().zip(ink) {
            let amount = red * 0.35 + green * 0.45 + blue * 0.35;
            *height = amount / (1.0 + amount) * RELIEF;
        }
        for y in 0..INK_HEIGHT {
            let row = |y: usize| &self.heights[y * INK_WIDTH..][..INK_WIDTH];
            let (above, here, below) = (row(y.saturating_sub(1)), row(y), row((y + 1).min(INK_HEIGHT - 1)));
            for x in 1..INK_WIDTH - 1 {
                let across = here[x - 1] - here[x + 1];
                let down = above[x] - below[x];
                let steepness = 1.0 / (across * across + down * down + 0.012).sqrt();
                let towards = ((across * LIGHT[0] + down * LIGHT[1] + 0.11 * LIGHT[2]) * steepness).max(0.0);
                self.shades[x] = SHADE + 0.56 * towards;
                self.gleams[x] = towards.powi(24) * here[x] * 22.0;
            }
            let lit = &mut self.lit[y * INK_WIDTH..][..INK_WIDTH];
            for (((lit, ink), shade), gleam) in lit
                .iter_mut()
                .zip(&ink[y * INK_WIDTH..])
                .zip(&self.shades)
                .zip(&self.gleams)
            {
                let seen: [f32; 4] = std::array::from_fn(|part| {
                    let amount = ink[part] * shade;
                    // The more ink, the less each drop adds: 255 is never reached.
                    let seen = GROUND[part] + (255.0 - GROUND[part]) * amount / (0.55 + amount) + gleam;
                    seen.clamp(0.0, 255.0)
                });
                let [red, green, blue, _] = seen.map(|part| u64::from(part as i32 as u8));
                *lit = red | green << 16 | blue << 32 | 255 << 48;
            }
        }
    }
}

/// Writes a row of the picture, from a row of cells; `first_pixel` is the number of its first.
///
/// Out of line: here the compiler knows that the cells are not what it writes to, and reads ahead.
#[inline(never)]
fn enlarge(row: &[Colour], columns: &[Between], memory: &LentBuffer, first_pixel: usize) {
    let pixel = |&Between { first, second }: &Between| {
        let first = first as usize;
        packed(mix(row[first], row[first + 1], second))
    };
    memory.write(first_pixel * size_of::<[u8; 4]>(), columns.iter().map(pixel));
}

/// Which cells a pixel of the picture is between.
fn between(pixel: u32, pixels: u32, centre: f32, zoom: f32, cells: usize) -> Between {
    let share = (pixel as f32 + 0.5) / pixels as f32 - 0.5;
    let place = (centre + share / zoom) * cells as f32 - 0.5;
    let place = place.clamp(0.0, cells as f32 - 1.001);
    Between {
        first: place as u16,
        second: (place.fract() * 256.0) as u16,
    }
}

/// `second` is of 256, so that what each of the four comes to, 255 * 256 at most, stays in its sixteen bits.
#[inline(always)]
fn mix(a: Colour, b: Colour, second: u16) -> Colour {
    let second = u64::from(second);
    (a * (256 - second) + b * second) >> 8 & LANES
}

/// The lower halves of the four, side by side.
#[inline(always)]
fn packed(colour: Colour) -> [u8; 4] {
    let pairs = (colour | colour >> 8) & 0x0000_ffff_0000_ffff;
    ((pairs | pairs >> 16) as u32).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_are_mixed_at_once() {
        let (a, b) = (0x00ff_0000_0080_00ff, 0x00ff_00ff_0040_0000);
        assert_eq!(packed(mix(a, b, 0)), [255, 128, 0, 255]);
        assert_eq!(packed(mix(a, b, 256)), [0, 64, 255, 255]);
        assert_eq!(packed(mix(a, b, 128)), [127, 96, 127, 255]);
        assert_eq!(packed(mix(LANES, LANES, 77)), [255; 4]);
    }
}
