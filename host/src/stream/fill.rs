//! Fills a ring with the messages of a stream, in the process that has the library: that of the stream, or another one that has
//! the ring's memory as well.

use std::time::Duration;

use super::filler::{Filled, Filler, Taker};
use super::output::{OneRing, Output};
use super::push::push;
use crate::abi::ReturnValue;
use crate::error::Error;
use crate::library::Library;
use crate::request::RingRequest;
use crate::sync::{Deadline, lock, pause};

/// How long a turn may keep the other calls of a library that takes one at a time.
const TURN: Duration = Duration::from_millis(1);

/// How long the reader's next step is looked for before the thread sleeps: about what it costs to sleep and to be woken.
const LOOK: Duration = Duration::from_micros(50);

/// Has the library fill places until the stream ends, or others want its only thread. The library is open, and the caller is
/// inside.
pub(super) fn fill(
    output: &mut (impl Output + Send),
    library: &Library,
    taker: &impl Taker,
) -> Result<Filled, Box<Error>> {
    match library.stream_function() {
        Some(stream) => Ok(push(output, taker, stream)),
        None => fill_each(output, library, taker),
    }
}

/// Has the library asked for each message.
fn fill_each(output: &mut impl Output, library: &Library, taker: &impl Taker) -> Result<Filled, Box<Error>> {
    let functions = library.dispatcher().functions();
    let (request, input) = (output.request(), Box::<[u8]>::from(output.input()));
    let shares_thread = library.is_serial();
    let begun = Deadline::now();
    let (mut full_since, mut rounds) = (None, 0);
    while !taker.is_cancelled() {
        output.claim();
        let Some(memory) = output.memory(&input) else {
            if full_since.is_none() {
                taker.mark(false);
            }
            if full_since.get_or_insert_with(Deadline::now).elapsed() < LOOK {
                std::hint::spin_loop();
            } else if shares_thread {
                return Ok(Filled::More);
            } else {
                pause(rounds);
                rounds += 1;
            }
            continue;
        };
        (full_since, rounds) = (None, 0);
        taker.mark(true);
        match functions.call(memory, &request, taker) {
            Ok(ReturnValue::Message(length)) => output.publish(length),
            failed => {
                output.abandon();
                return failed.map(|value| Filled::Failed(value.number()));
            }
        }
        if shares_thread && begun.elapsed() >= TURN {
            taker.mark(false); // what comes until the next turn is not the library's time
            return Ok(Filled::More);
        }
    }
    Ok(Filled::End)
}

impl Filler<'_> {
    /// Has the library fill the ring until the stream ends, or others want its only thread. The library is open, and the caller
    /// is inside.
    pub fn fill(&self, library: &Library, taker: &impl Taker) -> Result<Filled, Box<Error>> {
        let mut ring = lock(&self.ring);
        fill(&mut OneRing::of(self, &mut ring), library, taker)
    }

    /// Has it filled in the process of the library, if that has the memory as well; here, if it has not.
    pub(super) fn fill_there(&self, library: &Library, taker: &impl Taker) -> Result<Filled, Box<Error>> {
        let (layout, options) = (&self.options.layout, &self.options);
        let number = |count: usize| u32::try_from(count).unwrap_or(0); // as they were given
        let ring = RingRequest {
            operation: self.request.operation,
            slots: number(layout.slots),
            slot_len: number(layout.slot_len),
            policy: options.policy as u32,
            input: &options.input,
            now: options.time(),
        };
        let functions = library.dispatcher().functions();
        match functions.fill(&self.memory.whole(), &ring, taker)? {
            Some(number) => Ok(Filled::of(number, layout.slot_len)),
            None => {
                self.resume();
                self.fill(library, taker)
            }
        }
    }
}
