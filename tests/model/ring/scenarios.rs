//! Scenarios of a ring, each about one guarantee.

use std::sync::{Arc, Mutex};

use crate::checker::{Thread, start, yield_now};
use crate::memory::Memory;
use crate::reader::{Reader, Slot};
use crate::ring::{Policy, State};
use crate::scenario::scenarios;
use crate::sync::{Ordering, js, unless_terminated};

scenarios! {
    SCENARIOS:
    a_full_ring_drops_what_it_should 3;
    every_message_is_taken_in_order 3;
    old_messages_are_dropped 1;
    new_messages_are_dropped 1;
    the_latest_message_is_taken 3;
    a_slot_that_is_held_is_left_alone 3;
    the_library_fails 3;
    the_reader_ends_the_stream 3;
    a_reader_is_terminated 22;
    another_reader_takes_over 1;
    states_are_overwritten 18;
}

pub(crate) const POLICIES: [Policy; 3] = [Policy::Wait, Policy::DropOldest, Policy::DropNewest];

/// Where counts begin: also where they wrap.
pub(crate) const FIRST: [u32; 3] = [0, u32::MAX - 1, (1 << 31) - 2];

pub(crate) const SLOTS: usize = 2;

/// Writes messages on a thread of its own.
pub(crate) fn writer(memory: &Arc<Memory>, write: impl FnOnce(&Arc<Memory>) + Send + 'static) -> Thread {
    let memory = Arc::clone(memory);
    start("writer", move || write(&memory))
}

/// Takes messages until the stream has ended, and none is left: their numbers.
pub(crate) fn read(memory: &Memory, reader: &mut Reader, take: fn(&mut Reader) -> Option<Slot>) -> Vec<u32> {
    let numbers = read_to_end(memory, reader, take);
    assert!(take(reader).is_none(), "wait has missed a message");
    numbers
}

/// As [`read`], of a writer that may have ended before it has counted its last message.
pub(crate) fn read_to_end(memory: &Memory, reader: &mut Reader, take: fn(&mut Reader) -> Option<Slot>) -> Vec<u32> {
    let mut numbers = Vec::new();
    loop {
        match reader.wait() {
            None => yield_now(),
            Some(false) => break,
            Some(true) => {
                if let Some(slot) = take(reader) {
                    numbers.push(memory.check(slot));
                    slot.release(memory);
                }
            }
        }
    }
    assert!(
        numbers.is_sorted_by(|one, next| one < next),
        "out of order: {numbers:?}"
    );
    numbers
}

/// Each message was taken, or given back unread, or dropped, or it is still there.
pub(crate) fn assert_complete(memory: &Memory, reader: &Reader, written: u32, taken: usize) {
    let taken = u32::try_from(taken).unwrap() + reader.given_back;
    assert_eq!(taken + memory.dropped(), written, "a message is lost");
    for slot in &memory.slots {
        assert_eq!(js::load(&slot.state), State::FREE);
    }
}

/// One that is not full drops nothing.
fn a_full_ring_drops_what_it_should(variant: u32) {
    let policy = POLICIES[variant as usize];
    let (written, left) = match policy {
        Policy::Wait => (2, [0, 1]),
        Policy::DropOldest => (3, [1, 2]),
        Policy::DropNewest => (3, [0, 1]),
    };
    let memory = Memory::new(policy, SLOTS, 0);
    let mut reader = Reader::open(&memory);
    let writer = writer(&memory, move |memory| assert_eq!(memory.write(written), written));
    while reader.is_running() {
        yield_now();
    }
    writer.join().unwrap();
    assert_eq!(read(&memory, &mut reader, Reader::next), left);
    assert_complete(&memory, &reader, written, 2);
}

fn every_message_is_taken_in_order(variant: u32) {
    let memory = Memory::new(Policy::Wait, SLOTS, FIRST[variant as usize]);
    let mut reader = Reader::open(&memory);
    let writer = writer(&memory, |memory| assert_eq!(memory.write(3), 3));
    assert_eq!(read(&memory, &mut reader, Reader::next), [0, 1, 2]);
    writer.join().unwrap();
    assert_complete(&memory, &reader, 3, 3);
}

fn old_messages_are_dropped(_variant: u32) {
    let memory = Memory::new(Policy::DropOldest, SLOTS, 0);
    let mut reader = Reader::open(&memory);
    let writer = writer(&memory, |memory| assert_eq!(memory.write(3), 3));
    let numbers = read(&memory, &mut reader, Reader::next);
    writer.join().unwrap();
    assert_eq!(numbers.last(), Some(&2));
    assert_complete(&memory, &reader, 3, numbers.len());
}

fn new_messages_are_dropped(_variant: u32) {
    let memory = Memory::new(Policy::DropNewest, SLOTS, 0);
    let mut reader = Reader::open(&memory);
    let writer = writer(&memory, |memory| assert_eq!(memory.write(4), 4));
    let numbers = read(&memory, &mut reader, Reader::next);
    writer.join().unwrap();
    assert_eq!(numbers[..2], [0, 1]);
    assert_complete(&memory, &reader, 4, numbers.len());
}

