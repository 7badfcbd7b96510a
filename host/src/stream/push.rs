//! A library that makes the messages of a stream by itself: `exchange_stream`, from its call to its return.

use std::ptr::NonNull;

use super::filler::{Filled, Filler, Taker};
use crate::abi::{Sink, StreamFunction};
use crate::ring::Place;
use crate::sync::{Mutex, lock, pause};

/// What the library has of a ring.
struct Slots<'a> {
    filler: &'a Filler<'a>,
    taker: &'a dyn Taker,
    /// The one that it has acquired.
    place: Mutex<Option<Place>>,
}

/// Has the library fill slots until it returns.
pub(super) fn push(filler: &Filler<'_>, taker: &dyn Taker, stream: StreamFunction) -> Filled {
    let slots = Slots {
        filler,
        taker,
        place: Mutex::new(None),
    };
    taker.mark(true);
    let status = stream.call(
        &filler.options.input,
        filler.request.operation,
        filler.memory.slot_len(),
        &slots,
    );
    if let Some(place) = lock(&slots.place).take() {
        lock(&filler.ring).abandon(place); // acquired, and not handed over
    }
    match status {
        0.. => Filled::End,
        _ => Filled::Failed(status),
    }
}

impl Slots<'_> {
    /// Waits for a slot, if it is told to. `None` if there is none, or the stream is to end.
    fn claim(&self, wait: bool) -> Option<Place> {
        for round in 0.. {
            let place = lock(&self.filler.ring).claim();
            if place.is_some() || !wait {
                return place;
            }
            if round == 0 {
                self.taker.mark(false);
            }
            pause(round);
            if self.is_cancelled() {
                break;
            }
        }
        None
    }
}

impl Sink for Slots<'_> {
    fn acquire(&self, wait: bool) -> Option<NonNull<u8>> {
        let mut held = lock(&self.place);
        if self.is_cancelled() {
            return None;
        }
        if held.is_none() {
            *held = self.claim(wait);
        }
        self.taker.mark(true);
        held.map(|place| self.filler.memory.data_of(place))
    }

    fn commit(&self, length: usize) -> bool {
        let filler = self.filler;
        let Some(place) = lock(&self.place).take() else {
            return false;
        };
        self.taker.mark(true);
        let mut ring = lock(&filler.ring);
        match u32::try_from(length) {
            Ok(message) if length <= filler.memory.slot_len() => ring.publish(place, message, filler.options.time()),
            _ => {
                ring.abandon(place);
                return false;
            }
        }
        true
    }

    fn is_cancelled(&self) -> bool {
        self.taker.is_cancelled()
    }

    fn set_message(&self, text: Option<String>) {
        self.taker.set_message(text);
    }
}
