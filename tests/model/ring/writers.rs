//! Scenarios in which a writer goes on where another one has left off, as at each turn of a stream, and in which one dies.

use std::sync::Arc;

use crate::checker::{start, yield_now};
use crate::memory::Memory;
use crate::reader::Reader;
use crate::ring::{Phase, Policy, State};
use crate::scenario::scenarios;
use crate::scenarios::{FIRST, POLICIES, SLOTS, assert_complete, read, read_to_end, writer};
use crate::sync::{end_after, js, unless_terminated};

scenarios! {
    WRITERS:
    another_writer_goes_on 9;
    another_writer_drops_what_it_should 3;
    counts_are_overwritten 12;
    a_writer_dies 3 * STEPS;
    another_writer_goes_on_for_one_that_died STEPS;
}

/// The accesses of a writer to the words, for two messages.
const STEPS: u32 = 22;

/// It is on another thread, and was there before. The first one may have failed to make one more.
fn another_writer_goes_on(variant: u32) {
    let policy = POLICIES[variant as usize % 3];
    let memory = Memory::new(policy, SLOTS, FIRST[variant as usize / 3]);
    let mut reader = Reader::open(&memory);
    let mut ring_of_other = memory.ring();
    let writer = writer(&memory, move |memory| {
        let mut ring = memory.ring();
        memory.write_on(&mut ring, 0..2);
        if policy == Policy::Wait
            && let Some(place) = ring.claim()
        {
            ring.abandon(place);
        }
        let memory = Arc::clone(memory);
        let other = start("writer", move || {
            ring_of_other.resume();
            memory.write_on(&mut ring_of_other, 2..3);
            ring_of_other.set_phase(Phase::Ended);
        });
        other.join().unwrap();
    });
    let numbers = read(&memory, &mut reader, Reader::next);
    writer.join().unwrap();
    assert!(policy != Policy::Wait || numbers == [0, 1, 2], "a message is lost");
    assert!(
        policy != Policy::DropOldest || numbers.last() == Some(&2),
        "a message is lost"
    );
    assert_complete(&memory, &reader, 3, numbers.len());
}

/// The oldest one of the writer before it.
fn another_writer_drops_what_it_should(variant: u32) {
    let policy = POLICIES[variant as usize];
    let (first, second, left) = match policy {
        Policy::Wait => (2, 2, [0, 1]),
        Policy::DropOldest => (4, 5, [3, 4]),
        Policy::DropNewest => (4, 5, [0, 1]),
    };
    let memory = Memory::new(policy, SLOTS, 0);
    let mut reader = Reader::open(&memory);
    let writer = writer(&memory, move |memory| {
        memory.write_on(&mut memory.ring(), 0..first);
        let mut ring = memory.ring();
        ring.resume();
        memory.write_on(&mut ring, first..second);
        ring.set_phase(Phase::Ended);
    });
    while reader.is_running() {
        yield_now();
    }
    writer.join().unwrap();
    assert_eq!(read(&memory, &mut reader, Reader::next), left);
    assert_complete(&memory, &reader, second, 2);
}

/// Any value at any time. It leads to no slot that there is not, and the writer goes on.
fn counts_are_overwritten(variant: u32) {
    let memory = Memory::new(POLICIES[variant as usize % 3], SLOTS, 0);
    let value = [1, 2, 1 << 31, u32::MAX][variant as usize / 3];
    memory.write_on(&mut memory.ring(), 0..2);
    let writer = writer(&memory, |memory| {
        for number in 2..4 {
            let mut ring = memory.ring();
            ring.resume();
            if ring.has_room() {
                memory.write_on(&mut ring, number..number + 1);
            }
        }
    });
    for word in [
        &memory.writer.position,
        &memory.writer.published,
        &memory.writer.dropped,
    ] {
        js::store(word, value);
    }
    writer.join().unwrap();
}

/// At any step. Who has started it then says that the stream has failed, and all that was handed over can be read.
fn a_writer_dies(variant: u32) {
    let policy = [Policy::Wait, Policy::DropOldest][variant as usize % 2];
    let memory = Memory::new(policy, SLOTS, 0);
    let mut reader = Reader::open(&memory);
    let writer = writer(&memory, move |memory| {
        unless_terminated(|| {
            let mut ring = memory.ring();
            end_after(variant / 2);
            memory.write_on(&mut ring, 0..3);
        });
        let ring = memory.ring();
        ring.abandon_all();
        ring.set_phase(Phase::Failed);
    });
    let numbers = read_to_end(&memory, &mut reader, Reader::next);
    writer.join().unwrap();
    // It may have been about to count one that can be read, or one that it has dropped.
    let counted = usize::try_from(memory.published() - memory.dropped()).unwrap();
    let lost = counted.saturating_sub(numbers.len());
    assert!(lost <= usize::from(policy == Policy::DropOldest), "a message is lost");
    assert!(numbers.len() <= counted + 1);
    for slot in &memory.slots {
        let state = js::load(&slot.state);
        assert!(
            matches!(state, State::FREE | State::READY),
            "a slot of one that is gone"
        );
    }
}

/// At any step. What it has not handed over is made again, and each number is read once; a slot that it had is lost.
fn another_writer_goes_on_for_one_that_died(steps: u32) {
    let memory = Memory::new(Policy::Wait, SLOTS + 1, 0);
    let mut reader = Reader::open(&memory);
    let writer = writer(&memory, move |memory| {
        unless_terminated(|| {
            let mut ring = memory.ring();
            end_after(steps);
            memory.write_on(&mut ring, 0..2);
        });
        let mut ring = memory.ring();
        ring.resume();
        memory.write_on(&mut ring, memory.published()..3);
        ring.set_phase(Phase::Ended);
    });
    assert_eq!(read(&memory, &mut reader, Reader::next), [0, 1, 2]);
    writer.join().unwrap();
    let lost = memory.slots.iter().filter(|slot| js::load(&slot.state) != State::FREE);
    assert!(lost.count() <= 1);
}
