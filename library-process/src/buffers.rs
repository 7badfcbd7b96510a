//! The bytes that a library's processes are lent.

use std::ffi::CStr;
use std::io;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::ranges::Ranges;
use crate::shared_memory::SharedMemory;

/// Of the memory, for the system.
pub(crate) const NAME: &CStr = c"inplace-exchange-buffers";

/// Bytes: more than all buffers of a process can have in V8's cage. The memory is sparse.
pub(crate) const LEN: u64 = 64 << 30;

/// Memory that this process shares with those of one library, one after another.
pub(crate) struct Buffers {
    pub(crate) memory: SharedMemory,
    pub(crate) inode: u64,
    pub(crate) ranges: Ranges,
}

impl Buffers {
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        let memory = SharedMemory::new(NAME, LEN)?;
        Ok(Arc::new(Self {
            inode: memory.inode()?,
            ranges: Ranges::new(LEN),
            memory,
        }))
    }

    /// Where a range is in this process.
    pub(crate) fn bytes(&self, offset: u64, len: u64) -> Option<NonNull<u8>> {
        self.memory.mapping().bytes(offset, len)
    }

    /// Gives back to the system what is free.
    pub(crate) fn clear(&self) {
        self.ranges.clear(|start, len| self.memory.clear(start, len).is_ok());
    }

    /// As [`clear`](Self::clear), if none of it was in use since this was last called.
    pub(crate) fn clear_unused(&self) {
        self.ranges
            .clear_unused(|start, len| self.memory.clear(start, len).is_ok());
    }
}
