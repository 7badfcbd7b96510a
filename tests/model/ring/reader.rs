//! `lib/stream.mjs` in Rust, function by function under the same names, on the same words: what is changed there is changed
//! here. `Atomics` are those of `sync::js`, and what is read of a typed array is a relaxed load.
//!
//! It can end between any two steps, as a Worker that is terminated does.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::Arc;

use crate::memory::Memory;
use crate::ring::State;
use crate::sync::{AtomicU32, Ordering, Terminated, js};

const READING: u32 = 3;

pub(crate) struct Reader {
    memory: Arc<Memory>,
    mine: u32,
    epoch: u32,
    last: u32,
    sequence: i64,
    cursor: usize,
    is_closed: bool,
    /// Until it ends. `None`: it does not.
    steps: Cell<Option<u32>>,
    /// How many messages `latest` has given back unread.
    pub(crate) given_back: u32,
}

/// A message in its slot.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) index: usize,
    mine: u32,
    pub(crate) sequence: i64,
    pub(crate) length: u32,
    pub(crate) timestamp: u64,
}

impl Slot {
    pub(crate) fn release(self, memory: &Memory) {
        js::compare_exchange(&memory.slots[self.index].state, self.mine, State::FREE);
    }
}

impl Reader {
    pub(crate) fn open(memory: &Arc<Memory>) -> Self {
        Self::open_for(memory, None)
    }

    /// A reader that ends after so many steps.
    pub(crate) fn open_for(memory: &Arc<Memory>, steps: Option<u32>) -> Self {
        let epoch = js::add(&memory.epoch, 1).wrapping_add(1);
        let mut reader = Self {
            memory: Arc::clone(memory),
            mine: READING | epoch << 2,
            epoch,
            last: 0,
            sequence: 0,
            cursor: 0,
            is_closed: false,
            steps: Cell::new(steps),
            given_back: 0,
        };
        let published = reader.load(&memory.writer.published);
        let mut oldest = 0;
        for index in 0..memory.slots.len() {
            reader.take_back(index);
            if reader.state_of(index) == State::READY {
                oldest = oldest.min(reader.sequence_of(index).wrapping_sub(published).cast_signed());
            }
        }
        reader.last = published.wrapping_add_signed(oldest).wrapping_sub(1);
        reader.sequence = i64::from(reader.last.wrapping_add(1)) - 1;
        reader
    }

    pub(crate) fn is_running(&self) -> bool {
        self.load(&self.memory.writer.phase) < 2
    }

    pub(crate) fn next(&mut self) -> Option<Slot> {
        let mut slot = if self.is_closed || self.is_succeeded() || self.distance(self.cursor) != 1 {
            None
        } else {
            self.take(self.cursor, true)
        };
        while slot.is_none() && self.has_news() {
            let Some(index) = self.oldest() else { break };
            slot = self.take(index, true);
        }
        if slot.is_none() {
            self.take_back_all();
        }
        slot
    }

    pub(crate) fn latest(&mut self) -> Option<Slot> {
        let mut taken: Option<Slot> = None;
        while self.has_news() {
            let Some(index) = self.newest() else { break };
            let Some(slot) = self.take(index, false) else { continue };
            if let Some(before) = taken.replace(slot) {
                self.step();
                before.release(&self.memory);
                self.given_back += 1;
            }
        }
        if taken.is_none() {
            self.take_back_all();
            return None;
        }
        for index in 0..self.memory.slots.len() {
            if self.state_of(index) == State::READY && !self.is_new(index) {
                self.discard(index);
            }
        }
        taken
    }

    /// What `wait` looks for. `None` if it goes on looking.
    pub(crate) fn wait(&self) -> Option<bool> {
        let is_running = self.is_running();
        if self.has_news() && self.oldest().is_some() {
            return Some(true);
        }
        (self.is_closed || !is_running).then_some(false)
    }

    pub(crate) fn close(&mut self) {
        if self.is_closed {
            return;
        }
        let has_successor = self.is_succeeded();
        self.is_closed = true;
        for slot in &self.memory.slots {
            self.compare_exchange(&slot.state, self.mine, State::FREE);
        }
        if !has_successor {
            self.step();
            js::store(&self.memory.reader.stop, 1);
        }
    }

