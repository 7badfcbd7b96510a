//! Water with ink in it: the incompressible Navier-Stokes equations on a grid, in the manner of Jos Stam's "Stable
//! Fluids" (SIGGRAPH 1999), with vorticity confinement (Fedkiw, Stam, Jensen, 2001) for the small eddies that the grid
//! swallows.

#![expect(
    clippy::cast_possible_truncation,
    reason = "a number is brought into its range before it is cast"
)]

use std::f32::consts::TAU;

use crate::request::Request;

/// Cells of the grid on which the water moves.
const WIDTH: usize = 256;
const HEIGHT: usize = 144;

/// Cells of the finer grid that carries the ink.
pub(crate) const INK_WIDTH: usize = 640;
pub(crate) const INK_HEIGHT: usize = 360;

/// Ink cells to a cell of water.
const FINER: f32 = INK_WIDTH as f32 / WIDTH as f32;

/// Of the pressure. It begins with that of the picture before, so a few are enough.
const ITERATIONS: usize = 16;

/// What the eddies curl with, at most.
const SWIRL: f32 = 28.0;

/// A second in still water takes this share of the speed.
const SPEED_KEPT: f32 = 0.75;

/// The water's own jets: what share of the width and height they go round, and how fast.
const JETS: [Jet; 3] = [
    Jet {
        phase: 0.0,
        rate: [0.31, 0.47],
        colour: 0.0,
    },
    Jet {
        phase: 2.1,
        rate: [-0.37, 0.29],
        colour: 0.47,
    },
    Jet {
        phase: 4.2,
        rate: [0.23, -0.41],
        colour: 0.72,
    },
];

struct Jet {
    phase: f32,
    rate: [f32; 2],
    colour: f32,
}

/// Red, green and blue; the fourth makes a cell as wide as a register.
pub(crate) type Ink = [f32; 4];

/// The state of the water.
pub(crate) struct Fluid {
    /// Seconds that it has moved for: a number that still grows by a sixtieth after days.
    time: f64,
    /// In cells a second.
    velocity: Vec<[f32; 2]>,
    velocity_before: Vec<[f32; 2]>,
    pressure: Vec<f32>,
    pressure_before: Vec<f32>,
    /// Of a row of ink.
    row: Vec<[f32; 2]>,
    /// The divergence, and the curl before that.
    scratch: Vec<f32>,
    pub(crate) ink: Vec<Ink>,
    ink_before: Vec<Ink>,
}

impl Default for Fluid {
    fn default() -> Self {
        const CELLS: usize = WIDTH * HEIGHT;
        const INK_CELLS: usize = INK_WIDTH * INK_HEIGHT;
        Self {
            time: 0.0,
            velocity: vec![[0.0; 2]; CELLS],
            velocity_before: vec![[0.0; 2]; CELLS],
            pressure: vec![0.0; CELLS],
            pressure_before: vec![0.0; CELLS],
            row: vec![[0.0; 2]; WIDTH],
            scratch: vec![0.0; CELLS],
            ink: vec![[0.0; 4]; INK_CELLS],
            ink_before: vec![[0.0; 4]; INK_CELLS],
        }
    }
}

impl Fluid {
    /// Moves it on by as long as the request says.
    pub(crate) fn step(&mut self, request: &Request) {
        if request.flags & Request::RESTART != 0 {
            *self = Self::default();
        }
        let seconds = request.seconds;
        if seconds <= 0.0 {
            return;
        }
        self.time += f64::from(seconds);
        if request.flags & Request::JETS != 0 {
            self.run_jets(request.hue, seconds);
        }
        self.follow_pointer(request);
        self.curl(request.swirl * SWIRL * seconds);
        self.hold_at_walls();
        self.balance_pressure();
        self.carry_velocity(seconds);
        self.carry_ink(seconds, request.persistence);
    }

    /// How far something has turned that turns as fast as this, in radians, a second.
    fn turned(&self, speed: f32) -> f32 {
        (self.time * f64::from(speed)).rem_euclid(f64::from(TAU)) as f32
    }

    fn run_jets(&mut self, hue: f32, seconds: f32) {
        for Jet { phase, rate, colour } in JETS {
            let angle = [0, 1].map(|axis| phase + self.turned(rate[axis] * 2.0));
            let place = [0.5 + 0.36 * angle[0].cos(), 0.5 + 0.34 * angle[1].sin()];
            let turn = phase + self.turned(1.1 + rate[0]);
            let push = [turn.cos(), turn.sin()].map(|part| part * 900.0 * seconds);
            let strength = 3.2 * seconds;
            self.splash(
                place,
                0.028,
                push,
                of_hue(hue + colour + self.turned(0.08) / TAU, strength),
            );
        }
    }

