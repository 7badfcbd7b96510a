//! A stream whose ring the program fills by itself, as it has the ring's memory.

use std::sync::atomic::{AtomicU64, Ordering};

use inplace_exchange_host::{Caller, Filled, Filler, Library, Policy, Progress, Report, StreamOptions, Taker};

use crate::protocol::{Lane, REFUSED};
use crate::running::Running;
use crate::shared_memory::Mapping;
use crate::system::monotonic_ms;

/// Fills the ring that a lane of a process asks for: the number of what has come of it.
///
/// Nothing is kept from one turn to the next: what the writer of a ring has to know is in the ring.
pub(crate) fn fill(library: &Library, process: u32, buffers: &Mapping, lane: &Lane, running: &Running) -> i64 {
    let Some(filler) = filler_of(library, buffers, lane) else {
        return REFUSED;
    };
    filler.resume();
    let filling = Filling {
        lane,
        filler: &filler,
        report: Report::default(),
        marks: AtomicU64::new(0),
    };
    let cancels = lane.cancels.load(Ordering::Relaxed);
    let filled = running.run(process, cancels, || filler.fill(library, &filling));
    if let Some(text) = filling.take_message() {
        lane.set_message(&text);
    }
    filled.map_or(REFUSED, Filled::number)
}

/// `None` if what is asked for makes no sense.
fn filler_of<'a>(library: &Library, buffers: &'a Mapping, lane: &Lane) -> Option<Filler<'a>> {
    let memory = buffers.lend(lane.offset.load(Ordering::Relaxed), lane.len.load(Ordering::Relaxed))?;
    let slot_len = lane.slot_len.load(Ordering::Relaxed);
    let input_len = lane.input_len.load(Ordering::Relaxed);
    if input_len > slot_len.into() {
        return None;
    }
    let input = buffers.copy(lane.input.load(Ordering::Relaxed), input_len)?;
    let options = StreamOptions::new(
        lane.slots.load(Ordering::Relaxed),
        slot_len,
        Policy::of(lane.policy.load(Ordering::Relaxed))?,
        input,
        f64::from_bits(lane.clock.load(Ordering::Relaxed)) + monotonic_ms(),
    )?;
    let operation = lane.library_operation.load(Ordering::Relaxed);
    let fits = options.fit(memory.data().addr().get(), memory.len());
    fits.then(|| Filler::new(&memory, operation, library.performs(), options))
}

/// Who has asked for it.
struct Filling<'a> {
    lane: &'a Lane,
    filler: &'a Filler<'a>,
    /// The library may speak on several threads, and the lane has room for one.
    report: Report,
    /// How often there was something to say in [`Lane::done`].
    marks: AtomicU64,
}

impl Caller for Filling<'_> {
    fn is_cancelled(&self) -> bool {
        self.lane.cancelled.load(Ordering::Relaxed) != 0 || self.filler.is_stopped()
    }

    fn set_progress(&self, _progress: Progress) {}

    fn set_message(&self, text: Option<String>) {
        self.report.set_message(text);
    }

    fn take_message(&self) -> Option<String> {
        self.report.take_message()
    }
}

impl Taker for Filling<'_> {
    fn mark(&self, inside: bool) {
        // Not added: one thread at a time says it.
        let marks = self.marks.load(Ordering::Relaxed).wrapping_add(1);
        self.marks.store(marks, Ordering::Relaxed);
        self.lane.done.store(marks << 1 | u64::from(inside), Ordering::Relaxed);
    }
}
