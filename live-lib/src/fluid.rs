//! Water with ink in it: a solver of the incompressible Navier-Stokes equations on a grid.
//!
//! After Jos Stam's "Stable Fluids" (SIGGRAPH 1999), with vorticity confinement (Fedkiw, Stam, Jensen, 2001) to restore
//! the small eddies that the grid's resolution loses.

mod grid;
mod solver;
mod sources;

use crate::request::Request;

/// The grid of the water, in cells: velocity and pressure.
const WIDTH: usize = 256;
const HEIGHT: usize = 144;

/// The finer grid of the ink, in cells.
pub(crate) const INK_WIDTH: usize = 640;
pub(crate) const INK_HEIGHT: usize = 360;

/// The strength of vorticity confinement at a swirl of 1.
const MAX_VORTICITY: f32 = 28.0;

/// Red, green and blue; the fourth number pads a cell to the width of a vector register.
pub(crate) type Ink = [f32; 4];

/// The state of the water.
pub(crate) struct Fluid {
    /// Seconds of simulated time. An f32 could no longer add a sixtieth of a second after some days.
    time: f64,
    /// In cells per second.
    velocity: Vec<[f32; 2]>,
    previous_velocity: Vec<[f32; 2]>,
    pressure: Vec<f32>,
    previous_pressure: Vec<f32>,
    /// The velocity along a row of ink.
    row: Vec<[f32; 2]>,
    /// The curl, then the divergence.
    scratch: Vec<f32>,
    pub(crate) ink: Vec<Ink>,
    previous_ink: Vec<Ink>,
}

impl Default for Fluid {
    fn default() -> Self {
        const CELLS: usize = WIDTH * HEIGHT;
        const INK_CELLS: usize = INK_WIDTH * INK_HEIGHT;
        Self {
            time: 0.0,
            velocity: vec![[0.0; 2]; CELLS],
            previous_velocity: vec![[0.0; 2]; CELLS],
            pressure: vec![0.0; CELLS],
            previous_pressure: vec![0.0; CELLS],
            row: vec![[0.0; 2]; WIDTH],
            scratch: vec![0.0; CELLS],
            ink: vec![[0.0; 4]; INK_CELLS],
            previous_ink: vec![[0.0; 4]; INK_CELLS],
        }
    }
}

impl Fluid {
    /// Advances the simulation by the time in the request.
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
            self.apply_jets(request.hue, seconds);
        }
        self.apply_pointer(request);
        self.confine_vorticity(request.swirl * MAX_VORTICITY * seconds);
        self.enforce_walls();
        self.project();
        self.advect_velocity(seconds);
        self.advect_ink(seconds, request.persistence);
    }
}
