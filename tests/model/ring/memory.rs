//! The memory of a stream: its words, and for each slot the library's part.

use std::ops::Range;
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

    /// Writes messages as `fill.rs` does, until there were so many or the stream is stopped: how many there were.
    pub(crate) fn write(self: &Arc<Self>, count: u32) -> u32 {
        let mut ring = self.ring();
        let number = self.write_on(&mut ring, 0..count);
        ring.set_phase(Phase::Ended);
        number
    }

    /// As [`write`](Self::write), and then the library fails.
    pub(crate) fn write_and_fail(self: &Arc<Self>, count: u32) {
        let mut ring = self.ring();
        self.write_on(&mut ring, 0..count);
        if let Some(place) = self.claim(&mut ring) {
            ring.abandon(place);
        }
        ring.set_phase(Phase::Failed);
    }

    pub(crate) fn ring(self: &Arc<Self>) -> Ring<Arc<Self>> {
        Ring::new(Arc::clone(self), self.policy)
    }

    /// Writes the messages of these numbers, unless the stream is stopped: the number of the next.
    pub(crate) fn write_on(&self, ring: &mut Ring<Arc<Self>>, numbers: Range<u32>) -> u32 {
        for number in numbers.clone() {
            let Some(place) = self.claim(ring) else {
                return number;
            };
            self.put(place, number);
            ring.publish(place, length_of(number), time_of(number));
        }
        numbers.end
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

    /// What the library does.
    pub(crate) fn put(&self, place: Place, number: u32) {
        self.bytes_of(place).put(number);
    }

    pub(crate) fn bytes_of(&self, place: Place) -> &Data {
        match place {
            Place::Slot(index) => &self.bytes[index],
            Place::Spare => &self.bytes[self.slots.len()],
        }
    }

    /// The number of a message by its bytes. All that is said of it belongs to it.
    pub(crate) fn check(&self, slot: Slot) -> u32 {
        let number = self.number_in(slot);
        assert_eq!(slot.timestamp, time_of(number).to_bits(), "the time of another message");
        self.check_place(slot, number);
        number
    }

    pub(crate) fn number_in(&self, slot: Slot) -> u32 {
        let number = self.bytes[slot.index].get();
        assert_eq!(slot.length, length_of(number), "the length of another message");
        number
    }

    /// That so many messages were made for the ring before this one.
    pub(crate) fn check_place(&self, slot: Slot, number: u32) {
        let dropped = self.slots[slot.index].dropped.load(Ordering::Relaxed);
        match self.policy {
            Policy::Wait => assert_eq!((self.place_of(slot), dropped), (number, 0)),
            Policy::DropOldest => assert!(self.place_of(slot) == number && dropped <= number),
            Policy::DropNewest => assert_eq!(self.place_of(slot) + dropped, number), // the dropped ones have no sequence
        }
    }

    /// How many messages were counted.
    pub(crate) fn published(&self) -> u32 {
        js::load(&self.writer.published).wrapping_sub(self.first)
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

pub(crate) fn length_of(number: u32) -> u32 {
    number + 100
}

fn time_of(number: u32) -> f64 {
    f64::from(number) + 0.5
}
