//! A stream whose ring the program fills by itself, as it has the ring's memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use inplace_exchange_host::{Caller, Filled, Filler, Library, Member, Policy, Progress, Report, StreamOptions, Taker};

use crate::protocol::{Lane, REFUSED};
use crate::running::Running;
use crate::shared_memory::Mapping;
use crate::sources::{Inside, Sources};
use crate::system::monotonic_ms;

/// A ring that a lane asks to be filled. Its memories stay mapped as long as this is there.
struct Filling {
    control: Arc<Mapping>,
    lane: usize,
    buffers: Arc<Mapping>,
    filler: Filler<'static>,
    /// The library may speak on several threads, and the lane has room for one.
    report: Report,
    /// How often there was something to say in [`Lane::done`].
    marks: AtomicU64,
}

/// Fills the ring that a lane of a process asks for: the number of what has come of it.
///
/// A program of one connection fills it on this thread, for a turn or until the stream ends. One of several says how a call is
/// made `inside` its library: those that ask for the same then have one source, for as long as each lasts.
pub(crate) fn fill(
    library: &'static Library,
    process: u32,
    (control, lane): (&Arc<Mapping>, usize),
    buffers: &Arc<Mapping>,
    running: &'static Running,
    inside: Option<Inside>,
) -> i64 {
    static SOURCES: Sources<Filling> = Sources::new();

    let Some(filling) = Filling::of(library, control, lane, buffers) else {
        return REFUSED;
    };
    let Some(inside) = inside else {
        let cancels = filling.lane().cancels.load(Ordering::Relaxed);
        let filled = running.run(process, cancels, || filling.filler.fill(library, &filling));
        filling.pass_words_on();
        return filled.map_or(REFUSED, Filled::number);
    };
    let filling = Arc::new(filling);
    let cancel = || {
        if let Some(symbols) = library.symbols() {
            running.cancel_unwanted(|| symbols.cancel());
        }
    };
    let filled = SOURCES.fill(library, &filling, inside, cancel);
    filling.pass_words_on();
    filled.map_or(REFUSED, Filled::number)
}

impl Filling {
    /// `None` if what is asked for makes no sense.
    fn of(library: &Library, control: &Arc<Mapping>, number: usize, buffers: &Arc<Mapping>) -> Option<Self> {
        let lane = &control.control().lanes[number];
        let (offset, len) = (lane.offset.load(Ordering::Relaxed), lane.len.load(Ordering::Relaxed));
        // SAFETY: what is made of it here has the mapping, too.
        let memory = unsafe { buffers.lend_kept(offset, len) }?;
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
        if !options.fit(memory.data().addr().get(), memory.len()) {
            return None;
        }
        let operation = lane.library_operation.load(Ordering::Relaxed);
        let filler = Filler::new(&memory, operation, library.performs(), options);
        // Nothing is kept from one turn to the next: what the writer of a ring has to know is in the ring.
        filler.resume();
        Some(Self {
            control: Arc::clone(control),
            lane: number,
            buffers: Arc::clone(buffers),
            filler,
            report: Report::default(),
            marks: AtomicU64::new(0),
        })
    }

    fn lane(&self) -> &Lane {
        &self.control.control().lanes[self.lane]
    }

    fn pass_words_on(&self) {
        if let Some(text) = self.take_message() {
            self.lane().set_message(&text);
        }
    }
}

impl Caller for Filling {
    fn is_cancelled(&self) -> bool {
        self.lane().cancelled.load(Ordering::Relaxed) != 0 || self.filler.is_stopped()
    }

    fn set_progress(&self, _progress: Progress) {}

    fn set_message(&self, text: Option<String>) {
        self.report.set_message(text);
    }

    fn take_message(&self) -> Option<String> {
        self.report.take_message()
    }
}

impl Taker for Filling {
    fn mark(&self, inside: bool) {
        // Not added: one thread at a time says it.
        let marks = self.marks.load(Ordering::Relaxed).wrapping_add(1);
        self.marks.store(marks, Ordering::Relaxed);
        self.lane()
            .done
            .store(marks << 1 | u64::from(inside), Ordering::Relaxed);
    }
}

impl Member for Filling {
    fn filler(&self) -> &Filler<'_> {
        &self.filler
    }

    /// Streams of one connection that ask for the same have a source each, as in the app's process.
    fn is_apart_from(&self, other: &Self) -> bool {
        !Arc::ptr_eq(&self.buffers, &other.buffers)
    }
}

#[cfg(test)]
mod tests;
