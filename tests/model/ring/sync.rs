//! What the ring takes from `host/src/sync.rs`, for models, and what its reader takes from JavaScript.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::checker::{ThreadId, this_thread};

pub(crate) use std::sync::atomic::Ordering;

/// Why a thread unwinds: it has ended in the middle of what it did.
pub(crate) struct Terminated;

thread_local! {
    /// A thread that is to end, and after how many more accesses. The threads of a model are coroutines of one thread.
    static MORTAL: Cell<Option<(ThreadId, u32)>> = const { Cell::new(None) };
}

/// Runs what may end at any step: one that calls [`end_after`], or a reader.
pub(crate) fn unless_terminated(run: impl FnOnce()) {
    let ended = catch_unwind(AssertUnwindSafe(run));
    MORTAL.set(None);
    if let Err(reason) = ended
        && !reason.is::<Terminated>()
    {
        resume_unwind(reason);
    }
}

/// Ends this thread after so many accesses to words.
pub(crate) fn end_after(steps: u32) {
    MORTAL.set(Some((this_thread(), steps)));
}

fn step() {
    let Some((thread, steps)) = MORTAL.get() else { return };
    if thread != this_thread() {
        return;
    }
    match steps.checked_sub(1) {
        Some(left) => MORTAL.set(Some((thread, left))),
        None => resume_unwind(Box::new(Terminated)),
    }
}

macro_rules! atomics {
    ($($name:ident $value:ty)*) => {$(
        /// Stores by swapping, see `loom/checker.rs`.
        pub(crate) struct $name(crate::atomic::$name);

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                Self(crate::atomic::$name::new(value))
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                step();
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                step();
                self.0.swap(value, order);
            }

            #[allow(dead_code, reason = "the time is not exchanged")]
            pub(crate) fn compare_exchange(
                &self,
                from: $value,
                to: $value,
                yes: Ordering,
                no: Ordering,
            ) -> Result<$value, $value> {
                step();
                self.0.compare_exchange(from, to, yes, no)
            }
        }
    )*};
}

atomics! {
    AtomicU32 u32
    AtomicU64 u64
}

/// JavaScript's `Atomics`. They are sequentially consistent, which loom does not know: what relies on it uses
/// [`load_latest`](js::load_latest).
pub(crate) mod js {
    use super::{AtomicU32, Ordering};

    pub(crate) fn load(word: &AtomicU32) -> u32 {
        word.load(Ordering::Acquire)
    }

    /// Comes before or after each other access to the word, together with all that its thread has done before.
    pub(crate) fn load_latest(word: &AtomicU32) -> u32 {
        add(word, 0)
    }

    pub(crate) fn store(word: &AtomicU32, value: u32) {
        word.store(value, Ordering::Release);
    }

    /// The value before it.
    pub(crate) fn add(word: &AtomicU32, value: u32) -> u32 {
        word.0.fetch_add(value, Ordering::AcqRel)
    }

    /// Whether it was exchanged.
    pub(crate) fn compare_exchange(word: &AtomicU32, from: u32, to: u32) -> bool {
        word.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}
