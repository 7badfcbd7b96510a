//! Water with ink in it: the incompressible Navier-Stokes equations on a grid, in the manner of Jos Stam's "Stable
//! Fluids" (SIGGRAPH 1999), with vorticity confinement (Fedkiw, Stam, Jensen, 2001) for the small eddies that the grid
//! swallows.

mod grid;
mod solver;
mod sources;

use crate::request::Request;

/// Cells of the grid on which the water moves.
const WIDTH: usize = 256;
const HEIGHT: usize = 144;

/// Cells of the finer grid that carries the ink.
pub(crate) const INK_WIDTH: usize = 640;
pub(crate) const INK_HEIGHT: usize = 360;

/// What the eddies curl with, at most.
const SWIRL: f32 = 28.0;

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
}
