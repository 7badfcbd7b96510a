//! The exclusive lock of a library that takes one call at a time: whoever holds it may be inside the library.
//!
//! - A synchronous call takes it or is refused: it must cost nanoseconds, so it makes no system call, neither to wait nor
//!   to wake. Whoever waits for a synchronous call to leave looks again from time to time.
//! - The library's thread reserves the gate before it waits: no further synchronous call gets in, so the wait ends with
//!   the one that may be inside.
//! - A refused synchronous call leaves a mark. The thread then leaves a gap before its next call, so that neither side
//!   starves the other.

use crate::sync::{AtomicBool, Ordering, pause};

/// One cache line holds all that a synchronous call touches, wherever the allocator puts it.
#[repr(C, align(64))]
pub(crate) struct Gate {
    held: AtomicBool,
    /// Asks synchronous calls to stay out. Advisory: `held` alone excludes.
    reserved: AtomicBool,
    refused: AtomicBool,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self {
            held: AtomicBool::new(false),
            reserved: AtomicBool::new(false),
            refused: AtomicBool::new(false),
        }
    }

    /// Makes a synchronous call, unless another call is inside or about to enter.
    #[inline]
    pub(crate) fn try_exclusive<T>(&self, call: impl FnOnce() -> T) -> Option<T> {
        if self.reserved.load(Ordering::Relaxed) || self.held.swap(true, Ordering::Acquire) {
            self.note_refusal();
            return None;
        }
        let result = call();
        self.held.store(false, Ordering::Release);
        Some(result)
    }

    /// Out of line, to keep the hot path short.
    #[cold]
    fn note_refusal(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    /// Enters when the synchronous call that may be inside has left. For the library's one thread.
    pub(crate) fn acquire(&self) {
        for round in 0.. {
            self.reserved.store(true, Ordering::Relaxed);
            if self.try_acquire() {
                return;
            }
            pause(round);
        }
    }

    /// Enters if the library is free.
    pub(crate) fn try_acquire(&self) -> bool {
        !self.held.swap(true, Ordering::Acquire)
    }

    /// Leaves. Called once for each time that it was acquired.
    pub(crate) fn release(&self) {
        self.reserved.store(false, Ordering::Relaxed);
        self.held.store(false, Ordering::Release);
    }

    /// Whether a synchronous call has been refused since this was last asked.
    pub(crate) fn take_refused(&self) -> bool {
        self.refused.swap(false, Ordering::Relaxed)
    }
}
