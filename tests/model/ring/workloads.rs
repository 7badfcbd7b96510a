//! Larger scenarios, which are drawn at random.

use std::sync::{Arc, Mutex};

use crate::checker::{choose, start, yield_now};
use crate::memory::Memory;
use crate::reader::Reader;
use crate::ring::{Policy, State};
use crate::scenario::scenarios;
use crate::scenarios::{FIRST, POLICIES, assert_complete, read};
use crate::sync::{js, unless_terminated};

scenarios! {
    WORKLOADS:
    many_messages 3;
    many_readers 3;
    states_are_overwritten_all_the_time 3;
}

fn one_of<T: Copy>(list: [T; 3]) -> T {
    list[choose(3) as usize]
}

/// Taken in any way, some of them held for long, the first one perhaps until the end.
fn many_messages(variant: u32) {
    let memory = Memory::new(POLICIES[variant as usize], 2 + choose(3) as usize, one_of(FIRST));
    let mut reader = Reader::open(&memory);
    let (written, kept) = (5 + choose(20), choose(2) as usize);
    let of_writer = Arc::clone(&memory);
    let writer = start("writer", move || assert_eq!(of_writer.write(written), written));
    let (mut taken, mut last, mut held) = (0, None, Vec::new());
    while reader.is_running() {
        let slot = if choose(4) == 0 { reader.latest() } else { reader.next() };
        if let Some(slot) = slot {
            let number = memory.check(slot);
            assert!(last < Some(number), "out of order");
            (taken, last) = (taken + 1, Some(number));
            held.push((number, slot));
        } else {
            yield_now();
        }
        if held.len() == memory.slots.len() || choose(2) == 0 {
            for (number, slot) in held.drain(kept.min(held.len())..) {
                assert_eq!(memory.check(slot), number);
                slot.release(&memory);
            }
        }
    }
    for (_, slot) in held {
        slot.release(&memory);
    }
    writer.join().unwrap();
    taken += read(&memory, &mut reader, Reader::next).len();
    assert_complete(&memory, &reader, written, taken);
}

/// One after the other, each of which may end at any step, and reads on until it does.
fn many_readers(variant: u32) {
    let policy = POLICIES[variant as usize];
    let memory = Memory::new(policy, 2 + choose(2) as usize, one_of(FIRST));
    let (written, count) = (5 + choose(10), 1 + choose(3));
    let of_writer = Arc::clone(&memory);
    let writer = start("writer", move || assert_eq!(of_writer.write(written), written));
    let taken = Arc::new(Mutex::new(Vec::new()));
    let others: Vec<_> = (0..count)
        .map(|_| {
            let (memory, taken) = (Arc::clone(&memory), Arc::clone(&taken));
            start("reader", move || {
                unless_terminated(|| {
                    let mut reader = Reader::open_for(&memory, Some(choose(120)));
                    loop {
                        let slot = if choose(4) == 0 { reader.latest() } else { reader.next() };
                        if let Some(slot) = slot {
                            taken.lock().unwrap().push(memory.place_of(slot));
                        }
                        match slot {
                            Some(slot) if choose(4) > 0 => slot.release(&memory),
                            _ => yield_now(),
                        }
                    }
                });
            })
        })
        .collect();
    while js::load(&memory.epoch) < count {
        yield_now();
    }
    let mut reader = Reader::open(&memory);
    let mut all = read(&memory, &mut reader, Reader::next);
    writer.join().unwrap();
    for other in others {
        other.join().unwrap();
    }
    if policy != Policy::DropNewest {
        all.extend(taken.lock().unwrap().iter()); // elsewhere a place is not a number
        all.sort_unstable();
        assert!(all.is_sorted_by(|one, next| one < next), "read by two: {all:?}");
    }
    assert!(reader.next().is_none());
    for slot in &memory.slots {
        assert_eq!(js::load(&slot.state), State::FREE, "a slot of one that is gone");
    }
}

/// By two threads, of which the reader is one. Nobody looks at the bytes.
fn states_are_overwritten_all_the_time(variant: u32) {
    let memory = Memory::new(POLICIES[variant as usize], 3, 0);
    let of_writer = Arc::clone(&memory);
    let writer = start("writer", move || {
        of_writer.write(10);
    });
    let of_other = Arc::clone(&memory);
    let other = start("other", move || {
        for _ in 0..choose(40) {
            let values = [State::FREE, State::WRITING, State::READY, 3 | 1 << 2, 3 | 2 << 2, 77];
            let slot = choose(3) as usize;
            js::store(&of_other.slots[slot].state, values[choose(6) as usize]);
            yield_now();
        }
    });
    let mut reader = Reader::open(&memory);
    for _ in 0..choose(20) {
        let slot = if choose(2) == 0 { reader.latest() } else { reader.next() };
        if let Some(slot) = slot {
            slot.release(&memory);
        }
        yield_now();
    }
    other.join().unwrap();
    reader.close();
    writer.join().unwrap();
}
