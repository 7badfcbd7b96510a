//! The ring of a stream, for who fills it, and what is said of each message.

use std::marker::PhantomData;

use super::memory::Memory;
use super::options::StreamOptions;
use crate::lent_memory::LentMemory;
use crate::library::Library;
use crate::request::{Caller, Request};
use crate::ring::{Phase, Ring};
use crate::sync::{Mutex, lock};

/// Who has a ring filled.
pub trait Taker: Caller {
    /// The library begins with a message, or, if not `inside`, waits for a slot: for who limits the time that a message takes.
    fn mark(&self, inside: bool);
}

/// A ring of several that one source fills, and who has it filled. Its memory is there as long as this is.
pub trait Member: Taker + Send + 'static {
    /// The ring.
    fn filler(&self) -> &Filler<'_>;

    /// Whether its memory is apart from another one's, and one source may fill both.
    fn is_apart_from(&self, other: &Self) -> bool;
}

/// A ring, and what is said of each message.
pub struct Filler<'a> {
    pub(super) memory: Memory,
    /// Used by one turn at a time, and by the stream's thread between them.
    pub(super) ring: Mutex<Ring<Memory>>,
    pub(super) request: Request,
    pub(super) options: StreamOptions,
    lent: PhantomData<&'a mut [u8]>,
}

/// What has come of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// Others want the library's only thread, or no slot is free: another turn.
    More,
    /// The stream is to end, or the library has no more messages.
    End,
    /// The library has returned this number, which stands for no message.
    Failed(i64),
}

impl Filled {
    /// As one number: those for no message are negative, or more than the bytes of a slot.
    pub fn number(self) -> i64 {
        match self {
            Self::End => 0,
            Self::More => 1,
            Self::Failed(number) => number,
        }
    }

    /// What a [number](Self::number) stands for, wherever that is from.
    pub(super) fn of(number: i64, slot_len: usize) -> Self {
        match usize::try_from(number) {
            Ok(0) => Self::End,
            Ok(count) if count <= slot_len => Self::More,
            _ => Self::Failed(number),
        }
    }
}

impl<'a> Filler<'a> {
    /// For memory that the options [fit](StreamOptions::fit).
    pub fn new(memory: &LentMemory<'a>, operation: u32, performs: bool, options: StreamOptions) -> Self {
        let memory = Memory::new(memory, options.layout);
        let input = Some(options.input.len()).filter(|len| performs && *len > 0);
        Self {
            ring: Mutex::new(Ring::new(memory.clone(), options.policy)),
            memory,
            request: Request {
                operation,
                input,
                shared: true,
            },
            options,
            lent: PhantomData,
        }
    }

    /// Goes on where another filler of the same ring has left off.
    pub fn resume(&self) {
        lock(&self.ring).resume();
    }

    /// Whether the reader has asked for the end.
    pub fn is_stopped(&self) -> bool {
        self.memory.is_stopped()
    }

    /// Whether the library's process has the memory, and not only a copy of it.
    pub(super) fn is_reached_by(&self, library: &Library) -> bool {
        library.dispatcher().functions().reach(&self.memory.whole())
    }

    /// Says how the stream is. Once it has ended, nobody fills a slot any more.
    pub(super) fn set_phase(&self, phase: Phase) {
        let ring = lock(&self.ring);
        if !matches!(phase, Phase::Running) {
            ring.abandon_all(); // that of a process that has crashed
        }
        ring.set_phase(phase);
    }

    pub(super) fn slot_len(&self) -> usize {
        self.memory.slot_len()
    }
}
