use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::super::filler::Filler;
use super::super::options::StreamOptions;
use super::*;
use crate::library::tests::{Exports, fixture, lend, library};
use crate::ring::{Layout, Lines, Policy, SlotLine, State as SlotState};

/// A ring in memory of its own, with a reader.
struct TestRing {
    memory: Mutex<Box<[u64]>>,
    filler: Filler<'static>,
    leaves: AtomicBool,
    marks: AtomicU64,
    words: Mutex<Option<String>>,
}

impl Caller for TestRing {
    fn is_cancelled(&self) -> bool {
        self.leaves.load(Ordering::Relaxed) || self.filler.is_stopped()
    }

    fn set_progress(&self, _progress: Progress) {}

    fn set_message(&self, text: Option<String>) {
        *lock(&self.words) = text;
    }

    fn take_message(&self) -> Option<String> {
        lock(&self.words).take()
    }
}

impl Taker for TestRing {
    fn mark(&self, inside: bool) {
        self.marks.fetch_add(u64::from(inside), Ordering::Relaxed);
    }
}

impl Member for TestRing {
    fn filler(&self) -> &Filler<'_> {
        &self.filler
    }

    fn is_apart_from(&self, other: &Self) -> bool {
        !std::ptr::eq(self, other)
    }
}

fn ring(slots: u32, policy: Policy, input: &[u8]) -> Arc<TestRing> {
    let layout = Layout::new(slots, 64, policy).unwrap();
    let mut memory = vec![0_u64; layout.len / 8].into_boxed_slice();
    // SAFETY: all of the words, as bytes.
    let bytes = unsafe { std::slice::from_raw_parts_mut(memory.as_mut_ptr().cast(), layout.len) };
    let options = StreamOptions::new(slots, 64, policy, input.into(), 0.0).unwrap();
    Arc::new(TestRing {
        filler: Filler::new(&lend(bytes), 0, false, options),
        memory: Mutex::new(memory),
        leaves: AtomicBool::new(false),
        marks: AtomicU64::new(0),
        words: Mutex::new(None),
    })
}

/// What a library is asked when all rings are to end.
static CANCELS: AtomicU32 = AtomicU32::new(0);

/// A member, and the thread that waits for it.
struct Reader {
    member: Arc<TestRing>,
    waiting: JoinHandle<Filled>,
    next: u32,
}

fn join(broadcast: &Arc<Broadcast<TestRing>>, member: Arc<TestRing>) -> Reader {
    assert!(broadcast.add(&member));
    let (waits, its) = (Arc::clone(broadcast), Arc::clone(&member));
    Reader {
        member,
        waiting: thread::spawn(move || {
            waits.wait_for(&its, || {
                CANCELS.fetch_add(1, Ordering::SeqCst);
            })
        }),
        next: 0,
    }
}

impl Reader {
    /// The count in each of the next messages, in order, all of whose words have it.
    fn read(&mut self, count: usize) -> Vec<u32> {
        let begun = Instant::now();
        let mut taken = Vec::new();
        while taken.len() < count {
            assert!(begun.elapsed() < Duration::from_secs(30), "{} messages", taken.len());
            match self.take() {
                Some(number) => taken.push(number),
                None => thread::yield_now(),
            }
        }
        taken
    }

    fn take(&mut self) -> Option<u32> {
        let memory = &self.member.filler.memory;
        let is_next = |slot: &SlotLine| {
            slot.state.load(Ordering::Acquire) == SlotState::READY && slot.sequence.load(Ordering::Relaxed) == self.next
        };
        let index = (0..memory.slots()).find(|index| is_next(memory.slot(*index)))?;
        let bytes = memory.lend(Place::Slot(index), &[]);
        let words = bytes.data().cast::<[AtomicU32; 16]>();
        // SAFETY: the 64 bytes of a slot, which all use by atomics, and whose memory is there as long as the member is.
        let words = unsafe { words.as_ref() }
            .each_ref()
            .map(|word| word.load(Ordering::Relaxed));
        assert!(words.iter().all(|word| *word == words[0]), "torn: {words:?}");
        memory.slot(index).state.store(SlotState::FREE, Ordering::Release);
        self.next += 1;
        Some(words[0])
    }

