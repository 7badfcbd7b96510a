//! A library that makes the messages of a stream by itself: `exchange_stream`, from its call to its return.

use std::ptr::NonNull;

use super::source::{Next, Source};
use crate::abi::{ReturnValue, Sink, StreamFunction};
use crate::error::Error;
use crate::request::Caller;
use crate::ring::Place;
use crate::sync::{Mutex, lock, pause};

/// What the library has of a ring.
struct Slots<'a> {
    source: &'a Source,
    caller: &'a dyn Caller,
    /// The one that it has acquired.
    place: Mutex<Option<Place>>,
}

/// Has the library fill slots until it returns.
pub(super) fn push(source: &Source, caller: &dyn Caller, stream: StreamFunction) -> Result<Next, Box<Error>> {
    let slots = Slots {
        source,
        caller,
        place: Mutex::new(None),
    };
    let status = stream.call(
        &source.input,
        source.request.operation,
        source.memory.slot_len(),
        &slots,
    );
    if let Some(place) = lock(&slots.place).take() {
        lock(&source.ring).abandon(place); // acquired, and not handed over
    }
    match status {
        0.. => Ok(Next::End),
        _ => {
            let library = source.session.library();
            library
                .outcome_of(ReturnValue::Failed(status), caller)
                .map(|_| Next::End)
        }
    }
}

impl Slots<'_> {
    fn memory_of(&self, place: Place) -> NonNull<u8> {
        self.source.memory.lend(place).data()
    }
}

impl Sink for Slots<'_> {
    fn acquire(&self, wait: bool) -> Option<NonNull<u8>> {
        let source = self.source;
        let mut held = lock(&self.place);
        for round in 0.. {
            if source.is_stopping() {
                return None;
            }
            if held.is_none() {
                *held = lock(&source.ring).claim();
            }
            match *held {
                Some(place) => return Some(self.memory_of(place)),
                None if wait => pause(round),
                None => return None,
            }
        }
        None
    }

    fn commit(&self, length: usize) -> bool {
        let source = self.source;
        let Some(place) = lock(&self.place).take() else {
            return false;
        };
        let mut ring = lock(&source.ring);
        match u32::try_from(length) {
            Ok(message) if length <= source.memory.slot_len() => ring.publish(place, message, source.time()),
            _ => {
                ring.abandon(place);
                return false;
            }
        }
        true
    }

    fn is_cancelled(&self) -> bool {
        self.source.is_stopping()
    }

    fn set_message(&self, text: Option<String>) {
        self.caller.set_message(text);
    }
}
