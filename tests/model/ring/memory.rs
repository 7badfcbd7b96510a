//! The memory of a stream: its words, and for each slot the library's part.

use std::sync::Arc;

use crate::checker::yield_now;
use crate::data::Data;
use crate::reader::Slot;
use crate::ring::{Lines, Phase, Place, Policy, ReaderLine, Ring, SlotLine, WriterLine};
use crate::sync::{AtomicU32, AtomicU64, Ordering, js};

pub(crate) struct Memory {
    pub(crate) writer: WriterLine,
    pub(crate) reader: ReaderLine,
    /// Of the reader, which the writer does not know.
    pub(crate) epoch: AtomicU32,
    pub(crate) slots: Vec<SlotLine>,
    bytes: Vec<Data>,
    policy: Policy,
    /// The sequence of the first message.
    first: u32,
}

impl Lines for Arc<Memory> {
    fn writer(&self) -> &WriterLine {
        &self.writer
    }

    fn slot(&self, index: usize) -> &SlotLine {
        &self.slots[index]
    }

    fn slots(&self) -> usize {
        self.slots.len()
    }
}

impl Memory {
    pub(crate) fn new(policy: Policy, slots: usize, first: u32) -> Arc<Self> {
        let zero = || AtomicU32::new(0);
        let line = |_| SlotLine {
            state: zero(),
            sequence: zero(),
            length: zero(),
            dropped: zero(),
            timestamp: AtomicU64::new(0),
        };
        Arc::new(Self {
            writer: WriterLine {
                published: AtomicU32::new(first),
                phase: zero(),
                dropped: zero(),
                position: zero(),
            },
            reader: ReaderLine { stop: zero() },
            epoch: zero(),
            slots: (0..slots).map(line).collect(),
            bytes: (0..=slots).map(|_| Data::new()).collect(), // and the spare one
            policy,
            first,
        })
    }

    /// Writes messages as `burst.rs` does, until there were so many or the stream is stopped: how many there were.
    pub(crate) fn write(self: &Arc<Self>, count: u32) -> u32 {
        let (ring, number) = self.write_and_go_on(count);
        ring.set_phase(Phase::Ended);
        number
    }

    /// As [`write`](Self::write), and then the library fails.
    pub(crate) fn write_and_fail(self: &Arc<Self>, count: u32) {
        let (mut ring, _) = self.write_and_go_on(count);
        if let Some(place) = self.claim(&mut ring) {
            ring.abandon(place);
        }
        ring.set_phase(Phase::Failed);
    }

    fn write_and_go_on(self: &Arc<Self>, count: u32) -> (Ring<Arc<Self>>, u32) {
        let mut ring = Ring::new(Arc::clone(self), self.policy);
        ring.set_phase(Phase::Running);
        for number in 0..count {
            let Some(place) = self.claim(&mut ring) else {
                return (ring, number);
            };
            let index = match place {
                Place::Slot(index) => index,
                Place::Spare => self.slots.len(),
            };
            self.bytes[index].put(number);
            ring.publish(place, length_of(number), time_of(number));
        }
        (ring, count)
    }

    /// Waits for a place. `None` if the stream is stopped.
    fn claim(&self, ring: &mut Ring<Arc<Self>>) -> Option<Place> {
        while self.reader.stop.load(Ordering::Relaxed) == 0 {
            match ring.claim() {
                None => yield_now(),
                place => return place,
            }
        }
        None
    }

    /// The number of a message by its bytes. All that is said of it belongs to it.
    pub(crate) fn check(&self, slot: Slot) -> u32 {
        let number = self.bytes[slot.index].get();
        assert_eq!(slot.length, length_of(number), "the length of another message");
        assert_eq!(slot.timestamp, time_of(number).to_bits(), "the time of another message");
        let dropped = self.slots[slot.index].dropped.load(Ordering::Relaxed);
        match self.policy {
            Policy::Wait => assert_eq!((self.place_of(slot), dropped), (number, 0)),
            Policy::DropOldest => assert!(self.place_of(slot) == number && dropped <= number),
            Policy::DropNewest => assert_eq!(self.place_of(slot) + dropped, number), // the dropped ones have no sequence
        }
        number
    }

    /// How many messages were handed over before this one. A reader that opens after the count has wrapped begins below it.
    pub(crate) fn place_of(&self, slot: Slot) -> u32 {
        u32::try_from(slot.sequence.rem_euclid(1 << 32))
            .unwrap()
            .wrapping_sub(self.first)
    }

    pub(crate) fn dropped(&self) -> u32 {
        js::load(&self.writer.dropped)
    }
}

fn length_of(number: u32) -> u32 {
    number + 100
}

fn time_of(number: u32) -> f64 {
    f64::from(number) + 0.5
}
