//! shuttle's primitives. It draws interleavings at random, of any number of threads. Its atomics are sequentially
//! consistent.

use shuttle::rand::Rng;
use shuttle::sync::atomic::{AtomicI64, Ordering};
use shuttle::thread::JoinHandle;

pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};
pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use shuttle::thread::{ThreadId, yield_now};

pub(crate) type Thread = JoinHandle<()>;

/// All loads see the latest value.
pub(crate) const SEQUENTIAL: bool = true;

/// As with a real library, an exchange does not see an `exchange_cancel` that came before it began.
pub(crate) const CANCELS_STICK: bool = false;

pub(crate) fn turns_of_interval(_number: u32) -> Option<u32> {
    Some(1 + choose(4))
}

pub(crate) fn turns_of_moment() -> u32 {
    1 + choose(4)
}

pub(crate) fn start(name: &str, run: impl FnOnce() + Send + 'static) -> Thread {
    shuttle::thread::Builder::new().name(name.into()).spawn(run).unwrap()
}

pub(crate) fn this_thread() -> ThreadId {
    shuttle::thread::current().id()
}

/// A number below `choices`.
pub(crate) fn choose(choices: u32) -> u32 {
    shuttle::rand::thread_rng().gen_range(0..choices)
}

/// Memory, or the state of a library. Two accesses that overlap fail the model.
pub(crate) struct Region {
    /// How many accesses are shared; -1 during one that is not.
    users: AtomicI64,
}

impl Region {
    pub(crate) fn new() -> Self {
        Self {
            users: AtomicI64::new(0),
        }
    }

    /// An access that no other one may overlap.
    pub(crate) fn alone<T>(&self, access: impl FnOnce() -> T) -> T {
        let users = self.users.swap(-1, Ordering::SeqCst);
        assert_eq!(users, 0, "concurrent access");
        let result = access();
        self.users.store(0, Ordering::SeqCst);
        result
    }

    /// An access that may overlap others of its kind.
    pub(crate) fn shared<T>(&self, access: impl FnOnce() -> T) -> T {
        let users = self.users.fetch_add(1, Ordering::SeqCst);
        assert!(users >= 0, "concurrent access");
        let result = access();
        self.users.fetch_sub(1, Ordering::SeqCst);
        result
    }
}
