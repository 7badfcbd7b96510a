//! The equations, a step at a time.

#![expect(
    clippy::cast_possible_truncation,
    reason = "a number is brought into its range before it is cast"
)]

use super::grid::{faded, for_inner_cells, lerp, pair, sample};
use super::{Fluid, HEIGHT, INK_HEIGHT, INK_WIDTH, WIDTH};

/// Ink cells to a cell of water.
const FINER: f32 = INK_WIDTH as f32 / WIDTH as f32;

/// Of the pressure. It begins with that of the picture before, so a few are enough.
const ITERATIONS: usize = 16;

/// A second in still water takes this share of the speed.
const SPEED_KEPT: f32 = 0.75;

impl Fluid {
    /// Vorticity confinement: pushes towards where the water turns most.
    pub(super) fn curl(&mut self, strength: f32) {
        for_inner_cells(|at| {
            let [left, right] = [self.velocity[at - 1][1], self.velocity[at + 1][1]];
            let [above, below] = [self.velocity[at - WIDTH][0], self.velocity[at + WIDTH][0]];
            self.scratch[at] = 0.5 * ((right - left) - (below - above));
        });
        for_inner_cells(|at| {
            let x = 0.5 * (self.scratch[at + 1].abs() - self.scratch[at - 1].abs());
            let y = 0.5 * (self.scratch[at + WIDTH].abs() - self.scratch[at - WIDTH].abs());
            let scale = strength * self.scratch[at] / (x * x + y * y + 1e-4).sqrt();
            let [across, down] = &mut self.velocity[at];
            *across += y * scale;
            *down -= x * scale;
        });
    }

    /// Nothing flows through a wall. Along it, water slips.
    pub(super) fn hold_at_walls(&mut self) {
        for x in 0..WIDTH {
            self.velocity[x][1] = 0.0;
            self.velocity[x + (HEIGHT - 1) * WIDTH][1] = 0.0;
        }
        for y in 0..HEIGHT {
            self.velocity[y * WIDTH][0] = 0.0;
            self.velocity[y * WIDTH + WIDTH - 1][0] = 0.0;
        }
    }

    /// Takes away what would squeeze the water: the gradient of a pressure, found by Jacobi's method.
    pub(super) fn balance_pressure(&mut self) {
        for_inner_cells(|at| {
            let across = self.velocity[at + 1][0] - self.velocity[at - 1][0];
            let down = self.velocity[at + WIDTH][1] - self.velocity[at - WIDTH][1];
            self.scratch[at] = 0.5 * (across + down);
        });
        for _ in 0..ITERATIONS {
            std::mem::swap(&mut self.pressure, &mut self.pressure_before);
            for y in 1..HEIGHT - 1 {
                // Slices of one length: the compiler then needs no check at each cell, and computes several at once.
                let row = |offset: usize| &self.pressure_before[y * WIDTH + offset - WIDTH..][..WIDTH - 2];
                let [above, left, right, below] = [row(1), row(WIDTH), row(WIDTH + 2), row(2 * WIDTH + 1)];
                let divergence = &self.scratch[y * WIDTH + 1..][..WIDTH - 2];
                let pressure = &mut self.pressure[y * WIDTH + 1..][..WIDTH - 2];
                for x in 0..WIDTH - 2 {
                    pressure[x] = faded(0.25 * (above[x] + left[x] + right[x] + below[x] - divergence[x]));
                }
            }
            self.press_at_walls();
        }
        for_inner_cells(|at| {
            let [x, y] = &mut self.velocity[at];
            *x -= 0.5 * (self.pressure[at + 1] - self.pressure[at - 1]);
            *y -= 0.5 * (self.pressure[at + WIDTH] - self.pressure[at - WIDTH]);
        });
    }

    /// The pressure in a wall is that beside it.
    fn press_at_walls(&mut self) {
        let pressure = &mut self.pressure;
        for y in 1..HEIGHT - 1 {
            pressure[y * WIDTH] = pressure[y * WIDTH + 1];
            pressure[y * WIDTH + WIDTH - 1] = pressure[y * WIDTH + WIDTH - 2];
        }
        let last = (HEIGHT - 1) * WIDTH;
        pressure.copy_within(WIDTH..2 * WIDTH, 0);
        pressure.copy_within(last - WIDTH..last, last);
    }

