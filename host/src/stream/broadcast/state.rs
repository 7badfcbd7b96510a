//! The rings of a source, and the message that is made for them.

use std::sync::Arc;

use super::super::filler::{Filled, Member};
use crate::ring::{Place, Policy};
use crate::sync::lock;

/// What the thread of the source and those of its rings share.
pub(super) struct State<M> {
    pub(super) members: Vec<Joined<M>>,
    /// No ring joins any more.
    pub(super) is_closed: bool,
    /// The source is in the library.
    pub(super) is_inside: bool,
    /// The library makes a message, as was said of each ring.
    pub(super) is_marked: bool,
    /// What has come of it, and the library's words.
    pub(super) outcome: Option<(Filled, Option<String>)>,
}

/// A ring that has joined.
pub(super) struct Joined<M> {
    pub(super) member: Arc<M>,
    /// Whether it has part in the message that is made now.
    pub(super) takes_part: bool,
    /// Of that message. `None` if it is dropped for this ring.
    pub(super) place: Option<Place>,
    /// Whether the library fills this one.
    pub(super) is_filled: bool,
}

impl<M: Member> State<M> {
    /// Whether all rings are to end.
    pub(super) fn is_left(&self) -> bool {
        self.members.iter().all(|joined| joined.member.is_cancelled())
    }

    /// Whether all that wait for their readers have a free slot.
    pub(super) fn has_room(&mut self) -> bool {
        for joined in &mut self.members {
            joined.takes_part = !joined.member.is_cancelled();
        }
        self.taking_part().all(|joined| {
            let filler = joined.member.filler();
            filler.options.policy != Policy::Wait || lock(&filler.ring).has_room()
        })
    }

    /// Whether a place can be claimed: besides, one ring has a place, which is not so if all drop and their readers hold all
    /// slots.
    pub(super) fn has_place(&mut self) -> bool {
        self.has_room()
            && self
                .taking_part()
                .any(|joined| lock(&joined.member.filler().ring).has_room())
    }

    pub(super) fn taking_part(&mut self) -> impl Iterator<Item = &mut Joined<M>> {
        self.members.iter_mut().filter(|joined| joined.takes_part)
    }

    /// Claims places for a message: the ring that the library is to fill.
    pub(super) fn claim(&mut self) -> Option<(Arc<M>, Place)> {
        if !self.has_room() {
            return None;
        }
        let mut is_complete = true;
        for joined in self.taking_part() {
            let filler = joined.member.filler();
            joined.place = lock(&filler.ring).claim();
            // Nobody but who writes to slots that are not his takes one that was free.
            is_complete &= joined.place.is_some() || filler.options.policy != Policy::Wait;
        }
        let in_slot = |joined: &Joined<M>| matches!(joined.place, Some(Place::Slot(_)));
        let first = self.members.iter().position(in_slot);
        let first = first.or_else(|| self.members.iter().position(|joined| joined.place.is_some()));
        let filled = first.filter(|_| is_complete).and_then(|at| {
            let joined = &mut self.members[at];
            joined.is_filled = true;
            Some((Arc::clone(&joined.member), joined.place?))
        });
        if filled.is_none() {
            self.taking_part().for_each(Joined::abandon);
        }
        filled
    }
}

impl<M: Member> Joined<M> {
    pub(super) fn abandon(&mut self) {
        self.give_back();
        (self.takes_part, self.is_filled, self.place) = (false, false, None);
    }

    pub(super) fn give_back(&self) {
        if let Some(place) = self.place {
            lock(&self.member.filler().ring).abandon(place);
        }
    }

    /// Hands over what is in a place of the ring that was filled.
    pub(super) fn publish(&mut self, (filled, from): &(Arc<M>, Place), length: u32) {
        let filler = self.member.filler();
        let mut ring = lock(&filler.ring);
        match self.place.take() {
            Some(place) => {
                if !self.is_filled && place != Place::Spare {
                    filled
                        .filler()
                        .memory
                        .copy(*from, length as usize, &filler.memory, place);
                }
                ring.publish(place, length, filler.options.time());
            }
            None => ring.publish(Place::Spare, length, 0.0), // counts it
        }
        (self.takes_part, self.is_filled) = (false, false);
    }
}
