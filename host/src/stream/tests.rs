use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::thread;
use std::time::{Duration, Instant};

use super::memory::Memory;
use super::*;
use crate::library::tests::{Exports, lend, library};
use crate::ring::{Layout, Lines, State};

/// Says that streams have ended.
#[derive(Default)]
struct Ended(Mutex<Vec<u64>>);

impl CompletionSink for Ended {
    fn push(&self, call: Arc<dyn Call>) {
        assert!(call.has_ended());
        lock(&self.0).push(call.id());
    }
}

/// How many calls are in a library at a time, and whether there were ever two.
struct Seen {
    calls: AtomicU32,
    inside: AtomicUsize,
    most: AtomicUsize,
}

static SEEN: [Seen; 6] = [const {
    Seen {
        calls: AtomicU32::new(0),
        inside: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
    }
}; 6];

/// The count of its calls, in all words.
unsafe extern "C" fn count<const N: usize>(data: *mut u8, len: usize) -> i64 {
    let seen = &SEEN[N];
    seen.most
        .fetch_max(seen.inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    let number = seen.calls.fetch_add(1, Ordering::SeqCst);
    for at in 0..len / 4 {
        // SAFETY: the stream lends len bytes at data, aligned as a slot is.
        let word = unsafe { AtomicU32::from_ptr(data.cast::<u32>().wrapping_add(at)) };
        word.store(number, Ordering::Relaxed);
    }
    seen.inside.fetch_sub(1, Ordering::SeqCst);
    len as i64
}

/// Fails at the tenth call.
unsafe extern "C" fn fail<const N: usize>(_data: *mut u8, len: usize) -> i64 {
    if SEEN[N].calls.fetch_add(1, Ordering::SeqCst) == 9 {
        -3
    } else {
        len as i64
    }
}

/// Memory for a ring, with guards before and after it.
struct Guarded {
    words: Box<[u64]>,
    layout: Layout,
}

const GUARD: usize = 512;
const INTACT: u64 = 0x5A5A_5A5A_5A5A_5A5A;

impl Guarded {
    fn new(layout: Layout) -> Self {
        let mut words = vec![INTACT; 2 * GUARD + layout.len.div_ceil(8)];
        words[GUARD..GUARD + layout.len / 8].fill(0);
        Self {
            words: words.into(),
            layout,
        }
    }

    fn lend(&mut self) -> LentMemory<'static> {
        // SAFETY: the ring's part of the words, as bytes.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.words[GUARD..].as_mut_ptr().cast(), self.layout.len) };
        lend(bytes)
    }

    fn is_intact(&self) -> bool {
        let after = GUARD + self.layout.len / 8;
        self.words[..GUARD]
            .iter()
            .chain(&self.words[after..])
            .all(|word| *word == INTACT)
    }
}

fn exports(exchange: crate::abi::Exchange, serial: bool) -> Exports {
    Exports {
        exchange,
        open: None,
        close: None,
        cancel: None,
        serial,
    }
}

fn session(exports: Exports) -> Arc<Session> {
    Arc::new(Session::new(library(exports)))
}

fn stream(session: &Arc<Session>, memory: &LentMemory<'static>, slots: u32, len: u32, policy: Policy) -> Arc<Stream> {
    let options = StreamOptions::new(slots, len, policy, Box::default(), 0.0).unwrap();
    Stream::new(1, Arc::clone(session), Arc::new(Ended::default()), memory, 0, options)
}

fn until(is: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(1));
    }
}

/// Takes messages as a reader does, in order, until there were so many.
fn read(memory: Memory, count: u32) {
    let mut sequence = 0;
    while sequence < count {
        for index in 0..memory.slots() {
            let slot = memory.slot(index);
            if slot.sequence.load(Ordering::Relaxed) != sequence
                || slot
                    .state
                    .compare_exchange(State::READY, 3, Ordering::Acquire, Ordering::Relaxed)
                    .is_err()
            {
                continue;
            }
            assert_eq!(slot.sequence.load(Ordering::Relaxed), sequence);
            let bytes = memory.lend(crate::ring::Place::Slot(index), &[]);
            for at in 0..bytes.len() / 4 {
                // SAFETY: the slot's bytes, whose words all are used as this.
                let word = unsafe { AtomicU32::from_ptr(bytes.data().as_ptr().cast::<u32>().wrapping_add(at)) };
                assert_eq!(word.load(Ordering::Relaxed), sequence);
            }
            slot.state.store(State::FREE, Ordering::Release);
            sequence += 1;
        }
        thread::yield_now();
    }
}

#[test]
fn all_messages_arrive_from_a_library_that_others_call_meanwhile() {
    for (serial, session, seen) in [
        (true, session(exports(count::<0>, true)), &SEEN[0]),
        (false, session(exports(count::<1>, false)), &SEEN[1]),
    ] {
        let mut memory = Guarded::new(Layout::new(4, 64, Policy::Wait).unwrap());
        let lent = memory.lend();
        let stream = stream(&session, &lent, 4, 64, Policy::Wait);
        assert!(!stream.is_running() && !stream.has_ended());
        Arc::clone(&stream).submit().unwrap();
        read(stream.source.filler.memory.clone(), 2000);
        assert_eq!(stream.cancel(), Cancelled::Requested);
        assert_eq!(stream.cancel(), Cancelled::NoEffect);
        assert!(stream.wait(None));
        assert!(matches!(*stream.take_outcome().unwrap_err(), Error::Aborted));
        assert!(memory.is_intact());
        assert_eq!(seen.most.load(Ordering::SeqCst), 1);
        assert_eq!(session.library().is_serial(), serial);
    }
}