    pub(super) fn carry_velocity(&mut self, seconds: f32) {
        std::mem::swap(&mut self.velocity, &mut self.velocity_before);
        let before = &self.velocity_before;
        let kept = SPEED_KEPT.powf(seconds);
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                let [across, down] = before[y * WIDTH + x];
                let from = [x as f32 - across * seconds, y as f32 - down * seconds];
                self.velocity[y * WIDTH + x] = sample(before, [WIDTH, HEIGHT], from).map(|speed| faded(speed * kept));
            }
        }
    }

    pub(super) fn carry_ink(&mut self, seconds: f32, persistence: f32) {
        std::mem::swap(&mut self.ink, &mut self.ink_before);
        let kept = (0.25 + 0.72 * persistence).powf(seconds);
        let before = &self.ink_before;
        for (y, row) in self.ink.chunks_exact_mut(INK_WIDTH).enumerate() {
            // The water that flows through this row of ink: first between two rows, then between two cells.
            let water_y = ((y as f32 + 0.5) / FINER - 0.5).clamp(0.0, HEIGHT as f32 - 1.001);
            let top = water_y as i32 as usize;
            let rows = [top, top + 1].map(|y| &self.velocity[y * WIDTH..][..WIDTH]);
            for ((speed, above), below) in self.row.iter_mut().zip(rows[0]).zip(rows[1]) {
                *speed = lerp(*above, *below, water_y - top as f32);
            }
            for (x, ink) in row.iter_mut().enumerate() {
                let water_x = ((x as f32 + 0.5) / FINER - 0.5).clamp(0.0, WIDTH as f32 - 1.001);
                let left = water_x as i32 as usize;
                let [a, b] = pair(&self.row[left..]);
                let [across, down] = lerp(a, b, water_x - left as f32);
                let from = [x as f32 - across * seconds * FINER, y as f32 - down * seconds * FINER];
                *ink = sample(before, [INK_WIDTH, INK_HEIGHT], from).map(|ink| faded(ink * kept));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sources::of_hue;
    use super::*;

    /// How much the water is squeezed and stretched, over all cells.
    fn divergence(fluid: &Fluid) -> f32 {
        let mut sum = 0.0;
        for_inner_cells(|at| {
            let across = fluid.velocity[at + 1][0] - fluid.velocity[at - 1][0];
            let down = fluid.velocity[at + WIDTH][1] - fluid.velocity[at - WIDTH][1];
            sum += (across + down).abs();
        });
        sum
    }

    #[test]
    fn pressure_lets_nothing_be_squeezed() {
        let mut fluid = Fluid::default();
        fluid.splash([0.3, 0.4], 0.03, [300.0, -100.0], of_hue(0.0, 1.0));
        let squeezed = divergence(&fluid);
        let stirred = fluid.velocity.clone();
        for _ in 0..100 {
            fluid.velocity.clone_from(&stirred); // the same again: the pressure is found over several pictures
            fluid.balance_pressure();
        }
        let left = divergence(&fluid);
        assert!(left < squeezed / 5.0, "{left} of {squeezed}");
    }

    #[test]
    fn what_fades_away_is_gone() {
        let mut fluid = Fluid::default();
        fluid.velocity.fill([1e-12; 2]);
        fluid.pressure.fill(-1e-13);
        fluid.ink.fill([1e-12; 4]);
        fluid.hold_at_walls();
        fluid.balance_pressure();
        fluid.carry_velocity(0.05);
        fluid.carry_ink(0.05, 0.0);
        assert!(fluid.velocity.iter().flatten().all(|&speed| speed == 0.0));
        assert!(fluid.pressure.iter().all(|&pressure| pressure == 0.0));
        assert!(fluid.ink.iter().flatten().all(|&ink| ink == 0.0));
    }
}
