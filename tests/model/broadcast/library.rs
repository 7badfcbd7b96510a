//! `host/src/library.rs` and `host/src/abi.rs` for models: a library whose messages are numbers.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::checker::{self, Region, choose, yield_now};
use crate::lent::{INPUT, LentMemory};
use crate::memory::length_of;
use crate::request::{Caller, Request, RingRequest};

/// Nothing fails but the library.
pub(crate) enum Error {}

#[derive(Debug)]
pub(crate) enum ReturnValue {
    Message(u32),
    Failed(i64),
}

impl ReturnValue {
    pub(crate) fn number(&self) -> i64 {
        match self {
            Self::Message(length) => i64::from(*length),
            Self::Failed(number) => *number,
        }
    }
}

pub(crate) trait Sink: Sync {
    fn acquire(&self, wait: bool) -> Option<NonNull<u8>>;
    fn commit(&self, length: usize) -> bool;
    fn is_cancelled(&self) -> bool;
    fn set_message(&self, text: Option<String>);
}

/// How it is called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// For each message, and stays with its stream.
    Concurrent,
    /// For each message, and lets others in between.
    Serial,
    /// Once.
    Pushes,
}

pub(crate) const KINDS: [Kind; 3] = [Kind::Concurrent, Kind::Serial, Kind::Pushes];

/// How many messages it has at once. Then each takes time, so that others go on if none holds it up.
const AT_ONCE: u32 = 4;

/// The status with which it fails, and what it says then.
pub(crate) const STATUS: i64 = -5;
pub(crate) const WORDS: &str = "no more";

pub(crate) struct Library {
    kind: Kind,
    engine: Arc<Engine>,
}

/// A library's own state.
struct Engine {
    /// How many messages it makes.
    limit: u32,
    /// It then waits until it is asked to return, and does not fail.
    waits: bool,
    made: AtomicU32,
    begun: AtomicU32,
    is_cancelled: checker::AtomicBool,
    /// Used by one call at a time, and by none after it was closed.
    code: Region,
    is_closed: AtomicBool,
    users: AtomicU32,
}

impl Library {
    /// One that fails after so many messages.
    pub(crate) fn failing(kind: Kind, limit: u32) -> Self {
        Self::new(kind, limit, false)
    }

    /// One that makes as many as are wanted.
    pub(crate) fn endless(kind: Kind) -> Self {
        Self::new(kind, u32::MAX, false)
    }

    /// One that waits, as for a device, after so many messages.
    pub(crate) fn waiting(kind: Kind, limit: u32) -> Self {
        Self::new(kind, limit, true)
    }

    fn new(kind: Kind, limit: u32, waits: bool) -> Self {
        let engine = Arc::new(Engine {
            limit,
            waits,
            made: AtomicU32::new(0),
            begun: AtomicU32::new(0),
            is_cancelled: checker::AtomicBool::new(false),
            code: Region::new(),
            is_closed: AtomicBool::new(false),
            users: AtomicU32::new(0),
        });
        Self { kind, engine }
    }

    /// How many messages it has made.
    pub(crate) fn made(&self) -> u32 {
        self.engine.made.load(Ordering::Relaxed)
    }

    /// How many messages it has begun.
    pub(crate) fn begun(&self) -> u32 {
        self.engine.begun.load(Ordering::Relaxed).min(self.engine.limit)
    }

    pub(crate) fn cancel(&self) {
        self.engine.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// For the windows whose rings may join.
    pub(crate) fn open(&self, windows: u32) {
        self.engine.users.store(windows, Ordering::Relaxed);
    }

    /// For a window whose ring has left, or has not joined. The last one closes it: no call may be inside, or come later.
    pub(crate) fn close(&self) {
        if self.engine.users.fetch_sub(1, Ordering::Relaxed) == 1 {
            let close = || self.engine.is_closed.store(true, Ordering::Relaxed);
            self.engine.code.alone(close);
        }
    }

    pub(crate) fn dispatcher(&self) -> &Self {
        self
    }

    pub(crate) fn functions(&self) -> &Self {
        self
    }

    pub(crate) fn is_serial(&self) -> bool {
        self.kind == Kind::Serial
    }

    pub(crate) fn stream_function(&self) -> Option<StreamFunction> {
        (self.kind == Kind::Pushes).then(|| StreamFunction(Arc::clone(&self.engine)))
    }

    #[expect(clippy::unnecessary_wraps, reason = "as in the host")]
    pub(crate) fn call(
        &self,
        memory: LentMemory<'_>,
        _request: &Request,
        caller: &dyn Caller,
    ) -> Result<ReturnValue, Box<Error>> {
        assert_eq!(memory.get(), INPUT, "the input");
        let made = self.engine.enter(|engine| {
            engine.begin()?;
            Some(engine.make(&memory))
        });
        Ok(made.map_or_else(
            || {
                caller.set_message(Some(WORDS.to_owned()));
                ReturnValue::Failed(STATUS)
            },
            ReturnValue::Message,
        ))
    }

    #[expect(clippy::unused_self, reason = "as in the host")]
    pub(crate) fn fill(
        &self,
        _: &LentMemory<'_>,
        _: &RingRequest<'_>,
        _: &dyn Caller,
    ) -> Result<Option<i64>, Box<Error>> {
        unreachable!("it is here")
    }

    #[expect(clippy::unused_self, reason = "as in the host")]
    pub(crate) fn reach(&self, _memory: &LentMemory<'_>) -> bool {
        true
    }
}

impl Engine {
    fn enter<T>(&self, call: impl FnOnce(&Self) -> T) -> T {
        self.code.alone(|| {
            assert!(!self.is_closed.load(Ordering::Relaxed), "a call of a closed library");
            call(self)
        })
    }

    /// Begins a message. `None` if it makes no more.
    fn begin(&self) -> Option<()> {
        let begun = self.begun.fetch_add(1, Ordering::Relaxed);
        if begun < self.limit {
            if begun >= AT_ONCE {
                yield_now();
            }
            return Some(());
        }
        while self.waits && !self.is_cancelled.load(Ordering::Relaxed) {
            yield_now();
        }
        None
    }

    fn make(&self, memory: &LentMemory<'_>) -> u32 {
        let number = self.made.load(Ordering::Relaxed);
        memory.put(number);
        self.made.store(number + 1, Ordering::Relaxed);
        length_of(number)
    }
}

/// A library's `exchange_stream`.
pub(crate) struct StreamFunction(Arc<Engine>);

impl StreamFunction {
    pub(crate) fn call(self, _input: &[u8], _operation: u32, capacity: usize, sink: &dyn Sink) -> i64 {
        self.0.enter(|engine| {
            loop {
                let waits = choose(4) != 3;
                let Some(data) = sink.acquire(waits) else {
                    if sink.is_cancelled() {
                        return 0;
                    }
                    assert!(!waits);
                    yield_now();
                    continue;
                };
                let memory = LentMemory::at(data);
                if choose(8) == 7 {
                    memory.put(INPUT);
                    assert!(!sink.commit(capacity + 1)); // it is given back
                    continue;
                }
                if engine.begin().is_none() {
                    sink.set_message(Some(WORDS.to_owned()));
                    return STATUS;
                }
                assert!(sink.commit(engine.make(&memory) as usize));
            }
        })
    }
}
