//! The writer's side of a ring: messages in slots of shared memory, which a reader takes one after another.
//!
//! | offset | | written by |
//! | --- | --- | --- |
//! | 0 | what the reader has to know of the layout | whoever makes the memory, before the stream begins |
//! | 64 | [`WriterLine`] | the writer |
//! | 128 | [`ReaderLine`] | the reader |
//! | 192 | a [`SlotLine`] for each slot, 64 bytes apart | the writer, and `state` both |
//! | [`Layout::data`] | the bytes of the slots, [`Layout::stride`] apart | the library |
//!
//! The reader is JavaScript (`lib/stream.mjs`), and may be any: of all that is in the memory the writer reads no more than
//! `state` and `stop`, and, to go on where another writer has left off, its own counts, on which it does not rely. A state that it does not know is that of a slot that is not free. `state` hands a slot over: it
//! is stored with `Release` by who gives it away, and loaded with `Acquire` by who takes it (JavaScript's `Atomics` do both).
//! `docs/streams.md` has this as a contract; `tests/model` runs this file under loom and shuttle.

use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// The fewest and the most slots of a ring.
pub const SLOTS: std::ops::RangeInclusive<u32> = 2..=1024;

/// The states of a slot. Any other one whose lowest two bits are set is that of a reader.
pub(crate) enum State {}

impl State {
    /// Nobody's: the writer may fill it.
    pub(crate) const FREE: u32 = 0;
    /// The writer's.
    pub(crate) const WRITING: u32 = 1;
    /// Filled: the reader may take it, and the writer of a ring that drops what is old.
    pub(crate) const READY: u32 = 2;
}

/// How the stream is, in its line.
#[derive(Clone, Copy)]
pub(crate) enum Phase {
    Running = 1,
    Ended = 2,
    Failed = 3,
}

/// What the writer does when no slot is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Wait for one: no message is lost.
    Wait,
    /// Take the oldest message that was not read: the reader sees the latest ones.
    DropOldest,
    /// Have the library fill bytes that nobody reads: it goes on at its own pace, and what was there first is read.
    DropNewest,
}

impl Policy {
    /// By its number in the layout, which is `as u32`. `None` if there is none.
    pub fn of(number: u32) -> Option<Self> {
        [Self::Wait, Self::DropOldest, Self::DropNewest]
            .get(number as usize)
            .copied()
    }
}

/// Of the writer. Counts wrap.
#[repr(C)]
pub(crate) struct WriterLine {
    /// How many messages were handed over. The memory's first value is where the count begins.
    pub(crate) published: AtomicU32,
    /// A [`Phase`], or 0 before the first.
    pub(crate) phase: AtomicU32,
    /// How many messages were dropped.
    pub(crate) dropped: AtomicU32,
    /// The slot that is filled next.
    pub(crate) position: AtomicU32,
}

/// Of the reader.
#[repr(C)]
pub(crate) struct ReaderLine {
    /// Not 0: end the stream.
    pub(crate) stop: AtomicU32,
}

/// Of one slot.
#[repr(C)]
pub(crate) struct SlotLine {
    /// Of [`State`].
    pub(crate) state: AtomicU32,
    /// The number of its message: `published` before it.
    pub(crate) sequence: AtomicU32,
    /// The bytes of its message.
    pub(crate) length: AtomicU32,
    /// How many messages were dropped before it.
    pub(crate) dropped: AtomicU32,
    /// When it was filled: the bits of a number of JavaScript's.
    pub(crate) timestamp: AtomicU64,
}

/// The lines of a ring, wherever they are.
pub(crate) trait Lines {
    fn writer(&self) -> &WriterLine;
    /// Of a slot below [`slots`](Self::slots).
    fn slot(&self, index: usize) -> &SlotLine;
    fn slots(&self) -> usize;
}

/// The writer of a ring. Its counts are its own: those in the memory are for the reader.
pub(crate) struct Ring<L> {
    lines: L,
    policy: Policy,
    position: usize,
    /// The number of the message that each slot had last.
    sequences: Box<[u32]>,
    published: u32,
    dropped: u32,
}

/// Where the next message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A slot, which is the writer's from here on.
    Slot(usize),
    /// The bytes after all slots, which nobody reads.
    Spare,
}

impl<L: Lines> Ring<L> {
    pub(crate) fn new(lines: L, policy: Policy) -> Self {
        let published = lines.writer().published.load(Ordering::Relaxed);
        Self {
            sequences: vec![published; lines.slots()].into(),
            lines,
            policy,
            position: 0,
            published,
            dropped: 0,
        }
    }

    /// Goes on where another writer of the same ring has left off: its counts are in the memory. Others may have written
    /// anything there, which then spoils their messages, as it does when they write to the slots.
    pub(crate) fn resume(&mut self) {
        let writer = self.lines.writer();
        self.published = writer.published.load(Ordering::Relaxed);
        self.dropped = writer.dropped.load(Ordering::Relaxed);
        self.position = writer.position.load(Ordering::Relaxed) as usize % self.lines.slots();
        if self.policy == Policy::DropOldest {
            for (index, sequence) in self.sequences.iter_mut().enumerate() {
                *sequence = self.lines.slot(index).sequence.load(Ordering::Relaxed);
            }
        }
    }

