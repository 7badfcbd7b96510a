//! A ring of a stream in memory like a page's, and a reader of it.

use std::path::PathBuf;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use inplace_exchange_host::{Call, CompletionSink, Error, LentMemory, Pages, Policy, Session, Stream, StreamOptions};
use library_process::{Client, Options, OwnLibrary};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Words of a ring (docs/streams.md).
pub const PUBLISHED: usize = 16;
pub const PHASE: usize = 17;
pub const DROPPED: usize = 18;
pub const STOP: usize = 32;

/// Phases.
pub const ENDED: u32 = 2;
pub const FAILED: u32 = 3;

const LINES: usize = 48;
const READY: u32 = 2;

pub struct Opened {
    pub name: &'static str,
    pub own: OwnLibrary,
    pub client: &'static Client,
    pub session: Arc<Session>,
}

/// A library in a process that has these options.
pub fn open(name: &'static str, options: &Options) -> Opened {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/fixtures");
    let program = PathBuf::from(env!("CARGO_BIN_EXE_inplace-exchange-library"));
    let library = fixtures.join(format!("{name}.so")).canonicalize().unwrap();
    if options.shared {
        library_process::listen(&program).unwrap();
    }
    let own = library_process::open(&program, &library, options).unwrap();
    Opened {
        name,
        own,
        client: library_process::client(own.number).unwrap(),
        session: Arc::new(Session::new(own.library)),
    }
}

