//! Operations on a grid of cells: interpolation, and adding to the cells around a position.

#![expect(
    clippy::cast_possible_truncation,
    reason = "numbers are clamped before they are cast"
)]

use super::{HEIGHT, WIDTH};

/// Calls `action` with the index of each cell of water, except those at the walls.
pub(super) fn for_inner_cells(mut action: impl FnMut(usize)) {
    for y in 1..HEIGHT - 1 {
        for at in y * WIDTH + 1..(y + 1) * WIDTH - 1 {
            action(at);
        }
    }
}

/// Bilinear interpolation. A position outside the grid is clamped to its edge.
#[inline(always)]
pub(super) fn sample<const N: usize>(cells: &[[f32; N]], [width, height]: [usize; 2], [x, y]: [f32; 2]) -> [f32; N] {
    // The clamp ends just inside the last cell, so that a cell to the right and one below exist. `max` turns NaN into
    // 0, so that the casts below are in range.
    let x = x.max(0.0).min(width as f32 - 1.001);
    let y = y.max(0.0).min(height as f32 - 1.001);
    let (left, top) = (x as i32 as usize, y as i32 as usize); // through i32: one instruction
    let (across, down) = (x - left as f32, y - top as f32);
    let at = top * width + left;
    let ([above, above_right], [below, below_right]) = (pair(&cells[at..]), pair(&cells[at + width..]));
    lerp(lerp(above, above_right, across), lerp(below, below_right, across), down)
}

/// Flushes numbers near zero to zero: arithmetic on denormal numbers is many times slower.
#[inline(always)]
pub(super) fn flushed(number: f32) -> f32 {
    if number.abs() < 1e-12 { 0.0 } else { number }
}

#[inline(always)]
pub(super) fn pair<const N: usize>(cells: &[[f32; N]]) -> [[f32; N]; 2] {
    [cells[0], cells[1]]
}

/// Linear interpolation.
#[inline(always)]
pub(super) fn lerp<const N: usize>(mut a: [f32; N], b: [f32; N], share: f32) -> [f32; N] {
    for (a, b) in a.iter_mut().zip(b) {
        *a += (b - *a) * share;
    }
    a
}

/// Calls `add` with each cell near `place`, and the value of a Gaussian there: 1 at the centre, 1/e at `radius`. The
/// position is in widths and heights of the grid, the radius in widths.
pub(super) fn add_gaussian<T>(
    cells: &mut [T],
    [width, height]: [usize; 2],
    place: [f32; 2],
    radius: f32,
    mut add: impl FnMut(&mut T, f32),
) {
    let radius = radius * width as f32;
    let centre = [place[0] * width as f32 - 0.5, place[1] * height as f32 - 0.5];
    let reach = radius * 2.5;
    let range = |centre: f32, cells: usize| {
        let [first, last] = [centre - reach, centre + reach + 1.0].map(|edge| edge.clamp(0.0, cells as f32) as usize);
        first..last
    };
    for y in range(centre[1], height) {
        for x in range(centre[0], width) {
            let distance = [x as f32 - centre[0], y as f32 - centre[1]]
                .map(|d| d * d)
                .iter()
                .sum::<f32>();
            add(&mut cells[y * width + x], (-distance / (radius * radius)).exp());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_outside_the_grid_is_clamped_to_its_edge() {
        let cells: Vec<[f32; 1]> = (0..6).map(|cell| [cell as f32]).collect();
        for (place, expected) in [
            ([-9.0, -9.0], 0.0),
            ([0.5, 0.0], 0.5),
            ([1.0, 0.5], 2.5),
            ([9.0, 9.0], 5.0),
            ([f32::NAN, f32::INFINITY], 3.0),
        ] {
            let [found] = sample(&cells, [3, 2], place);
            assert!((found - expected).abs() < 0.01, "{place:?} gives {found}");
        }
    }
}