    fn dropped(&self) -> u32 {
        self.member.filler.memory.writer().dropped.load(Ordering::Relaxed)
    }

    fn leave(self) -> Filled {
        self.member.leaves.store(true, Ordering::Relaxed);
        let filled = self.waiting.join().unwrap();
        let before = lock(&self.member.memory).clone();
        thread::sleep(Duration::from_millis(5));
        assert_eq!(before, *lock(&self.member.memory), "nobody writes to it any more");
        filled
    }
}

fn run(broadcast: &Arc<Broadcast<TestRing>>, library: &'static Library) -> JoinHandle<()> {
    let broadcast = Arc::clone(broadcast);
    thread::spawn(move || broadcast.run(library, |call| call()))
}

/// The count of its calls, in all words; after as many as the first input byte says, it fails.
unsafe extern "C" fn count<const N: usize>(data: *mut u8, len: usize) -> i64 {
    static CALLS: [AtomicU32; 8] = [const { AtomicU32::new(0) }; 8];
    let number = CALLS[N].fetch_add(1, Ordering::SeqCst);
    // SAFETY: there is a byte.
    let fails_at = unsafe { data.read_volatile() };
    if fails_at != 0 && number == u32::from(fails_at) {
        return -5;
    }
    for at in 0..len / 4 {
        // SAFETY: the stream lends len bytes at data, aligned as a slot is.
        let word = unsafe { AtomicU32::from_ptr(data.cast::<u32>().wrapping_add(at)) };
        word.store(number, Ordering::Relaxed);
    }
    len as i64
}

fn counts(exchange: crate::abi::Exchange, serial: bool) -> &'static Library {
    library(Exports {
        exchange,
        open: None,
        close: None,
        cancel: None,
        serial,
    })
}

#[test]
fn each_message_is_made_once_and_is_in_all_rings() {
    for library in [counts(count::<0>, true), counts(count::<1>, false)] {
        let first = ring(4, Policy::Wait, &[]);
        let broadcast = Arc::new(Broadcast::of(&*first));
        let mut rings =
            [first, ring(64, Policy::Wait, &[]), ring(2, Policy::Wait, &[])].map(|ring| join(&broadcast, ring));
        let source = run(&broadcast, library);
        let expected: Vec<u32> = (0..3000).collect();
        thread::scope(|scope| {
            for ring in &mut rings {
                scope.spawn(|| assert_eq!(ring.read(3000), expected));
            }
        });
        for ring in rings {
            assert!(
                ring.member.marks.load(Ordering::Relaxed) >= 3000,
                "its limit in time is that of a message"
            );
            assert_eq!(ring.leave(), Filled::End);
        }
        source.join().unwrap();
        assert!(
            !broadcast.add(&ring(2, Policy::Wait, &[])),
            "it has ended with the last ring"
        );
    }
}

#[test]
fn the_slowest_that_waits_sets_the_pace_and_none_that_drops() {
    let first = ring(2, Policy::DropNewest, &[]);
    let broadcast = Arc::new(Broadcast::of(&*first));
    let newest = join(&broadcast, first);
    let mut oldest = join(&broadcast, ring(4, Policy::DropOldest, &[]));
    let mut waits = join(&broadcast, ring(8, Policy::Wait, &[]));
    let source = run(&broadcast, counts(count::<2>, false));
    let published = |ring: &Reader| ring.member.filler.memory.writer().published.load(Ordering::Relaxed);
    assert_eq!(waits.read(100), (0..100).collect::<Vec<_>>());
    let begun = Instant::now();
    while published(&waits) < 108 {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    thread::sleep(Duration::from_millis(20));
    assert_eq!(published(&waits), 108, "it is full, and nothing is made");
    assert_eq!((published(&oldest), oldest.dropped()), (108, 104));
    assert_eq!((published(&newest), newest.dropped()), (2, 106));
    oldest.next = 104;
    assert_eq!(oldest.read(4), [104, 105, 106, 107]);
    waits.leave();
    let begun = Instant::now();
    while newest.dropped() < 5000 {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "nobody has to be waited for any more"
        );
    }
    oldest.leave();
    newest.leave();
    source.join().unwrap();
}

