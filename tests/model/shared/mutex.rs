//! The mutex of `host/src/sync.rs` for models, over the checker's.

use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;

use crate::checker;

pub(crate) struct Mutex<T>(pub(super) checker::Mutex<T>);

/// Keeps a reference to its mutex, which a wait unlocks and locks again.
pub(crate) struct MutexGuard<'a, T> {
    pub(super) mutex: &'a Mutex<T>,
    pub(super) guard: checker::MutexGuard<'a, T>,
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(checker::Mutex::new(value))
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    let guard = mutex.0.lock().unwrap_or_else(PoisonError::into_inner);
    MutexGuard { mutex, guard }
}
