//! The sources of motion and ink: the jets, and the pointer.

#![expect(
    clippy::cast_possible_truncation,
    reason = "numbers are clamped before they are cast"
)]

use std::f32::consts::TAU;

use super::grid::add_gaussian;
use super::{Fluid, HEIGHT, INK_HEIGHT, INK_WIDTH, Ink, WIDTH};
use crate::request::Request;

/// The jets that circle in the water, each with its own colour.
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
    /// The start angle, in radians.
    phase: f32,
    /// The angular speed for each axis.
    rate: [f32; 2],
    /// The offset from the request's hue, in turns of the colour wheel.
    colour: f32,
}

impl Fluid {
    /// The angle, in radians, of a rotation at `speed` radians per second.
    fn angle_at(&self, speed: f32) -> f32 {
        (self.time * f64::from(speed)).rem_euclid(f64::from(TAU)) as f32
    }

    pub(super) fn apply_jets(&mut self, hue: f32, seconds: f32) {
        for Jet { phase, rate, colour } in JETS {
            let angles = [0, 1].map(|axis| phase + self.angle_at(rate[axis] * 2.0));
            let place = [0.5 + 0.36 * angles[0].cos(), 0.5 + 0.34 * angles[1].sin()];
            let direction = phase + self.angle_at(1.1 + rate[0]);
            let push = [direction.cos(), direction.sin()].map(|part| part * 900.0 * seconds);
            let strength = 3.2 * seconds;
            self.splat(
                place,
                0.028,
                push,
                ink_of_hue(hue + colour + self.angle_at(0.08) / TAU, strength),
            );
        }
    }

    pub(super) fn apply_pointer(&mut self, request: &Request) {
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
        // A part of the pointer's speed, in cells per second, goes to the water.
        let cells = [WIDTH as f32, HEIGHT as f32];
        let push = [0, 1].map(|axis| {
            let speed = moved[axis] * cells[axis] / zoom / request.seconds;
            (speed * 0.55).clamp(-900.0, 900.0)
        });
        let speed = push[0].hypot(push[1]) / 900.0;
        let strength = (ink * 9.0 + speed * 4.0) * request.seconds;
        self.splat(
            place,
            0.03 / zoom,
            push,
            ink_of_hue(hue + 0.5 + self.angle_at(0.3) / TAU, strength),
        );
    }

    /// Adds velocity and ink around `place` (0 to 1 across the water), decreasing with the distance.
    pub(super) fn splat(&mut self, place: [f32; 2], radius: f32, push: [f32; 2], ink: Ink) {
        add_gaussian(&mut self.velocity, [WIDTH, HEIGHT], place, radius, |[x, y], share| {
            *x += push[0] * share;
            *y += push[1] * share;
        });
        add_gaussian(&mut self.ink, [INK_WIDTH, INK_HEIGHT], place, radius, |cell, share| {
            for (cell, ink) in cell.iter_mut().zip(ink) {
                *cell += ink * share;
            }
        });
    }
}

/// Ink of a saturated colour; `hue` is in turns of the colour wheel.
pub(super) fn ink_of_hue(hue: f32, strength: f32) -> Ink {
    let part = |offset: f32| {
        let wave = 0.5 + 0.5 * ((hue + offset) * TAU).cos();
        (0.06 + 0.94 * wave * wave) * strength
    };
    [part(0.0), part(-0.333), part(-0.667), 0.0]
}
