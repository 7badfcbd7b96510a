//! Where the messages of a stream go: one ring, or several.

use super::filler::Filler;
use super::memory::Memory;
use crate::lent_memory::LentMemory;
use crate::request::Request;
use crate::ring::{Place, Ring};

/// Places for messages, used for one after another.
pub(super) trait Output {
    /// A place for the next message, if there is one now.
    fn claim(&mut self) -> bool;

    /// The bytes of the place that was claimed, after these, which are no more than it has, were written to its start. `None`
    /// if none was.
    fn memory(&self, input: &[u8]) -> Option<LentMemory<'_>>;

    /// Hands over a message of so many bytes, in the place that was claimed.
    fn publish(&mut self, length: u32);

    /// Gives back the place that was claimed, if there is one.
    fn abandon(&mut self);

    /// What is asked for with each message.
    fn request(&self) -> Request;

    fn input(&self) -> &[u8];

    /// The bytes of a place.
    fn slot_len(&self) -> usize;
}

/// That of a filler.
pub(super) struct OneRing<'a> {
    filler: &'a Filler<'a>,
    ring: &'a mut Ring<Memory>,
    place: Option<Place>,
}

impl<'a> OneRing<'a> {
    pub(super) fn of(filler: &'a Filler<'a>, ring: &'a mut Ring<Memory>) -> Self {
        Self {
            filler,
            ring,
            place: None,
        }
    }
}

impl Output for OneRing<'_> {
    fn claim(&mut self) -> bool {
        self.place = self.ring.claim();
        self.place.is_some()
    }

    fn memory(&self, input: &[u8]) -> Option<LentMemory<'_>> {
        self.place.map(|place| self.filler.memory.lend(place, input))
    }

    fn publish(&mut self, length: u32) {
        if let Some(place) = self.place.take() {
            self.ring.publish(place, length, self.filler.options.time());
        }
    }

    fn abandon(&mut self) {
        if let Some(place) = self.place.take() {
            self.ring.abandon(place);
        }
    }

    fn request(&self) -> Request {
        self.filler.request
    }

    fn input(&self) -> &[u8] {
        &self.filler.options.input
    }

    fn slot_len(&self) -> usize {
        self.filler.slot_len()
    }
}
