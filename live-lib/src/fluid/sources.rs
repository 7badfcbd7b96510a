//! What stirs the water and lets ink go: its own jets, and the pointer.

#![expect(
    clippy::cast_possible_truncation,
    reason = "a number is brought into its range before it is cast"
)]

use std::f32::consts::TAU;

use super::grid::splat;
use super::{Fluid, HEIGHT, INK_HEIGHT, INK_WIDTH, Ink, WIDTH};
use crate::request::Request;

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

impl Fluid {
    /// How far something has turned that turns as fast as this, in radians, a second.
    fn turned(&self, speed: f32) -> f32 {
        (self.time * f64::from(speed)).rem_euclid(f64::from(TAU)) as f32
    }

    pub(super) fn run_jets(&mut self, hue: f32, seconds: f32) {
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

    pub(super) fn follow_pointer(&mut self, request: &Request) {
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
    pub(super) fn splash(&mut self, place: [f32; 2], radius: f32, push: [f32; 2], ink: Ink) {
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
}

/// A strong colour of the wheel, this much of it.
pub(super) fn of_hue(hue: f32, strength: f32) -> Ink {
    let part = |offset: f32| {
        let wave = 0.5 + 0.5 * ((hue + offset) * TAU).cos();
        (0.06 + 0.94 * wave * wave) * strength
    };
    [part(0.0), part(-0.333), part(-0.667), 0.0]
}