    fn follow_pointer(&mut self, request: &Request) {
        let Request {
            pointer,
            moved,
            ink,
            centre,
            zoom,
            hue,
            ..
        } = *request;
        if ink == 0.0 && moved == [0.0; 2] {
            return;
        }
        let place = [0, 1].map(|axis| (centre[axis] + (pointer[axis] - 0.5) / zoom).clamp(0.0, 1.0));
        // Cells a second that the pointer moves with, of which the water takes a part.
        let cells = [WIDTH as f32, HEIGHT as f32];
        let push = [0, 1].map(|axis| {
            let speed = moved[axis] * cells[axis] / zoom / request.seconds;
            (speed * 0.55).clamp(-900.0, 900.0)
        });
        let speed = push[0].hypot(push[1]) / 900.0;
        let strength = (ink * 9.0 + speed * 4.0) * request.seconds;
        self.splash(
            place,
            0.03 / zoom,
            push,
            of_hue(hue + 0.5 + self.turned(0.3) / TAU, strength),
        );
    }

    /// Pushes the water and lets ink go, most at `place` (0 to 1 across the water) and less with the distance from it.
    fn splash(&mut self, place: [f32; 2], radius: f32, push: [f32; 2], ink: Ink) {
        splat(&mut self.velocity, [WIDTH, HEIGHT], place, radius, |[x, y], share| {
            *x += push[0] * share;
            *y += push[1] * share;
        });
        splat(&mut self.ink, [INK_WIDTH, INK_HEIGHT], place, radius, |cell, share| {
            for (cell, ink) in cell.iter_mut().zip(ink) {
                *cell += ink * share;
            }
        });
    }

    /// Vorticity confinement: pushes towards where the water turns most.
    fn curl(&mut self, strength: f32) {
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
    fn hold_at_walls(&mut self) {
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
    fn balance_pressure(&mut self) {
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

    fn carry_velocity(&mut self, seconds: f32) {
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

    fn carry_ink(&mut self, seconds: f32, persistence: f32) {
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

/// All but those at the walls, by their place in a grid of water.
fn for_inner_cells(mut action: impl FnMut(usize)) {
    for y in 1..HEIGHT - 1 {
        for at in y * WIDTH + 1..(y + 1) * WIDTH - 1 {
            action(at);
        }
    }
}

/// Between four cells, each according to its distance. A place outside the grid is brought to its edge.
#[inline(always)]
fn sample<const N: usize>(cells: &[[f32; N]], [width, height]: [usize; 2], [x, y]: [f32; 2]) -> [f32; N] {
    // A whisker inside the last cell, so that there is one to the right of it and one below. `max` also mends what is
    // not a number, so the casts below cannot miss.
    let x = x.max(0.0).min(width as f32 - 1.001);
    let y = y.max(0.0).min(height as f32 - 1.001);
    let (left, top) = (x as i32 as usize, y as i32 as usize); // by way of i32, which the processor has an instruction for
    let (across, down) = (x - left as f32, y - top as f32);
    let at = top * width + left;
    let ([above, above_right], [below, below_right]) = (pair(&cells[at..]), pair(&cells[at + width..]));
    lerp(lerp(above, above_right, across), lerp(below, below_right, across), down)
}

/// Nothing, when it is next to nothing: the numbers beside zero take the processor many times as long.
#[inline(always)]
fn faded(number: f32) -> f32 {
    if number.abs() < 1e-12 { 0.0 } else { number }
}

#[inline(always)]
fn pair<const N: usize>(cells: &[[f32; N]]) -> [[f32; N]; 2] {
    [cells[0], cells[1]]
}

/// Between `a` and `b`.
#[inline(always)]
fn lerp<const N: usize>(mut a: [f32; N], b: [f32; N], share: f32) -> [f32; N] {
    for (a, b) in a.iter_mut().zip(b) {
        *a += (b - *a) * share;
    }
    a
}

/// A bell round `place`, of `radius` (both in widths of the grid), given to each cell that it reaches.
fn splat<T>(
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

/// A strong colour of the wheel, this much of it.
fn of_hue(hue: f32, strength: f32) -> Ink {
    let part = |offset: f32| {
        let wave = 0.5 + 0.5 * ((hue + offset) * TAU).cos();
        (0.06 + 0.94 * wave * wave) * strength
    };
    [part(0.0), part(-0.333), part(-0.667), 0.0]
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_place_outside_the_grid_is_brought_to_its_edge() {
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
