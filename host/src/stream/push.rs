//! A library that makes the messages of a stream by itself: `exchange_stream`, from its call to its return.

use std::ptr::NonNull;

use super::filler::{Filled, Taker};
use super::output::Output;
use crate::abi::{Sink, StreamFunction};
use crate::sync::{Mutex, lock, pause};

/// What the library has of a stream.
struct Slots<'a, O> {
    acquired: Mutex<Acquired<'a, O>>,
    slot_len: usize,
    taker: &'a dyn Taker,
}

struct Acquired<'a, O> {
    output: &'a mut O,
    /// Whether a place is claimed.
    is_held: bool,
}

/// Has the library fill places until it returns.
pub(super) fn push(output: &mut (impl Output + Send), taker: &dyn Taker, stream: StreamFunction) -> Filled {
    let (operation, slot_len) = (output.request().operation, output.slot_len());
    let input = Box::<[u8]>::from(output.input());
    let slots = Slots {
        acquired: Mutex::new(Acquired { output, is_held: false }),
        slot_len,
        taker,
    };
    taker.mark(true);
    let status = stream.call(&input, operation, slot_len, &slots);
    let acquired = &mut *lock(&slots.acquired);
    if acquired.is_held {
        acquired.output.abandon(); // acquired, and not handed over
    }
    match status {
        0.. => Filled::End,
        _ => Filled::Failed(status),
    }
}

impl<O: Output> Slots<'_, O> {
    /// Waits for a place, if it is told to. False if there is none, or the stream is to end.
    fn claim(&self, output: &mut O, wait: bool) -> bool {
        for round in 0.. {
            if output.claim() {
                return true;
            }
            if !wait {
                return false;
            }
            if round == 0 {
                self.taker.mark(false);
            }
            pause(round);
            if self.taker.is_cancelled() {
                break;
            }
        }
        false
    }
}

impl<O: Output + Send> Sink for Slots<'_, O> {
    fn acquire(&self, wait: bool) -> Option<NonNull<u8>> {
        let acquired = &mut *lock(&self.acquired);
        if self.is_cancelled() {
            return None;
        }
        if !acquired.is_held {
            acquired.is_held = self.claim(acquired.output, wait);
        }
        self.taker.mark(true);
        acquired.output.memory(&[]).map(|memory| memory.data())
    }

    fn commit(&self, length: usize) -> bool {
        let acquired = &mut *lock(&self.acquired);
        if !std::mem::take(&mut acquired.is_held) {
            return false;
        }
        self.taker.mark(true);
        match u32::try_from(length) {
            Ok(message) if length <= self.slot_len => acquired.output.publish(message),
            _ => {
                acquired.output.abandon();
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
