//! The steps of the solver: vorticity confinement, walls, projection, advection.

#![expect(
    clippy::cast_possible_truncation,
    reason = "numbers are clamped before they are cast"
)]

use super::grid::{flushed, for_inner_cells, lerp, pair, sample};
use super::{Fluid, HEIGHT, INK_HEIGHT, INK_WIDTH, WIDTH};

/// Cells of ink along a cell of water.
const INK_SCALE: f32 = INK_WIDTH as f32 / WIDTH as f32;

/// Jacobi iterations in each step. They start from the pressure of the previous step, so a few are enough.
const JACOBI_ITERATIONS: usize = 16;

/// The fraction of its speed that water keeps in a second.
const SPEED_KEPT: f32 = 0.75;

impl Fluid {
    /// Vorticity confinement: a force along the gradient of the curl's magnitude, turned by 90 degrees.
    pub(super) fn confine_vorticity(&mut self, strength: f32) {
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

    /// No flow through the walls; free slip along them.
    pub(super) fn enforce_walls(&mut self) {
        for x in 0..WIDTH {
            self.velocity[x][1] = 0.0;
            self.velocity[x + (HEIGHT - 1) * WIDTH][1] = 0.0;
        }
        for y in 0..HEIGHT {
            self.velocity[y * WIDTH][0] = 0.0;
            self.velocity[y * WIDTH + WIDTH - 1][0] = 0.0;
        }
    }

    /// Makes the velocity divergence-free: subtracts the gradient of the pressure, which Jacobi's method computes.
    pub(super) fn project(&mut self) {
        for_inner_cells(|at| {
            let across = self.velocity[at + 1][0] - self.velocity[at - 1][0];
            let down = self.velocity[at + WIDTH][1] - self.velocity[at - WIDTH][1];
            self.scratch[at] = 0.5 * (across + down);
        });
        for _ in 0..JACOBI_ITERATIONS {
            std::mem::swap(&mut self.pressure, &mut self.previous_pressure);
            for y in 1..HEIGHT - 1 {
                // Slices of one length: the compiler then drops the bounds checks, and vectorises.
                let row = |offset: usize| &self.previous_pressure[y * WIDTH + offset - WIDTH..][..WIDTH - 2];
                let [above, left, right, below] = [row(1), row(WIDTH), row(WIDTH + 2), row(2 * WIDTH + 1)];
                let divergence = &self.scratch[y * WIDTH + 1..][..WIDTH - 2];
                let pressure = &mut self.pressure[y * WIDTH + 1..][..WIDTH - 2];
                for x in 0..WIDTH - 2 {
                    pressure[x] = flushed(0.25 * (above[x] + left[x] + right[x] + below[x] - divergence[x]));
                }
            }
            self.copy_pressure_to_walls();
        }
        for_inner_cells(|at| {
            let [x, y] = &mut self.velocity[at];
            *x -= 0.5 * (self.pressure[at + 1] - self.pressure[at - 1]);
            *y -= 0.5 * (self.pressure[at + WIDTH] - self.pressure[at - WIDTH]);
        });
    }

    /// Copies the pressure of the neighbouring cells to the walls: no gradient across a wall.
    fn copy_pressure_to_walls(&mut self) {
        let pressure = &mut self.pressure;
        for y in 1..HEIGHT - 1 {
            pressure[y * WIDTH] = pressure[y * WIDTH + 1];
            pressure[y * WIDTH + WIDTH - 1] = pressure[y * WIDTH + WIDTH - 2];
        }
        let last = (HEIGHT - 1) * WIDTH;
        pressure.copy_within(WIDTH..2 * WIDTH, 0);
        pressure.copy_within(last - WIDTH..last, last);
    }

    /// Semi-Lagrangian advection: each cell takes the velocity of the position that its water came from.
    pub(super) fn advect_velocity(&mut self, seconds: f32) {
        std::mem::swap(&mut self.velocity, &mut self.previous_velocity);
        let before = &self.previous_velocity;
        let kept = SPEED_KEPT.powf(seconds);
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                let [across, down] = before[y * WIDTH + x];
                let from = [x as f32 - across * seconds, y as f32 - down * seconds];
                self.velocity[y * WIDTH + x] = sample(before, [WIDTH, HEIGHT], from).map(|speed| flushed(speed * kept));
            }
        }
    }

    /// Semi-Lagrangian advection of the ink, on its own grid.
    pub(super) fn advect_ink(&mut self, seconds: f32, persistence: f32) {
        std::mem::swap(&mut self.ink, &mut self.previous_ink);
        let kept = (0.25 + 0.72 * persistence).powf(seconds);
        let before = &self.previous_ink;
        for (y, row) in self.ink.chunks_exact_mut(INK_WIDTH).enumerate() {
            // The velocity along this row of ink: interpolated between two rows of water here, then between two cells.
            let water_y = ((y as f32 + 0.5) / INK_SCALE - 0.5).clamp(0.0, HEIGHT as f32 - 1.001);
            let top = water_y as i32 as usize;
            let rows = [top, top + 1].map(|y| &self.velocity[y * WIDTH..][..WIDTH]);
            for ((speed, above), below) in self.row.iter_mut().zip(rows[0]).zip(rows[1]) {
                *speed = lerp(*above, *below, water_y - top as f32);
            }
            for (x, ink) in row.iter_mut().enumerate() {
                let water_x = ((x as f32 + 0.5) / INK_SCALE - 0.5).clamp(0.0, WIDTH as f32 - 1.001);
                let left = water_x as i32 as usize;
                let [a, b] = pair(&self.row[left..]);
                let [across, down] = lerp(a, b, water_x - left as f32);
                let from = [
                    x as f32 - across * seconds * INK_SCALE,
                    y as f32 - down * seconds * INK_SCALE,
                ];
                *ink = sample(before, [INK_WIDTH, INK_HEIGHT], from).map(|ink| flushed(ink * kept));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sources::ink_of_hue;
    use super::*;

    /// The sum of the divergence's magnitude over all cells.
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
    fn projection_removes_divergence() {
        let mut fluid = Fluid::default();
        fluid.splat([0.3, 0.4], 0.03, [300.0, -100.0], ink_of_hue(0.0, 1.0));
        let before = divergence(&fluid);
        let stirred = fluid.velocity.clone();
        for _ in 0..100 {
            fluid.velocity.clone_from(&stirred); // the same velocity: the pressure converges over several steps
            fluid.project();
        }
        let after = divergence(&fluid);
        assert!(after < before / 5.0, "{after} of {before}");
    }

    #[test]
    fn values_near_zero_become_zero() {
        let mut fluid = Fluid::default();
        fluid.velocity.fill([1e-12; 2]);
        fluid.pressure.fill(-1e-13);
        fluid.ink.fill([1e-12; 4]);
        fluid.enforce_walls();
        fluid.project();
        fluid.advect_velocity(0.05);
        fluid.advect_ink(0.05, 0.0);
        assert!(fluid.velocity.iter().flatten().all(|&speed| speed == 0.0));
        assert!(fluid.pressure.iter().all(|&pressure| pressure == 0.0));
        assert!(fluid.ink.iter().flatten().all(|&ink| ink == 0.0));
    }
}