    /// Gives back what a writer that is gone has taken.
    pub(crate) fn abandon_all(&self) {
        for index in 0..self.lines.slots() {
            let slot = &self.lines.slot(index).state;
            let _ = slot.compare_exchange(State::WRITING, State::FREE, Ordering::Release, Ordering::Relaxed);
        }
    }

    /// Takes a place for the next message. `None` if there is none now.
    pub(crate) fn claim(&mut self) -> Option<Place> {
        while let Some((index, state)) = self.next() {
            let slot = &self.lines.slot(index).state;
            let taken = slot.compare_exchange(state, State::WRITING, Ordering::Acquire, Ordering::Relaxed);
            if taken.is_ok() {
                if state == State::READY {
                    self.dropped = self.dropped.wrapping_add(1);
                }
                return Some(Place::Slot(index));
            }
        }
        (self.policy == Policy::DropNewest).then_some(Place::Spare)
    }

    /// Whether there is a place now.
    pub(crate) fn has_room(&self) -> bool {
        self.policy == Policy::DropNewest || self.next().is_some()
    }

    /// The slot to be filled next, and its state: in turn, one that is free, or else the one with the oldest message, if that
    /// may be dropped. The reader gives slots back in any order.
    fn next(&self) -> Option<(usize, u32)> {
        let mut oldest = None;
        for index in (self.position..self.lines.slots()).chain(0..self.position) {
            match self.lines.slot(index).state.load(Ordering::Relaxed) {
                State::FREE => return Some((index, State::FREE)),
                State::READY if self.policy == Policy::DropOldest => {
                    oldest = oldest.max(Some((self.published.wrapping_sub(self.sequences[index]), index)));
                }
                _ => {} // to be read, the reader's, or one that nobody knows
            }
        }
        oldest.map(|(_age, index)| (index, State::READY))
    }

    /// Hands over a message of so many bytes.
    pub(crate) fn publish(&mut self, place: Place, length: u32, timestamp: f64) {
        let Place::Slot(index) = place else {
            self.dropped = self.dropped.wrapping_add(1);
            self.lines.writer().dropped.store(self.dropped, Ordering::Relaxed);
            return;
        };
        let slot = self.lines.slot(index);
        slot.sequence.store(self.published, Ordering::Relaxed);
        slot.length.store(length, Ordering::Relaxed);
        slot.dropped.store(self.dropped, Ordering::Relaxed);
        slot.timestamp.store(timestamp.to_bits(), Ordering::Relaxed);
        slot.state.store(State::READY, Ordering::Release);
        self.sequences[index] = self.published;
        self.position = (index + 1) % self.lines.slots();
        self.published = self.published.wrapping_add(1);
        let writer = self.lines.writer();
        let position = u32::try_from(self.position).unwrap_or(0); // below SLOTS
        writer.position.store(position, Ordering::Relaxed);
        writer.dropped.store(self.dropped, Ordering::Relaxed);
        // Last: who sees it finds the message.
        writer.published.store(self.published, Ordering::Release);
    }

    /// Gives a place back that has no message.
    pub(crate) fn abandon(&self, place: Place) {
        if let Place::Slot(index) = place {
            self.lines.slot(index).state.store(State::FREE, Ordering::Release);
        }
        self.lines.writer().dropped.store(self.dropped, Ordering::Relaxed); // another message may have gone for it
    }

    /// Says how the stream is, after all messages that were handed over.
    pub(crate) fn set_phase(&self, phase: Phase) {
        self.lines.writer().phase.store(phase as u32, Ordering::Release);
    }
}

/// Where the parts of a ring are, in bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How many slots there are.
    pub slots: usize,
    /// The bytes of each.
    pub slot_len: usize,
    /// From one slot's bytes to the next one's.
    pub stride: usize,
    /// Where the bytes of the first begin.
    pub data: usize,
    /// All of it.
    pub len: usize,
}

impl Layout {
    pub(crate) const WRITER: usize = LINE;
    pub(crate) const READER: usize = 2 * LINE;

    /// Of a ring. `None` if there are none of that size.
    pub fn new(slots: u32, slot_len: u32, policy: Policy) -> Option<Self> {
        if !SLOTS.contains(&slots) || slot_len == 0 {
            return None;
        }
        let (slots, slot_len) = (slots as usize, slot_len as usize);
        let stride = slot_len.checked_next_multiple_of(LINE)?;
        let data = Self::line_of(slots).next_multiple_of(PAGE);
        let places = slots + usize::from(policy == Policy::DropNewest);
        Some(Self {
            slots,
            slot_len,
            stride,
            data,
            len: stride.checked_mul(places)?.checked_add(data)?,
        })
    }

    /// Whether memory has room for it, and is where its words can be.
    pub fn fits(&self, address: usize, len: usize) -> bool {
        len >= self.len && address.is_multiple_of(align_of::<SlotLine>())
    }

    /// The line of a slot.
    pub(crate) fn line_of(index: usize) -> usize {
        (3 + index) * LINE
    }

    /// The bytes of a place.
    pub(crate) fn bytes_of(&self, place: Place) -> usize {
        let index = match place {
            Place::Slot(index) => index,
            Place::Spare => self.slots,
        };
        self.data + index * self.stride
    }
}

/// What processors share with each other at a time, in bytes.
const LINE: usize = 64;

/// Where the bytes begin, a multiple of this.
const PAGE: usize = 4096;

#[cfg(test)]
mod tests;
