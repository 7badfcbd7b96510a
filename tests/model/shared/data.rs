//! Memory that two sides have.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::checker::Region;

/// Words that no ordering of their own protects: two accesses that are not ordered fail the model.
pub(crate) struct Data {
    region: Region,
    value: AtomicU32,
}

impl Data {
    pub(crate) fn new() -> Self {
        Self {
            region: Region::new(),
            value: AtomicU32::new(0),
        }
    }

    pub(crate) fn put(&self, value: u32) {
        self.region.alone(|| self.value.store(value, Ordering::Relaxed));
    }

    pub(crate) fn get(&self) -> u32 {
        self.region.shared(|| self.value.load(Ordering::Relaxed))
    }
}
