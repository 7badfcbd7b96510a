//! A source, and its rings: each with a thread that waits for it, as the process of a library has one, and a reader.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::broadcast::Broadcast;
use crate::checker::{self, Thread, start, yield_now};
use crate::filler::{Filled, Filler, Member, Taker};
use crate::lent::{LentMemory, Loan, forget_places};
use crate::library::{Library, STATUS, WORDS};
use crate::memory::Memory;
use crate::options::StreamOptions;
use crate::reader::Reader;
use crate::request::{Caller, Progress, Report};
use crate::ring::{Phase, Policy, State};
use crate::sync::js;

const SLOT_LEN: u32 = 4096;

/// A ring, as its source has it.
pub(crate) struct TestRing {
    pub(crate) memory: Arc<Memory>,
    policy: Policy,
    loan: Arc<Loan>,
    filler: Filler<'static>,
    leaves: checker::AtomicBool,
    report: Report,
}

impl TestRing {
    pub(crate) fn new(policy: Policy, slots: usize, first: u32) -> Arc<Self> {
        let memory = Memory::new(policy, slots, first);
        let loan = Loan::of(&memory);
        let options = StreamOptions::new(u32::try_from(slots).unwrap(), SLOT_LEN, policy, [1].into(), 0.0);
        Arc::new(Self {
            filler: Filler::new(&LentMemory::whole(&loan), 0, false, options.unwrap()),
            memory,
            policy,
            loan,
            leaves: checker::AtomicBool::new(false),
            report: Report::default(),
        })
    }

    /// Asks for its end.
    pub(crate) fn leave(&self) {
        self.leaves.store(true, Ordering::Relaxed);
    }
}

impl Caller for TestRing {
    fn is_cancelled(&self) -> bool {
        self.leaves.load(Ordering::Relaxed) || self.filler.is_stopped()
    }

    fn set_progress(&self, _progress: Progress) {}

    fn set_message(&self, text: Option<String>) {
        self.report.set_message(text);
    }

    fn take_message(&self) -> Option<String> {
        self.report.take_message()
    }
}

