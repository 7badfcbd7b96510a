//! The bytes that a library's processes are lent.

use std::io;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::ranges::Ranges;
use crate::shared_memory::SharedMemory;
use crate::system::BUFFERS_LEN;

/// Memory that this process shares with those of one library, one after another.
pub(crate) struct Buffers {
    pub(crate) memory: SharedMemory,
    pub(crate) ranges: Ranges,
}

impl Buffers {
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            memory: SharedMemory::new("buffers", BUFFERS_LEN)?,
            ranges: Ranges::new(BUFFERS_LEN),
        }))
    }

    /// Where a range is in this process.
    pub(crate) fn bytes(&self, offset: u64, len: u64) -> Option<NonNull<u8>> {
        self.memory.mapping().bytes(offset, len)
    }

    /// Gives back to the system what is free.
    pub(crate) fn clear(&self) {
        self.ranges.clear(|start, len| self.memory.memory().clear(start, len));
    }

    /// As [`clear`](Self::clear), if none of it was in use since this was last called.
    pub(crate) fn clear_unused(&self) {
        self.ranges
            .clear_unused(|start, len| self.memory.memory().clear(start, len));
    }
}
