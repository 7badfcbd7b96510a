//! `host/src/lent_memory.rs` for models: no memory, but the number of a call.

use std::marker::PhantomData;

/// Stands for the memory of the call of this number.
pub struct LentMemory<'a> {
    call: u64,
    lent: PhantomData<&'a mut [u8]>,
}

impl LentMemory<'_> {
    pub(crate) fn of(call: u64) -> Self {
        let lent = PhantomData;
        Self { call, lent }
    }

    pub(crate) fn call(&self) -> u64 {
        self.call
    }

    pub(crate) fn prefer_huge_pages(&self) {}

    pub(crate) fn len(&self) -> usize {
        0
    }
}