    /// Either this sees the successor, or that sees what this reader has done before.
    fn is_succeeded(&self) -> bool {
        self.step();
        js::load_latest(&self.memory.epoch) != self.epoch
    }

    fn has_news(&self) -> bool {
        if self.is_closed || self.is_succeeded() {
            return false;
        }
        let published = self.load(&self.memory.writer.published);
        published.wrapping_sub(1).wrapping_sub(self.last).cast_signed() > 0
    }

    fn state_of(&self, index: usize) -> u32 {
        self.load(&self.memory.slots[index].state)
    }

    fn sequence_of(&self, index: usize) -> u32 {
        self.step();
        self.memory.slots[index].sequence.load(Ordering::Relaxed)
    }

    fn distance(&self, index: usize) -> i32 {
        self.sequence_of(index).wrapping_sub(self.last).cast_signed()
    }

    fn is_new(&self, index: usize) -> bool {
        self.state_of(index) == State::READY && self.distance(index) > 0
    }

    fn oldest(&self) -> Option<usize> {
        if self.is_new(self.cursor) && self.distance(self.cursor) == 1 {
            return Some(self.cursor);
        }
        let mut oldest = None;
        for index in 0..self.memory.slots.len() {
            if self.is_new(index) && oldest.is_none_or(|oldest| self.distance(index) < self.distance(oldest)) {
                oldest = Some(index);
            }
        }
        oldest
    }

    fn newest(&self) -> Option<usize> {
        let mut newest = None;
        for index in 0..self.memory.slots.len() {
            if self.is_new(index) && newest.is_none_or(|newest| self.distance(index) > self.distance(newest)) {
                newest = Some(index);
            }
        }
        newest
    }

    fn take(&mut self, index: usize, in_order: bool) -> Option<Slot> {
        if !self.hold(index) {
            return None;
        }
        let distance = self.distance(index);
        if self.is_succeeded() || distance <= 0 || (in_order && distance > 1 && self.has_older(distance)) {
            self.put_back(index);
            return None;
        }
        let words = &self.memory.slots[index];
        self.last = self.last.wrapping_add_signed(distance);
        self.sequence += i64::from(distance);
        self.cursor = (index + 1) % self.memory.slots.len();
        self.step();
        Some(Slot {
            index,
            mine: self.mine,
            sequence: self.sequence,
            length: words.length.load(Ordering::Relaxed),
            timestamp: words.timestamp.load(Ordering::Relaxed),
        })
    }

    fn has_older(&self, distance: i32) -> bool {
        self.oldest().is_some_and(|oldest| self.distance(oldest) < distance)
    }

    fn hold(&self, index: usize) -> bool {
        self.compare_exchange(&self.memory.slots[index].state, State::READY, self.mine)
    }

    fn put_back(&self, index: usize) {
        let state = if self.is_succeeded() { State::FREE } else { State::READY };
        self.compare_exchange(&self.memory.slots[index].state, self.mine, state);
    }

    fn discard(&mut self, index: usize) {
        if !self.hold(index) {
            return;
        }
        if self.distance(index) > 0 {
            self.put_back(index);
        } else {
            self.compare_exchange(&self.memory.slots[index].state, self.mine, State::FREE);
            self.given_back += 1;
        }
    }

    fn take_back_all(&self) {
        if self.epoch == 1 {
            return;
        }
        for index in 0..self.memory.slots.len() {
            self.take_back(index);
        }
    }

    fn take_back(&self, index: usize) {
        let slot = &self.memory.slots[index].state;
        let state = self.load(slot);
        if state & READING == READING && state != self.mine && !self.is_succeeded() {
            self.compare_exchange(slot, state, State::FREE);
        }
    }

    fn load(&self, word: &AtomicU32) -> u32 {
        self.step();
        js::load(word)
    }

    fn compare_exchange(&self, word: &AtomicU32, from: u32, to: u32) -> bool {
        self.step();
        js::compare_exchange(word, from, to)
    }

    /// Before each access to the memory.
    fn step(&self) {
        match self.steps.get() {
            Some(0) => resume_unwind(Box::new(Terminated)),
            steps => self.steps.set(steps.map(|steps| steps - 1)),
        }
    }
}