#[test]
fn an_error_of_the_library_ends_it() {
    let session = session(exports(fail::<2>, true));
    let mut memory = Guarded::new(Layout::new(16, 64, Policy::Wait).unwrap());
    let lent = memory.lend();
    let stream = stream(&session, &lent, 16, 64, Policy::Wait);
    Arc::clone(&stream).submit().unwrap();
    assert!(stream.wait(None));
    let writer = stream.source.filler.memory.writer();
    assert_eq!(writer.published.load(Ordering::Relaxed), 9);
    assert_eq!(writer.phase.load(Ordering::Relaxed), Phase::Failed as u32);
    assert!(matches!(
        *stream.take_outcome().unwrap_err(),
        Error::LibraryFailed { status: -3, .. }
    ));
}

#[test]
fn one_that_is_cancelled_before_it_begins_never_does() {
    let session = session(exports(count::<3>, true));
    let mut memory = Guarded::new(Layout::new(2, 8, Policy::Wait).unwrap());
    let lent = memory.lend();
    let stream = stream(&session, &lent, 2, 8, Policy::Wait);
    assert_eq!(stream.cancel(), Cancelled::Dropped);
    assert!(stream.has_ended());
    Arc::clone(&stream).submit().unwrap();
    assert!(stream.wait(None));
    assert_eq!(SEEN[3].calls.load(Ordering::SeqCst), 0);
}

#[test]
fn whatever_is_written_to_its_memory_it_writes_nowhere_else_and_ends() {
    for policy in [Policy::Wait, Policy::DropOldest, Policy::DropNewest] {
        let session = session(exports(count::<4>, policy == Policy::Wait));
        let mut memory = Guarded::new(Layout::new(3, 40, policy).unwrap());
        let lent = memory.lend();
        let stream = stream(&session, &lent, 3, 40, policy);
        Arc::clone(&stream).submit().unwrap();
        let start: NonNull<u8> = lent.data();
        let stop = Layout::READER / 4;
        let mut random = 0x9E37_79B9_u32;
        for _ in 0..300_000 {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            let at = random as usize % (memory.layout.len / 4);
            // SAFETY: within the memory, whose words are used as this by all.
            let word = unsafe { AtomicU32::from_ptr(start.as_ptr().cast::<u32>().wrapping_add(at)) };
            let value = if random & 0x100 == 0 { random } else { random >> 9 & 3 };
            word.store(if at == stop { 0 } else { value }, Ordering::Relaxed);
        }
        assert!(stream.is_running());
        stream.cancel();
        assert!(stream.wait(None));
        assert!(memory.is_intact());
    }
}

#[test]
fn streams_need_no_more_threads_than_they_are_and_leave_none() {
    let session = session(exports(count::<5>, false));
    let mut memories: Vec<_> = (0..20)
        .map(|_| Guarded::new(Layout::new(2, 8, Policy::Wait).unwrap()))
        .collect();
    let streams: Vec<_> = memories
        .iter_mut()
        .map(|memory| stream(&session, &memory.lend(), 2, 8, Policy::Wait))
        .collect();
    for stream in &streams {
        Arc::clone(stream).submit().unwrap();
    }
    for stream in &streams {
        until(|| stream.source.filler.memory.writer().published.load(Ordering::Relaxed) == 2);
    }
    let dispatcher = session.library().dispatcher();
    for stream in streams {
        stream.cancel();
        assert!(stream.wait(None));
    }
    until(|| dispatcher.threads() <= 4);
}

/// Whether a call waits, and what its library was asked.
static WAITS: AtomicU32 = AtomicU32::new(0);
static IS_CANCELLED: AtomicU32 = AtomicU32::new(0);

/// Waits, as for a device, until `exchange_cancel`.
unsafe extern "C" fn until_cancelled(_data: *mut u8, _len: usize) -> i64 {
    WAITS.store(1, Ordering::SeqCst);
    while IS_CANCELLED.load(Ordering::SeqCst) == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    0
}

unsafe extern "C" fn cancel() {
    IS_CANCELLED.store(1, Ordering::SeqCst);
}

#[test]
fn a_reader_that_closes_cancels_the_call_that_runs() {
    let session = session(Exports {
        cancel: Some(cancel),
        ..exports(until_cancelled, true)
    });
    let mut memory = Guarded::new(Layout::new(2, 8, Policy::Wait).unwrap());
    let lent = memory.lend();
    let stream = stream(&session, &lent, 2, 8, Policy::Wait);
    Arc::clone(&stream).submit().unwrap();
    until(|| WAITS.load(Ordering::SeqCst) == 1);
    let reader: NonNull<AtomicU32> = lent
        .data()
        .map_addr(|start| start.checked_add(Layout::READER).unwrap())
        .cast();
    // SAFETY: within the memory, where the reader's first word is, which all use by atomics.
    unsafe { reader.as_ref() }.store(1, Ordering::Relaxed);
    assert!(stream.wait(Some(Deadline::now() + Duration::from_secs(20))));
    assert_eq!(stream.take_outcome().unwrap(), 0);
}