#[test]
fn rings_come_and_go() {
    let first = ring(4, Policy::Wait, &[]);
    let broadcast = Arc::new(Broadcast::of(&*first));
    let mut first = join(&broadcast, first);
    let source = run(&broadcast, counts(count::<3>, true));
    let mut last = 0;
    for _ in 0..20 {
        let next = first.read(50);
        assert!(next.is_sorted_by(|a, b| *b == a + 1) && next[0] >= last);
        last = next[49];
        let mut joins = join(&broadcast, ring(4, Policy::Wait, &[]));
        thread::scope(|scope| {
            scope.spawn(|| first.read(20));
            let its = joins.read(20);
            assert!(
                its[0] >= last && its.is_sorted_by(|a, b| *b == a + 1),
                "{its:?} after {last}"
            );
        });
        // The one that the library fills leaves, and the other one stays.
        assert_eq!(std::mem::replace(&mut first, joins).leave(), Filled::End);
    }
    first.leave();
    source.join().unwrap();
}

#[test]
fn a_failure_ends_all() {
    let library = counts(count::<4>, false);
    let first = ring(64, Policy::Wait, &[30]);
    let broadcast = Arc::new(Broadcast::of(&*first));
    assert!(
        !broadcast.add(&ring(2, Policy::DropOldest, &[31])),
        "it asks for other messages"
    );
    let rings = [first, ring(64, Policy::Wait, &[30])].map(|ring| join(&broadcast, ring));
    assert!(!broadcast.add(&rings[0].member), "it has joined");
    run(&broadcast, library).join().unwrap();
    for mut ring in rings {
        assert_eq!(ring.read(30).len(), 30, "what was made before");
        assert_eq!(ring.take(), None);
        assert_eq!(ring.waiting.join().unwrap(), Filled::Failed(-5));
    }
    assert!(!broadcast.add(&ring(2, Policy::Wait, &[30])));
}

