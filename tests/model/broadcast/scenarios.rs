//! Scenarios of a source, each about one guarantee.

use std::sync::Arc;

use crate::checker::yield_now;
use crate::library::{KINDS, Kind, Library};
use crate::ring::{Policy, State};
use crate::rings::{Joined, Source, TestRing};
use crate::scenario::scenarios;
use crate::sync::js;

scenarios! {
    SCENARIOS:
    each_message_is_in_all_rings 12;
    a_ring_that_waits_holds_up_the_others 9;
    a_ring_that_drops_holds_up_no_other 6;
    all_slots_are_held 6;
    all_slots_are_held_of_one 3;
    a_ring_leaves_while_it_is_filled 3;
    another_ring_leaves 3;
    the_last_rings_leave 3;
    a_library_that_waits_is_asked_to_return 3;
    a_ring_joins 6;
    a_ring_joins_when_the_last_one_leaves 3;
}

const SLOTS: usize = 2;

fn kind(variant: u32) -> Kind {
    KINDS[variant as usize % 3]
}

fn ring(policy: Policy) -> Arc<TestRing> {
    TestRing::new(policy, SLOTS, 0)
}

/// One that holds all messages of a library that fails after [`SLOTS`] of them, which it does in another slot.
fn roomy_ring(policy: Policy) -> Arc<TestRing> {
    TestRing::new(policy, SLOTS + 1, 0)
}

/// A source that runs, with two rings.
fn source(library: Library, policies: [Policy; 2]) -> (Source, [Joined; 2]) {
    let mut source = Source::of(library, 2);
    let rings = policies.map(|policy| source.join(&ring(policy)).unwrap());
    source.run();
    (source, rings)
}

/// Waits until the source has ended by itself, and reads what is left.
fn read_all(source: Source, rings: [Joined; 2]) {
    for ring in rings {
        ring.end(&source.library);
    }
    source.end();
}

fn each_message_is_in_all_rings(variant: u32) {
    let policies = [
        [Policy::Wait, Policy::Wait],
        [Policy::Wait, Policy::DropOldest],
        [Policy::DropOldest, Policy::Wait],
        [Policy::DropNewest, Policy::Wait],
    ][variant as usize / 3];
    let mut source = Source::of(Library::failing(kind(variant), 2), 2);
    let rings = policies.map(|policy| source.join(&roomy_ring(policy)).unwrap());
    source.run();
    read_all(source, rings);
}

/// Until it leaves.
fn a_ring_that_waits_holds_up_the_others(variant: u32) {
    let other = [Policy::Wait, Policy::DropOldest, Policy::DropNewest][variant as usize / 3];
    let (source, [full, mut other]) = source(Library::endless(kind(variant)), [Policy::Wait, other]);
    while source.library.made() < 2 {
        yield_now();
    }
    yield_now();
    assert_eq!(source.library.made(), 2, "it is full");
    assert_eq!(other.ring.memory.dropped(), 0, "dropped for a message that is not made");
    full.leave();
    full.end(&source.library);
    while source.library.made() < 3 {
        other.take();
        yield_now();
    }
    other.leave();
    other.end(&source.library);
    source.end();
}

/// Nobody reads it until the end.
fn a_ring_that_drops_holds_up_no_other(variant: u32) {
    let policy = [Policy::DropOldest, Policy::DropNewest][variant as usize / 3];
    let (source, [full, mut other]) = source(Library::failing(kind(variant), 3), [policy, Policy::Wait]);
    while !other.has_ended() {}
    assert_eq!(other.taken, 3);
    read_all(source, [full, other]);
}

/// By the reader of the only ring. The source sleeps, and goes on when it gets one back.
fn all_slots_are_held(variant: u32) {
    let mut source = Source::of(Library::failing(kind(variant), 3), 1);
    let policy = [Policy::Wait, Policy::DropOldest][variant as usize / 3];
    let mut held = source.join(&ring(policy)).unwrap();
    let memory = Arc::clone(&held.ring.memory);
    memory.slots.iter().for_each(|slot| js::store(&slot.state, 3 | 1 << 2));
    source.run();
    yield_now();
    memory.slots.iter().for_each(|slot| js::store(&slot.state, State::FREE));
    while !held.has_ended() {}
    held.end(&source.library);
    source.end();
}

/// Of one that drops: messages are counted as dropped for it, and the other one has them.
fn all_slots_are_held_of_one(variant: u32) {
    let mut source = Source::of(Library::failing(kind(variant), 2), 2);
    let [held, other] = [ring(Policy::DropOldest), roomy_ring(Policy::Wait)].map(|ring| source.join(&ring).unwrap());
    let memory = Arc::clone(&held.ring.memory);
    memory.slots.iter().for_each(|slot| js::store(&slot.state, 3 | 1 << 2));
    source.run();
    other.end(&source.library);
    memory.slots.iter().for_each(|slot| js::store(&slot.state, State::FREE));
    assert_eq!(memory.dropped(), 2, "it is not counted");
    held.end(&source.library);
    source.end();
}

/// It is the first one. What it was about to get, another one has.
fn a_ring_leaves_while_it_is_filled(variant: u32) {
    let (source, [filled, mut other]) = source(Library::endless(kind(variant)), [Policy::Wait, Policy::Wait]);
    filled.leave();
    filled.end(&source.library);
    other.read(1);
    other.leave();
    other.end(&source.library);
    source.end();
}

fn another_ring_leaves(variant: u32) {
    let (source, [mut filled, other]) = source(Library::endless(kind(variant)), [Policy::Wait, Policy::Wait]);
    other.leave();
    other.end(&source.library);
    filled.read(1);
    filled.leave();
    filled.end(&source.library);
    source.end();
}

/// Both at a time, one of them by its reader.
fn the_last_rings_leave(variant: u32) {
    let (source, [one, mut other]) = source(Library::endless(kind(variant)), [Policy::DropOldest, Policy::Wait]);
    one.leave();
    other.reader.close();
    one.end(&source.library);
    other.wait();
    source.end();
}

fn a_library_that_waits_is_asked_to_return(variant: u32) {
    let (source, rings) = source(Library::waiting(kind(variant), 1), [Policy::Wait, Policy::Wait]);
    rings.iter().for_each(Joined::leave);
    for ring in rings {
        ring.end(&source.library);
    }
    source.end();
}

/// At any step. The source fails after so many messages: it may be too late.
fn a_ring_joins(variant: u32) {
    let mut source = Source::of(Library::failing(kind(variant), 2), 2);
    let policy = [Policy::Wait, Policy::DropOldest][variant as usize / 3];
    let first = source.join(&roomy_ring(Policy::Wait)).unwrap();
    source.run();
    match source.join(&roomy_ring(policy)) {
        Some(second) => read_all(source, [first, second]),
        None => {
            first.end(&source.library);
            source.end();
        }
    }
}

fn a_ring_joins_when_the_last_one_leaves(variant: u32) {
    let mut source = Source::of(Library::endless(kind(variant)), 2);
    let first = source.join(&ring(Policy::Wait)).unwrap();
    source.run();
    first.leave();
    let second = source.join(&ring(Policy::Wait));
    first.end(&source.library);
    if let Some(mut second) = second {
        second.read(1);
        second.leave();
        second.end(&source.library);
    }
    source.end();
}
