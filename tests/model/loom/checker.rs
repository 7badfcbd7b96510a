//! loom's primitives. It explores every interleaving up to a number of preemptions, and every value that a load may
//! return by its ordering.

use loom::cell::UnsafeCell;
use loom::thread::JoinHandle;

pub(crate) use loom::sync::atomic::{AtomicU8, AtomicU64, Ordering};
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use loom::thread::{ThreadId, yield_now};

pub(crate) type Thread = JoinHandle<()>;

/// A load may return an old value, and one that a model adds may synchronize what the dispatcher does not.
pub(crate) const SEQUENTIAL: bool = false;

pub(crate) fn start(name: &str, run: impl FnOnce() + Send + 'static) -> Thread {
    loom::thread::Builder::new().name(name.into()).spawn(run).unwrap()
}

pub(crate) fn this_thread() -> ThreadId {
    loom::thread::current().id()
}

/// One `exchange_cancel` does, also one that came before the exchange began: it is not cancelled without end, see
/// [`turns_of_interval`].
pub(crate) const CANCELS_STICK: bool = true;

/// loom lets two threads that yield alternate for ever. So only the first interval ends without a notification.
pub(crate) fn turns_of_interval(number: u32) -> Option<u32> {
    (number == 1).then_some(1)
}

pub(crate) fn turns_of_moment() -> u32 {
    1
}

/// loom makes no random choices.
pub(crate) fn choose(_choices: u32) -> u32 {
    0
}

/// Stores by swapping. loom may order a plain store before another thread's swap that read the previous value, which
/// the memory model rules out: the gate would then stay locked.
pub(crate) struct AtomicBool(loom::sync::atomic::AtomicBool);

impl AtomicBool {
    pub(crate) fn new(value: bool) -> Self {
        Self(loom::sync::atomic::AtomicBool::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> bool {
        self.0.load(order)
    }

    pub(crate) fn store(&self, value: bool, order: Ordering) {
        self.0.swap(value, order);
    }

    pub(crate) fn swap(&self, value: bool, order: Ordering) -> bool {
        self.0.swap(value, order)
    }
}

/// Memory, or the state of a library. Two accesses that synchronization does not order fail the model, whether or not
/// they overlap.
pub(crate) struct Region(UnsafeCell<()>);

// SAFETY: the cell's content is the unit value, so there is nothing to race on.
unsafe impl Sync for Region {}

impl Region {
    pub(crate) fn new() -> Self {
        Self(UnsafeCell::new(()))
    }

    /// An access that no other one may overlap.
    pub(crate) fn alone<T>(&self, access: impl FnOnce() -> T) -> T {
        self.0.with_mut(|_| access())
    }

    /// An access that may overlap others of its kind.
    pub(crate) fn shared<T>(&self, access: impl FnOnce() -> T) -> T {
        self.0.with(|_| access())
    }
}
