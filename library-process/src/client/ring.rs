//! A ring that the program fills by itself.

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::time::Instant;

use inplace_exchange_host::{Caller, Error, LentMemory, RingRequest};

use super::{Client, deadline, words};
use crate::process::{Request, Ring};
use crate::protocol::{Lane, Operation};
use crate::system::monotonic_ms;

/// Has it filled: the number that came of it. `None` if the program has not its memory.
///
/// The limit in time is that of a message: it begins again as often as the library does, and does not count while no slot is
/// free.
pub(super) fn fill(
    client: &Client,
    memory: &LentMemory<'_>,
    ring: &RingRequest<'_>,
    caller: &dyn Caller,
) -> Result<Option<i64>, Box<Error>> {
    let (process, _) = client.running()?;
    let Some(offset) = process.lender().find(memory) else {
        return Ok(None);
    };
    let input = process.lender().copy(ring.input);
    let input = input.ok_or_else(|| client.impossible("too much memory is in calls"))?;
    let asked = Request {
        operation: Operation::STREAM,
        offset,
        len: memory.len() as u64,
        input_len: ring.input.len() as u64,
        library_operation: ring.operation,
        shared: true,
        leaves: false,
        ring: Some(Ring {
            slots: ring.slots,
            slot_len: ring.slot_len,
            policy: ring.policy,
            input: input.offset,
            clock: ring.now - monotonic_ms(),
        }),
    };
    let last = Cell::new(0);
    let watch = |lane: &Lane, until: &mut Option<Instant>| {
        if caller.is_cancelled() {
            lane.cancelled.store(1, Ordering::Relaxed);
            return; // whatever the program says of its messages, it has to return now
        }
        let mark = lane.done.load(Ordering::Relaxed);
        if last.replace(mark) != mark || mark.is_multiple_of(2) {
            *until = deadline(client.options.timeout);
        }
    };
    let read = |lane: &Lane, number| words(lane, number, caller);
    client.request(&process, &asked, Some(&watch), read).map(Some)
}