impl Taker for TestRing {
    /// It is said in memory that is lent for the same time.
    fn mark(&self, _inside: bool) {
        self.loan.access();
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

/// One source, on its thread once it runs.
pub(crate) struct Source {
    broadcast: Arc<Broadcast<TestRing>>,
    pub(crate) library: Arc<Library>,
    thread: Option<Thread>,
}

impl Source {
    /// The source of a library that so many windows have open.
    pub(crate) fn of(library: Library, windows: u32) -> Self {
        library.open(windows);
        Self {
            broadcast: Arc::new(Broadcast::of(&*TestRing::new(Policy::Wait, 2, 0))),
            library: Arc::new(library),
            thread: None,
        }
    }

    pub(crate) fn run(&mut self) {
        let (broadcast, library) = (Arc::clone(&self.broadcast), Arc::clone(&self.library));
        let run = move || broadcast.run(&library, |call| call());
        self.thread = Some(start("source", run));
    }

    /// Adds a ring, and has a thread wait for it. `None` if the source is about to end.
    pub(crate) fn join(&self, ring: &Arc<TestRing>) -> Option<Joined> {
        let reader = Reader::open(&ring.memory);
        let before = self.library.begun();
        if !self.broadcast.add(ring) {
            self.library.close();
            return None;
        }
        // The next message may have been begun, but not in the library.
        let after = self.library.begun() + u32::from(self.thread.is_some());
        let (broadcast, library, its) = (Arc::clone(&self.broadcast), Arc::clone(&self.library), Arc::clone(ring));
        let wait = move || {
            let filled = broadcast.wait_for(&its, || library.cancel());
            its.loan.end();
            library.close();
            // As `stream.rs` does, where the ring is from.
            let writer = its.memory.ring();
            writer.abandon_all();
            writer.set_phase(if filled == Filled::End {
                Phase::Ended
            } else {
                Phase::Failed
            });
            if filled != Filled::End {
                assert_eq!(filled, Filled::Failed(STATUS));
                let words = its.take_message();
                assert_eq!(words.as_deref(), Some(WORDS), "the library's words");
            }
        };
        Some(Joined {
            ring: Arc::clone(ring),
            begins: before..=after,
            waiting: Some(start("ring", wait)),
            reader,
            first: None,
            last: None,
            taken: 0,
        })
    }

    /// The source ends by itself, and no ring joins any more.
    pub(crate) fn end(mut self) {
        self.thread.take().unwrap().join().unwrap();
        assert!(!self.broadcast.add(&TestRing::new(Policy::Wait, 2, 0)), "it has ended");
        forget_places();
    }
}

/// A ring that has joined.
pub(crate) struct Joined {
    pub(crate) ring: Arc<TestRing>,
    /// What its first message may be.
    begins: RangeInclusive<u32>,
    waiting: Option<Thread>,
    pub(crate) reader: Reader,
    /// What its first message was, once that is known.
    first: Option<u32>,
    /// What it has taken last.
    last: Option<u32>,
    /// How many it has taken.
    pub(crate) taken: u32,
}

impl Joined {
    /// Takes the next message, if there is one: its number.
    pub(crate) fn take(&mut self) -> Option<u32> {
        let slot = self.reader.next()?;
        let memory = &self.ring.memory;
        let number = memory.number_in(slot);
        assert!(self.last < Some(number), "message {number} after {:?}", self.last);
        self.last = Some(number);
        let dropped = memory.slots[slot.index].dropped.load(Ordering::Relaxed);
        let left_out = match self.ring.policy {
            Policy::Wait => Some(0),
            Policy::DropNewest => Some(dropped),
            Policy::DropOldest => None, // the dropped ones have a sequence, unless no slot could be claimed for them
        };
        if let Some(left_out) = left_out {
            let first = *self.first.get_or_insert(number - memory.place_of(slot) - left_out);
            memory.check_place(slot, number - first);
        }
        slot.release(memory);
        self.taken += 1;
        Some(number)
    }

    /// Takes so many messages, the last of which has this number.
    pub(crate) fn read(&mut self, count: u32) -> u32 {
        loop {
            match self.take() {
                Some(number) if self.taken == count => return number,
                Some(_) => {}
                None => yield_now(),
            }
        }
    }

    /// Whether it has ended, and all of its messages were taken.
    pub(crate) fn has_ended(&mut self) -> bool {
        match self.reader.wait() {
            Some(true) => drop(self.take()),
            Some(false) => return true,
            None => yield_now(),
        }
        false
    }

    pub(crate) fn leave(&self) {
        self.ring.leave();
    }

    /// Until `wait_for` has returned. Its reader has left.
    pub(crate) fn wait(mut self) {
        self.waiting.take().unwrap().join().unwrap();
    }

    /// Reads to the end. Each message was taken, or it is counted as dropped.
    pub(crate) fn end(mut self, library: &Library) {
        self.waiting.take().unwrap().join().unwrap();
        while !self.has_ended() {}
        assert!(self.reader.next().is_none());
        let memory = &self.ring.memory;
        let (published, dropped) = (memory.published(), memory.dropped());
        let made = match self.ring.policy {
            Policy::Wait => published,
            Policy::DropOldest => self.taken + dropped,
            Policy::DropNewest => published + dropped,
        };
        if self.ring.policy != Policy::DropOldest {
            assert_eq!(self.taken, published, "a message is lost");
        }
        if !self.ring.leaves.load(Ordering::Relaxed) {
            let first = library.made() - made;
            assert!(
                self.begins.contains(&first),
                "it begins with {first}, not in {:?}",
                self.begins
            );
            assert_eq!(self.first.unwrap_or(first), first, "a message is lost");
        }
        for slot in &memory.slots {
            assert_eq!(js::load(&slot.state), State::FREE, "a slot is left");
        }
    }
}
