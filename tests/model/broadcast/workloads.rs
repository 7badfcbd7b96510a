//! Larger scenarios, which are drawn at random.

use std::sync::Arc;

use crate::checker::{choose, start, yield_now};
use crate::library::{KINDS, Library};
use crate::ring::{Policy, State};
use crate::rings::{Joined, Source, TestRing};
use crate::scenario::scenarios;
use crate::sync::js;

scenarios! {
    WORKLOADS:
    rings_come_and_go 3;
    states_of_one_ring_are_overwritten 3;
}

fn ring() -> Arc<TestRing> {
    let policy = [Policy::Wait, Policy::DropOldest, Policy::DropNewest][choose(3) as usize];
    let first = [0, u32::MAX - 1, (1 << 31) - 2][choose(3) as usize];
    TestRing::new(policy, 2 + choose(3) as usize, first)
}

/// Each at any step, and reads as it likes. The library fails at last, unless all have left before.
fn rings_come_and_go(variant: u32) {
    let library = [Library::failing, Library::waiting][choose(2) as usize](KINDS[variant as usize], choose(20));
    let others = 1 + choose(4);
    let mut source = Source::of(library, 1 + others);
    let first = source.join(&ring()).unwrap();
    source.run();
    let source = Arc::new(source);
    let threads: Vec<_> = (0..others)
        .map(|_| {
            let source = Arc::clone(&source);
            start("reader", move || {
                for _ in 0..choose(20) {
                    yield_now();
                }
                if let Some(joined) = source.join(&ring()) {
                    read_a_while(&source, joined);
                }
            })
        })
        .collect();
    read_a_while(&source, first);
    for thread in threads {
        thread.join().unwrap();
    }
    Arc::into_inner(source).unwrap().end();
}

fn read_a_while(source: &Source, mut joined: Joined) {
    let mut steps = choose(60);
    while !joined.has_ended() {
        match steps.checked_sub(1) {
            Some(left) => steps = left,
            None => joined.leave(),
        }
    }
    joined.end(&source.library);
}

/// By its reader. The other one has all of its messages.
fn states_of_one_ring_are_overwritten(variant: u32) {
    let mut source = Source::of(Library::failing(KINDS[variant as usize], 1 + choose(10)), 2);
    let spoiled = source.join(&ring()).unwrap();
    let mut other = source.join(&ring()).unwrap();
    source.run();
    let memory = Arc::clone(&spoiled.ring.memory);
    let spoils = start("reader", move || {
        for _ in 0..choose(40) {
            let values = [State::FREE, State::WRITING, State::READY, 3 | 1 << 2, 77];
            let slot = choose(u32::try_from(memory.slots.len()).unwrap()) as usize;
            js::store(&memory.slots[slot].state, values[choose(5) as usize]);
            yield_now();
        }
    });
    for _ in 0..choose(60) {
        other.has_ended();
    }
    spoils.join().unwrap();
    spoiled.leave();
    spoiled.wait();
    while !other.has_ended() {}
    other.end(&source.library);
    source.end();
}