#[test]
fn an_engine_outlives_the_ring_that_began_it() {
    let pushes = fixture("pushes-concurrent");
    let first = ring(4, Policy::Wait, &[]);
    let broadcast = Arc::new(Broadcast::of(&*first));
    let (first, mut second) = (join(&broadcast, first), join(&broadcast, ring(4, Policy::Wait, &[])));
    let source = run(&broadcast, pushes);
    let number = |ring: &Reader| ring.member.filler.memory.writer().published.load(Ordering::Relaxed);
    let begun = Instant::now();
    while number(&first) < 4 {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(first.leave(), Filled::End);
    let begun = Instant::now();
    let memory = Arc::clone(&second.member);
    while memory.filler.memory.writer().published.load(Ordering::Relaxed) < 500 {
        assert!(begun.elapsed() < Duration::from_secs(10));
        for index in 0..4 {
            let slot = &memory.filler.memory.slot(index).state;
            let _ = slot.compare_exchange(SlotState::READY, SlotState::FREE, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
    second.next = 0;
    assert_eq!(second.leave(), Filled::End);
    source.join().unwrap();

    let words = [1_u32, 3].map(u32::to_le_bytes).concat();
    let fails = [ring(8, Policy::Wait, &words), ring(8, Policy::DropOldest, &words)];
    let broadcast = Arc::new(Broadcast::of(&*fails[0]));
    let fails = fails.map(|ring| join(&broadcast, ring));
    run(&broadcast, pushes).join().unwrap();
    for ring in fails {
        assert_eq!(ring.waiting.join().unwrap(), Filled::Failed(-7));
        assert_eq!(lock(&ring.member.words).as_deref(), Some("the engine is out of fuel"));
        assert_eq!(ring.member.filler.memory.writer().published.load(Ordering::Relaxed), 3);
    }
}

#[test]
fn whatever_is_written_to_one_ring_the_others_have_their_messages() {
    let first = ring(3, Policy::Wait, &[]);
    let broadcast = Arc::new(Broadcast::of(&*first));
    let (spoiled, mut ring) = (
        join(&broadcast, first),
        join(&broadcast, ring(8, Policy::DropOldest, &[])),
    );
    let source = run(&broadcast, counts(count::<5>, false));
    let memory = &spoiled.member.filler.memory;
    let mut random = 0x9E37_79B9_u32;
    for _ in 0..100_000 {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        let value = if random & 0x100 == 0 { random } else { random >> 9 & 3 };
        memory.slot(random as usize % 3).state.store(value, Ordering::Relaxed);
    }
    (0..3).for_each(|index| memory.slot(index).state.store(SlotState::FREE, Ordering::Relaxed));
    spoiled.leave();
    ring.next = ring.member.filler.memory.writer().published.load(Ordering::Relaxed);
    ring.leave();
    source.join().unwrap();
}

/// Waits, as for a device, until it is asked to return.
unsafe extern "C" fn until_cancelled(_data: *mut u8, _len: usize) -> i64 {
    let before = CANCELS.load(Ordering::SeqCst);
    while CANCELS.load(Ordering::SeqCst) == before {
        thread::sleep(Duration::from_millis(1));
    }
    -1
}

#[test]
fn a_library_that_waits_is_asked_to_return_when_all_are_to_end() {
    let first = ring(2, Policy::Wait, &[]);
    let broadcast = Arc::new(Broadcast::of(&*first));
    let rings = [first, ring(2, Policy::Wait, &[])].map(|ring| join(&broadcast, ring));
    let source = run(&broadcast, counts(until_cancelled, true));
    let marks = |ring: &Reader| ring.member.marks.load(Ordering::Relaxed);
    while marks(&rings[1]) == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    let last = join(&broadcast, ring(2, Policy::Wait, &[]));
    assert_eq!(marks(&last), 1, "the message that it waits for takes time");
    let rings: Vec<_> = rings.into_iter().chain([last]).collect();
    for ring in &rings {
        ring.member.leaves.store(true, Ordering::Relaxed);
    }
    for ring in rings {
        ring.leave();
    }
    source.join().unwrap();
}

#[test]
fn the_last_ring_does_not_leave_while_an_engine_is_inside() {
    let words = [4_u32, 300].map(u32::to_le_bytes).concat();
    let first = ring(2, Policy::DropOldest, &words);
    let broadcast = Arc::new(Broadcast::of(&*first));
    let rings = [first, ring(2, Policy::DropOldest, &words)].map(|ring| join(&broadcast, ring));
    let is_inside = Arc::new(AtomicBool::new(false));
    let (runs, inside) = (Arc::clone(&broadcast), Arc::clone(&is_inside));
    let source = thread::spawn(move || {
        runs.run(fixture("pushes-concurrent"), |call| {
            inside.store(true, Ordering::SeqCst);
            call();
            inside.store(false, Ordering::SeqCst);
        });
    });
    thread::sleep(Duration::from_millis(350)); // it waits for its second message, with no slot
    let [first, last] = rings;
    let begun = Instant::now();
    first.leave();
    assert!(begun.elapsed() < Duration::from_secs(10), "another one is left");
    assert!(is_inside.load(Ordering::SeqCst));
    last.leave();
    assert!(
        !is_inside.load(Ordering::SeqCst),
        "whose it is may close the library now"
    );
    source.join().unwrap();
}
