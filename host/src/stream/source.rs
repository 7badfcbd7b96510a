//! What the messages of a stream are made of, for who makes them.

use std::sync::Arc;

use super::memory::Memory;
use crate::request::Request;
use crate::ring::Ring;
use crate::session::Session;
use crate::sync::{AtomicBool, Deadline, Mutex, Ordering};

/// The library, the ring, and what is said of each message.
pub(super) struct Source {
    pub(super) session: Arc<Session>,
    pub(super) memory: Memory,
    /// Used by one burst at a time, and by the stream's thread between them.
    pub(super) ring: Mutex<Ring<Memory>>,
    pub(super) request: Request,
    /// Written into each slot before it is filled.
    pub(super) input: Box<[u8]>,
    /// The time by JavaScript's clock, at one moment.
    pub(super) now: (f64, Deadline),
    /// Set when the stream is cancelled.
    pub(super) stopping: AtomicBool,
}

impl Source {
    /// Whether the stream is to end, by its environment's wish or its reader's.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed) || self.memory.is_stopped()
    }

    pub(super) fn time(&self) -> f64 {
        let (now, then) = self.now;
        now + then.elapsed().as_secs_f64() * 1000.0
    }
}

/// What comes after a burst.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Burst,
    End,
}