fn the_latest_message_is_taken(variant: u32) {
    let policy = POLICIES[variant as usize];
    let memory = Memory::new(policy, SLOTS, 0);
    let mut reader = Reader::open(&memory);
    let writer = writer(&memory, |memory| assert_eq!(memory.write(3), 3));
    let numbers = read(&memory, &mut reader, Reader::latest);
    writer.join().unwrap();
    assert!(
        policy == Policy::DropNewest || numbers.last() == Some(&2),
        "not the latest"
    );
    assert_complete(&memory, &reader, 3, numbers.len());
}

fn a_slot_that_is_held_is_left_alone(variant: u32) {
    let memory = Memory::new(POLICIES[variant as usize], SLOTS, 0);
    let mut reader = Reader::open(&memory);
    let writer = writer(&memory, |memory| assert_eq!(memory.write(3), 3));
    let held = loop {
        match reader.next() {
            Some(slot) => break slot,
            None => yield_now(),
        }
    };
    let number = memory.check(held);
    let others = read(&memory, &mut reader, Reader::next);
    writer.join().unwrap();
    assert_eq!(memory.check(held), number);
    held.release(&memory);
    assert_complete(&memory, &reader, 3, 1 + others.len());
}

/// What was handed over before can be read.
fn the_library_fails(variant: u32) {
    let memory = Memory::new(POLICIES[variant as usize], SLOTS, 0);
    let mut reader = Reader::open(&memory);
    let writer = writer(&memory, |memory| memory.write_and_fail(2));
    let numbers = read(&memory, &mut reader, Reader::next);
    writer.join().unwrap();
    assert_complete(&memory, &reader, 2, numbers.len());
}

fn the_reader_ends_the_stream(variant: u32) {
    let memory = Memory::new(POLICIES[variant as usize], SLOTS, 0);
    let mut reader = Reader::open(&memory);
    let writer = writer(&memory, move |memory| {
        memory.write(if variant == 0 { u32::MAX } else { 3 });
    });
    let held = reader.next();
    reader.close();
    assert!(reader.next().is_none() && reader.latest().is_none());
    writer.join().unwrap();
    if let Some(slot) = held {
        assert_ne!(js::load(&memory.slots[slot.index].state) & 3, 3, "it is still held");
    }
}

/// At any step: while it opens, takes, or releases. Another one then gets what is left.
fn a_reader_is_terminated(steps: u32) {
    let memory = Memory::new(Policy::Wait, SLOTS, 0);
    let writer = writer(&memory, |memory| assert_eq!(memory.write(3), 3));
    let mut all = Vec::new();
    unless_terminated(|| {
        let mut reader = Reader::open_for(&memory, Some(steps));
        for releases in [true, false] {
            yield_now();
            if let Some(slot) = reader.next() {
                all.push(memory.check(slot));
                if releases {
                    slot.release(&memory);
                }
            }
        }
    });
    let mut reader = Reader::open(&memory);
    let rest = read(&memory, &mut reader, Reader::next);
    writer.join().unwrap();
    let lost = 3 - (all.len() + rest.len());
    assert!(lost <= 1, "more than the one that was being taken");
    all.extend(rest);
    assert!(
        all.is_sorted_by(|one, next| one < next),
        "read by both, or out of order: {all:?}"
    );
}

/// At any step, while the first one reads.
fn another_reader_takes_over(_variant: u32) {
    let memory = Memory::new(Policy::Wait, SLOTS, 0);
    let mut first = Reader::open(&memory);
    let writer = writer(&memory, |memory| assert_eq!(memory.write(3), 3));
    let (of_second, taken) = (Arc::clone(&memory), Arc::new(Mutex::new(Vec::new())));
    let notes = Arc::clone(&taken);
    let second = start("reader", move || {
        let mut reader = Reader::open(&of_second);
        *notes.lock().unwrap() = read(&of_second, &mut reader, Reader::next);
    });
    // The bytes may be written to again at any time: a reader that is succeeded must not count on them.
    let slot = first.next();
    if let Some(slot) = slot {
        slot.release(&memory);
    }
    writer.join().unwrap();
    second.join().unwrap();
    let mut all = taken.lock().unwrap().clone();
    all.splice(0..0, slot.map(|slot| memory.place_of(slot)));
    // One that takes nothing may have been about to, and then leaves that message to nobody.
    let lost = 3usize.checked_sub(all.len()).unwrap();
    assert!(lost <= usize::from(slot.is_none()), "a message is lost");
    assert!(all.is_sorted_by(|one, next| one < next), "read by both: {all:?}");
    first.close();
    assert_eq!(
        memory.reader.stop.load(Ordering::Relaxed),
        0,
        "a reader that is succeeded has ended the stream"
    );
    for slot in &memory.slots {
        assert_eq!(js::load(&slot.state), State::FREE);
    }
}

/// Any value at any time. The writer goes on when the slots are free.
fn states_are_overwritten(variant: u32) {
    let memory = Memory::new(POLICIES[variant as usize % 3], SLOTS, 0);
    let value = [State::FREE, State::WRITING, State::READY, 3 | 1 << 2, 77, u32::MAX][variant as usize / 3];
    let writer = writer(&memory, |memory| assert_eq!(memory.write(2), 2));
    for value in [value, State::FREE] {
        for slot in &memory.slots {
            js::store(&slot.state, value);
        }
    }
    writer.join().unwrap();
}
