//! Turns the ink into pixels: lit on the ink's own grid, then enlarged to the size that is asked for.

#![expect(
    clippy::cast_possible_truncation,
    reason = "a number is brought into its range before it is cast"
)]

use crate::fluid::{Fluid, INK_HEIGHT, INK_WIDTH, Ink};
use crate::request::Request;

/// Water without ink.
const GROUND: [f32; 3] = [11.0, 13.0, 19.0];

/// How high ink stands above the water, for the light.
const RELIEF: f32 = 2.6;

/// Where the light comes from: above, to the left.
const LIGHT: [f32; 3] = [-0.46, -0.58, 0.67];

/// Red, green, blue and 255, each 0 to 255.
type Colour = [u16; 4];

/// What painting needs and would otherwise allocate for each picture.
pub(crate) struct Painter {
    heights: Vec<f32>,
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
            lit: vec![[0, 0, 0, 255]; CELLS],
            row: vec![[0; 4]; INK_WIDTH],
            columns: Vec::new(),
        }
    }
}

impl Painter {
    /// Paints what the request asks to see; `pixels` are as many as it has.
    pub(crate) fn paint(&mut self, fluid: &Fluid, request: &Request, pixels: &mut [[u8; 4]]) {
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
        for (y, line) in (0..height).zip(pixels.chunks_exact_mut(width as usize)) {
            let Between { first, second } = between(y, height, centre[1], zoom, INK_HEIGHT);
            let above = &self.lit[first as usize * INK_WIDTH..][..INK_WIDTH];
            let below = &self.lit[(first as usize + 1) * INK_WIDTH..][..INK_WIDTH];
            for ((cell, above), below) in self.row.iter_mut().zip(above).zip(below) {
                *cell = mix(*above, *below, second);
            }
            for (pixel, Between { first, second }) in line.iter_mut().zip(&self.columns) {
                let first = *first as usize;
                let colour = mix(self.row[first], self.row[first + 1], *second);
                *pixel = colour.map(|part| part as u8);
            }
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
            let ink = &ink[y * INK_WIDTH..][..INK_WIDTH];
            let lit = &mut self.lit[y * INK_WIDTH..][..INK_WIDTH];
            for x in 0..INK_WIDTH {
                let across = here[x.saturating_sub(1)] - here[(x + 1).min(INK_WIDTH - 1)];
                let down = above[x] - below[x];
                let steepness = 1.0 / (across * across + down * down + 0.012).sqrt();
                let towards = (across * LIGHT[0] + down * LIGHT[1] + 0.11 * LIGHT[2]) * steepness;
                let shade = 0.62 + 0.56 * towards.max(0.0);
                let gleam = towards.max(0.0).powi(24) * here[x] * 22.0;
                for part in 0..3 {
                    let amount = ink[x][part] * shade;
                    // The more ink, the less each drop adds: 255 is never reached.
                    let seen = GROUND[part] + (255.0 - GROUND[part]) * amount / (0.55 + amount) + gleam;
                    lit[x][part] = seen.clamp(0.0, 255.0) as u16;
                }
            }
        }
    }
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

/// `second` is of 256, so the sum fits: 255 * 256 at most.
#[inline(always)]
fn mix(a: Colour, b: Colour, second: u16) -> Colour {
    std::array::from_fn(|part| (a[part] * (256 - second) + b[part] * second) >> 8)
}
