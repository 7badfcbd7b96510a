//! The state of a library, which all environments of a process share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::Error;
use crate::panics::words_of;

/// A state that the first call makes, and that is dropped when the last environment closes the library.
///
/// It is made by a call and not by `exchange_open`, because only a call can say in words why that fails. The next call
/// tries again. A lock is taken to make and to drop it, so that a new one is never made while an old one is being
/// dropped: it may hold a device that only one can have. A call that finds it made takes none.
pub(crate) struct Slot<S> {
    open: fn() -> Result<S, Error>,
    /// From `Box::into_raw`; null while there is none. Written with the lock held.
    state: AtomicPtr<S>,
    environments: Mutex<usize>,
}

impl<S> Slot<S> {
    pub(crate) const fn new(open: fn() -> Result<S, Error>) -> Self {
        Self {
            open,
            state: AtomicPtr::new(ptr::null_mut()),
            environments: Mutex::new(0),
        }
    }

    /// The state. It stays there until [`Slot::discard`], or until the last environment has closed the library.
    #[inline]
    pub(crate) fn get(&self) -> Result<NonNull<S>, Error> {
        NonNull::new(self.state.load(Ordering::Acquire)).map_or_else(|| self.make(), Ok)
    }

    #[cold]
    fn make(&self) -> Result<NonNull<S>, Error> {
        let _environments = self.lock();
        if let Some(state) = NonNull::new(self.state.load(Ordering::Acquire)) {
            return Ok(state); // another call has made it meanwhile
        }
        let state = Box::into_raw(Box::new((self.open)()?));
        self.state.store(state, Ordering::Release);
        NonNull::new(state).ok_or_else(|| Error::new("no state"))
    }

    /// An environment opens the library.
    pub(crate) fn enter(&self) {
        *self.lock() += 1;
    }

    /// An environment closes the library.
    ///
    /// # Safety
    /// It has opened it, and none of its calls uses the state.
    pub(crate) unsafe fn leave(&self) {
        let mut environments = self.lock();
        *environments = environments.saturating_sub(1);
        if *environments == 0 {
            // SAFETY: the calls of an environment run between its `enter` and its `leave`. There is no environment, so
            // there is no call; one that enters now waits for the lock.
            unsafe { self.drop_state() };
        }
    }

    /// Drops the state after a panic; the next call makes a new one.
    ///
    /// # Safety
    /// Nothing uses the state.
    #[cold]
    pub(crate) unsafe fn discard(&self) {
        let _environments = self.lock();
        // SAFETY: nothing uses the state (this function's contract).
        unsafe { self.drop_state() };
    }

    /// With the lock held.
    ///
    /// # Safety
    /// Nothing uses the state.
    unsafe fn drop_state(&self) {
        let state = self.state.swap(ptr::null_mut(), Ordering::AcqRel);
        if state.is_null() {
            return;
        }
        // SAFETY: it is from `Box::into_raw`, was taken out by the swap, and is not in use (this function's contract).
        let state = unsafe { Box::from_raw(state) };
        // A panic of its destructor must not leave the library; there is no call to tell of it.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(state))) {
            words_of(payload);
        }
    }

    /// A panic while it is held leaves the count and the pointer as they should be.
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.environments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
