//! The memory of a stream, which JavaScript has as well.

use std::ptr::NonNull;

use crate::lent_memory::{LentMemory, Pages};
use crate::ring::{Layout, Lines, Place, ReaderLine, SlotLine, WriterLine};
use crate::sync::Ordering;

/// A ring in memory that was lent for the time of a stream, and that others may write to at any time.
#[derive(Clone)]
pub(crate) struct Memory {
    start: NonNull<u8>,
    layout: Layout,
    pages: Pages,
}

// SAFETY: whoever lends the memory allows using it through this pointer, from whichever thread has it (LentMemory's contract);
// what is not a slot's bytes is used through atomics alone.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// All use of this is for the time that the memory is lent.
    pub(crate) fn new(memory: &LentMemory<'_>, layout: Layout) -> Self {
        assert!(layout.fits(memory.data().addr().get(), memory.len()));
        Self {
            start: memory.data(),
            layout,
            pages: memory.pages(),
        }
    }

    /// All of it.
    pub(crate) fn whole(&self) -> LentMemory<'_> {
        // SAFETY: what was lent, or its beginning: there is as much (`new`).
        unsafe { LentMemory::in_pages(self.start, self.layout.len, self.pages) }
    }

    /// A place's bytes, for one call, after the input, which is no longer than a slot, was written to their start.
    pub(crate) fn lend(&self, place: Place, input: &[u8]) -> LentMemory<'_> {
        let memory = self.first_of(place, self.layout.slot_len);
        assert!(input.len() <= memory.len());
        // SAFETY: the input fits, as was checked, and is memory of this process's own.
        unsafe { memory.write(input) };
        memory
    }

    /// The first of a place's bytes.
    fn first_of(&self, place: Place, len: usize) -> LentMemory<'_> {
        assert!(len <= self.layout.slot_len);
        // SAFETY: within the memory, as the layout's places are, for which there is room (`new`).
        let data = unsafe { self.start.add(self.layout.bytes_of(place)) };
        // SAFETY: part of what was lent. Its pages are not promised to be anybody's alone: they are the same as the whole's
        // if those are shared, and nothing is said of them otherwise.
        unsafe { LentMemory::in_pages(data, len, self.pages) }
    }

    /// Copies the first of a place's bytes to a place of another ring, whose slots are as large, and whose memory is apart.
    pub(crate) fn copy(&self, from: Place, len: usize, other: &Self, to: Place) {
        let (from, to) = (self.first_of(from, len), other.first_of(to, len));
        // SAFETY: as many bytes, in memory that was lent for another ring, and is apart (`Member::is_apart_from`).
        unsafe { from.copy_to(to.data()) };
    }

    pub(crate) fn slot_len(&self) -> usize {
        self.layout.slot_len
    }

    /// Whether the reader has asked for the end.
    pub(crate) fn is_stopped(&self) -> bool {
        let reader: &ReaderLine = self.line(Layout::READER);
        reader.stop.load(Ordering::Relaxed) != 0
    }

    fn line<T>(&self, offset: usize) -> &T {
        debug_assert!(size_of::<T>() <= 64 && offset + 64 <= self.layout.data);
        // SAFETY: within the memory: all lines come before the data, for which there is room (`new`).
        let line = unsafe { self.start.add(offset) };
        // SAFETY: aligned (`new`, and lines are multiples of 64), there for as long as the memory is lent, and every bit
        // pattern is a T, whose words are all atomic: others may write them at any time.
        unsafe { line.cast().as_ref() }
    }
}

impl Lines for Memory {
    fn writer(&self) -> &WriterLine {
        self.line(Layout::WRITER)
    }

    fn slot(&self, index: usize) -> &SlotLine {
        assert!(index < self.layout.slots);
        self.line(Layout::line_of(index))
    }

    fn slots(&self) -> usize {
        self.layout.slots
    }
}