impl Opened {
    /// Ends the process by a signal, if it runs, and waits until that is known.
    pub fn kill(&self) {
        if let Some(pid) = self.client.pid().and_then(rustix::process::Pid::from_raw) {
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
        while self.client.pid().is_some() {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

struct Nobody;

impl CompletionSink for Nobody {
    fn push(&self, _call: Arc<dyn Call>) {}
}

/// A ring, and its stream, which ends with it.
pub struct Ring {
    data: NonNull<u8>,
    mapped: usize,
    /// In bytes.
    pub len: usize,
    slots: usize,
    stride: usize,
    bytes: usize,
    /// The number of the message that is taken next.
    next: AtomicU32,
    pub stream: Arc<Stream>,
}

// SAFETY: all of the memory is used by atomics.
unsafe impl Sync for Ring {}

pub fn until(is: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(30), "in time");
        thread::sleep(Duration::from_millis(1));
    }
}

impl Ring {
    /// With a page of zeros after it, of the same memory.
    pub fn new(library: &Opened, slots: u32, slot_len: u32, policy: Policy, input: &[u8]) -> Self {
        let stride = (slot_len as usize).next_multiple_of(64);
        let bytes = ((3 + slots as usize) * 64).next_multiple_of(4096);
        let len = bytes + stride * (slots as usize + usize::from(policy == Policy::DropNewest));
        let mapped = (len + 4096).max(1 << 20).next_multiple_of(4096);
        let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: a new mapping.
        let data = unsafe { mmap_anonymous(ptr::null_mut(), mapped, access, flags) }.unwrap();
        let data = NonNull::new(data.cast()).unwrap();
        // SAFETY: the mapping is this ring's own.
        let new = unsafe { LentMemory::in_pages(data, mapped, Pages::Replaceable) };
        library.client.map(&new).unwrap();
        // SAFETY: the stream ends before the mapping does (`drop`), and it is used by atomics alone.
        let memory = unsafe { LentMemory::in_pages(data, mapped, Pages::Shared) };
        let options = StreamOptions::new(slots, slot_len, policy, input.into(), 0.0).unwrap();
        let session = Arc::clone(&library.session);
        Self {
            data,
            mapped,
            len,
            slots: slots as usize,
            stride,
            bytes,
            next: AtomicU32::new(0),
            stream: Stream::new(1, session, Arc::new(Nobody), &memory, 0, options),
        }
    }

    pub fn begin(&self) {
        Arc::clone(&self.stream).submit().unwrap();
    }

    /// Begins, and waits for the end.
    pub fn outcome(&self) -> Result<u32, Box<Error>> {
        self.begin();
        assert!(
            self.stream.wait(Some(Instant::now() + Duration::from_secs(20))),
            "it ends"
        );
        self.stream.take_outcome()
    }

    /// As `stop()` of the page.
    pub fn stop(&self) -> Result<u32, Box<Error>> {
        self.stream.cancel();
        assert!(
            self.stream.wait(Some(Instant::now() + Duration::from_secs(20))),
            "it ends"
        );
        self.stream.take_outcome()
    }

    pub fn word(&self, at: usize) -> &AtomicU32 {
        assert!(at * 4 < self.mapped);
        // SAFETY: within the mapping, all of which is used by atomics.
        unsafe { AtomicU32::from_ptr(self.data.as_ptr().cast::<u32>().wrapping_add(at)) }
    }

    /// One of the slots' bytes.
    pub fn byte(&self, at: usize) -> u8 {
        assert!(self.bytes + at < self.len);
        // SAFETY: as above.
        unsafe { AtomicU8::from_ptr(self.data.as_ptr().wrapping_add(self.bytes + at)) }.load(Ordering::Relaxed)
    }

    /// What the library has counted, of so many messages: taken in order, each checked.
    pub fn take(&self, count: usize) -> Vec<u32> {
        let mut taken = Vec::new();
        let begun = Instant::now();
        while taken.len() < count {
            let has_ended = self.stream.has_ended();
            let message = self.take_one();
            if message.is_none() && has_ended {
                panic!("{} messages, and {:?}", taken.len(), self.stream.take_outcome());
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{} messages", taken.len());
            taken.extend(message);
        }
        taken
    }

    pub fn take_what_is_there(&self) {
        while self.take_one().is_some() {}
        thread::yield_now();
    }

    fn take_one(&self) -> Option<u32> {
        let next = self.next.load(Ordering::Relaxed);
        let index = (0..self.slots).find(|index| {
            let line = LINES + index * 16;
            self.word(line).load(Ordering::Acquire) == READY && self.word(line + 1).load(Ordering::Relaxed) == next
        })?;
        let line = LINES + index * 16;
        let state = self.word(line);
        state
            .compare_exchange(READY, 7, Ordering::Acquire, Ordering::Relaxed)
            .ok()?;
        self.next.store(next + 1, Ordering::Relaxed);
        let length = self.word(line + 2).load(Ordering::Relaxed) as usize;
        let words = (self.bytes + index * self.stride) / 4;
        let count = self.word(words).load(Ordering::Relaxed);
        for at in 8..length {
            let byte = self.byte(index * self.stride + at);
            assert_eq!(u32::from(byte), count & 255, "message {count}, byte {at}");
        }
        state.store(0, Ordering::Release);
        Some(count)
    }

    /// The numbers of the messages that can be taken, in order.
    pub fn waiting(&self) -> Vec<u32> {
        let lines = (0..self.slots).map(|index| LINES + index * 16);
        let ready = lines.filter(|line| self.word(*line).load(Ordering::Acquire) == READY);
        let mut found: Vec<u32> = ready.map(|line| self.word(line + 1).load(Ordering::Relaxed)).collect();
        found.sort_unstable();
        found
    }

    /// How many slots are in this state.
    pub fn in_state(&self, state: u32) -> usize {
        let lines = (0..self.slots).map(|index| LINES + index * 16);
        lines
            .filter(|line| self.word(*line).load(Ordering::Relaxed) == state)
            .count()
    }

    /// Whether what comes after the ring is zero.
    pub fn is_intact_outside(&self) -> bool {
        (self.len.div_ceil(4)..self.mapped / 4).all(|at| self.word(at).load(Ordering::Relaxed) == 0)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.stream.cancel();
        self.stream.wait(None);
        // SAFETY: the ring's own mapping, which no stream uses any more.
        let _ = unsafe { munmap(self.data.as_ptr().cast(), self.mapped) };
    }
}
