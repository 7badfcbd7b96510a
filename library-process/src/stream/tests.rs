use std::path::Path;
use std::sync::atomic::AtomicU32;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::*;
use crate::protocol::CONTROL_LEN;
use crate::shared_memory::SharedMemory;

/// What a program has of one connection.
struct Connection {
    control: Arc<Mapping>,
    buffers: Arc<Mapping>,
    /// Of another test's, so that no source is both tests'.
    slot_len: u32,
}

const SLOTS: u32 = 4;
const LINES: usize = 48;
const BYTES: usize = 1024;
const READY: u32 = 2;

impl Connection {
    fn new(slot_len: u32) -> Self {
        let map = |name, len| Mapping::of(SharedMemory::new(name, len).unwrap().memory()).unwrap();
        Self {
            control: Arc::new(map("control", CONTROL_LEN)),
            buffers: Arc::new(map("buffers", 1 << 20)),
            slot_len,
        }
    }

    /// Where the ring of a lane begins.
    fn offset(lane: usize) -> u64 {
        lane as u64 * (64 << 10)
    }

    /// Asks as the app does, on a thread that waits for the answer.
    fn begin(&self, library: &'static Library, lane: usize) -> JoinHandle<i64> {
        static RUNNING: std::sync::LazyLock<Running> = std::sync::LazyLock::new(Running::default);

        let words = self.lane(lane);
        words.offset.store(Self::offset(lane), Ordering::Relaxed);
        words.len.store(64 << 10, Ordering::Relaxed);
        words.slots.store(SLOTS, Ordering::Relaxed);
        words.slot_len.store(self.slot_len, Ordering::Relaxed);
        let (control, buffers) = (Arc::clone(&self.control), Arc::clone(&self.buffers));
        let inside: Inside = |_, call| call();
        thread::spawn(move || fill(library, 0, (&control, lane), &buffers, &RUNNING, Some(inside)))
    }

    fn lane(&self, lane: usize) -> &Lane {
        &self.control.control().lanes[lane]
    }

    fn word(&self, lane: usize, at: usize) -> &AtomicU32 {
        let byte = self.buffers.bytes(Self::offset(lane) + at as u64 * 4, 4).unwrap();
        // SAFETY: within the mapping, and aligned; all use it by atomics.
        unsafe { AtomicU32::from_ptr(byte.as_ptr().cast()) }
    }

    /// The counts in the slots, once all have a message; the slots are free then.
    fn take_all(&self, lane: usize) -> Vec<u32> {
        let slots = || (0..SLOTS as usize).map(|index| self.word(lane, LINES + index * 16));
        let begun = Instant::now();
        while !slots().all(|state| state.load(Ordering::Acquire) == READY) {
            assert!(begun.elapsed() < Duration::from_secs(10));
            thread::yield_now();
        }
        let at = |index: usize| BYTES + index * self.slot_len as usize / 4;
        let counts = (0..SLOTS as usize).map(|index| self.word(lane, at(index)).load(Ordering::Relaxed));
        let mut counts: Vec<u32> = counts.collect();
        counts.sort_unstable();
        slots().for_each(|state| state.store(0, Ordering::Release));
        counts
    }

    fn end(&self, lane: usize, waiting: JoinHandle<i64>) {
        self.lane(lane).cancelled.store(1, Ordering::Relaxed);
        assert_eq!(waiting.join().unwrap(), 0);
        self.lane(lane).cancelled.store(0, Ordering::Relaxed);
    }
}

fn library(name: &str) -> &'static Library {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fixtures");
    let file = fixtures.join(name).with_extension(std::env::consts::DLL_EXTENSION);
    Library::load(&file.canonicalize().unwrap()).unwrap()
}

#[test]
fn connections_that_ask_for_the_same_have_one_source() {
    let pushes = library("pushes-concurrent");
    let (one, other) = (Connection::new(64), Connection::new(64));
    let first = one.begin(pushes, 0);
    assert_eq!(one.take_all(0), [1, 2, 3, 4]);
    assert_eq!(one.take_all(0), [5, 6, 7, 8]);
    let second = other.begin(pushes, 0);
    let mut theirs = Vec::new();
    for _ in 0..50 {
        thread::scope(|scope| {
            let taking = scope.spawn(|| other.take_all(0));
            while !taking.is_finished() {
                let state = |index: usize| one.word(0, LINES + index * 16);
                (0..SLOTS as usize).for_each(|index| {
                    let _ = state(index).compare_exchange(READY, 0, Ordering::AcqRel, Ordering::Relaxed);
                });
            }
            theirs.extend(taking.join().unwrap());
        });
    }
    assert!(theirs[0] > 8, "it goes on: {theirs:?}");
    assert!(theirs.is_sorted_by(|a, b| *b == a + 1), "each once: {theirs:?}");
    one.end(0, first);
    assert_eq!(
        (Arc::strong_count(&one.buffers), Arc::strong_count(&one.control)),
        (1, 1),
        "it is let go of"
    );
    let last = *theirs.last().unwrap();
    assert_eq!(
        other.take_all(0),
        [1, 2, 3, 4].map(|count| last + count),
        "the engine has outlived the first"
    );
    other.end(0, second);
}

#[test]
fn streams_of_one_connection_have_a_source_each() {
    let pushes = library("pushes-concurrent");
    let one = Connection::new(128);
    let waiting = [0, 1].map(|lane| one.begin(pushes, lane));
    for lane in [0, 1] {
        assert_eq!(one.take_all(lane), [1, 2, 3, 4]);
    }
    for (lane, waiting) in waiting.into_iter().enumerate() {
        one.end(lane, waiting);
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let pushes = library("pushes-concurrent");
    let one = Connection::new(64);
    let refused = |change: &dyn Fn(&Lane)| {
        let lane = one.lane(0);
        lane.offset.store(0, Ordering::Relaxed);
        lane.len.store(64 << 10, Ordering::Relaxed);
        lane.slots.store(SLOTS, Ordering::Relaxed);
        lane.slot_len.store(one.slot_len, Ordering::Relaxed);
        lane.policy.store(0, Ordering::Relaxed);
        lane.input.store(0, Ordering::Relaxed);
        lane.input_len.store(0, Ordering::Relaxed);
        change(lane);
        Filling::of(pushes, &one.control, 0, &one.buffers).is_none()
    };
    assert!(!refused(&|_| ()), "it makes sense");
    assert!(refused(&|lane| lane.offset.store((1 << 20) - 4096, Ordering::Relaxed)));
    assert!(refused(&|lane| lane.offset.store(u64::MAX - 8, Ordering::Relaxed)));
    assert!(
        refused(&|lane| lane.offset.store(4, Ordering::Relaxed)),
        "not where words are"
    );
    assert!(refused(&|lane| lane.len.store(4096, Ordering::Relaxed)), "no room");
    assert!(refused(&|lane| lane.slots.store(1, Ordering::Relaxed)));
    assert!(refused(&|lane| lane.slots.store(u32::MAX, Ordering::Relaxed)));
    assert!(refused(&|lane| lane.slot_len.store(0, Ordering::Relaxed)));
    assert!(refused(&|lane| lane.slot_len.store(u32::MAX, Ordering::Relaxed)));
    assert!(refused(&|lane| lane.policy.store(3, Ordering::Relaxed)));
    assert!(refused(&|lane| lane.input_len.store(65, Ordering::Relaxed)));
    assert!(refused(&|lane| {
        lane.input_len.store(64, Ordering::Relaxed);
        lane.input.store((1 << 20) - 63, Ordering::Relaxed);
    }));
}
