//! The bytes that a library's process is lent, and how they get to it.

use std::io;
use std::ptr::NonNull;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use inplace_exchange_host::LentMemory;

use crate::mapped;
use crate::ranges::{Range, Ranges};
use crate::shared_memory::SharedMemory;

/// Bytes: more than all buffers of a process can have in V8's cage. The memory is sparse.
pub(crate) const LEN: u64 = 64 << 30;

/// How often it is looked for memory that can go back to the system.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// Memory that this process shares with those of one library, one after another.
///
/// Bytes that are lent are either there already, mapped in place of the caller's own pages (see [`mapped`]), or copied into
/// it and back. A thread looks after it, until it is dropped.
pub(crate) struct Buffers {
    memory: SharedMemory,
    pub(crate) inode: u64,
    pub(crate) ranges: Ranges,
    /// Whether buffers are mapped at all.
    maps: bool,
    _until_dropped: SyncSender<()>,
}

/// Bytes that are lent to a call.
pub(crate) struct Loan<'a> {
    buffers: &'a Buffers,
    memory: &'a LentMemory<'a>,
    /// Where they begin in the memory.
    pub(crate) offset: u64,
    /// Of the copy.
    range: Option<Range>,
}

impl Buffers {
    /// New ones. If not `maps`, all is copied: the process can then write to nothing after the answer.
    pub(crate) fn new(maps: bool) -> io::Result<Arc<Self>> {
        let memory = SharedMemory::new(mapped::NAME, LEN)?;
        let inode = memory.inode()?;
        let (until_dropped, dropped) = mpsc::sync_channel(0);
        let buffers = Arc::new(Self {
            ranges: Ranges::new(memory.mapping().len()),
            memory,
            inode,
            maps,
            _until_dropped: until_dropped,
        });
        let tidied = Arc::downgrade(&buffers);
        let thread = thread::Builder::new().name("library-memory".to_owned());
        thread.spawn(move || {
            while dropped.recv_timeout(TIDY_EVERY) == Err(RecvTimeoutError::Timeout) {
                tidy(&tidied);
            }
        })?;
        Ok(buffers)
    }

    pub(crate) fn memory(&self) -> &SharedMemory {
        &self.memory
    }

    /// Where a range is in this process.
    pub(crate) fn bytes(&self, offset: u64, len: u64) -> Option<NonNull<u8>> {
        self.memory.mapping().bytes(offset, len)
    }

    /// Makes the bytes reachable for the library's process. `None` if there is no room for them.
    pub(crate) fn lend<'a>(self: &'a Arc<Self>, memory: &'a LentMemory<'_>) -> Option<Loan<'a>> {
        let mapped = if self.maps {
            mapped::find_or_map(self, memory)
        } else {
            None
        };
        if let Some(offset) = mapped {
            return Some(Loan {
                buffers: self,
                memory,
                offset,
                range: None,
            });
        }
        let range = self.ranges.take(memory.len() as u64)?;
        let loan = Loan {
            buffers: self,
            memory,
            offset: range.start,
            range: Some(range),
        };
        // SAFETY: the range is at least as long, and apart from what was lent, which is in no range that was free.
        unsafe { memory.copy_to(self.bytes(range.start, range.len)?) };
        Some(loan)
    }

    /// Maps memory that other threads get afterwards: from then on it is lent without a copy. Without effect where it cannot be
    /// mapped.
    pub(crate) fn map_now(self: &Arc<Self>, memory: &LentMemory<'_>) {
        if self.maps {
            mapped::find_or_map(self, memory);
        }
    }

    /// Gives back to the system what no buffer holds, and forgets what is mapped: the buffers that it is mapped in keep it, as
    /// long as they live.
    pub(crate) fn retire(self: &Arc<Self>) {
        mapped::sweep();
        self.ranges.clear(|start, len| self.memory.clear(start, len).is_ok());
        mapped::forget(self);
    }
}

fn tidy(buffers: &Weak<Buffers>) {
    let Some(buffers) = buffers.upgrade() else { return };
    mapped::sweep();
    buffers
        .ranges
        .clear_unused(|start, len| buffers.memory.clear(start, len).is_ok());
}

impl Loan<'_> {
    /// After the library has filled them.
    pub(crate) fn take_back(self) {
        let copy = self.range.and_then(|range| self.buffers.bytes(range.start, range.len));
        if let Some(copy) = copy {
            // SAFETY: as in `lend`; what the library's process writes there meanwhile is bytes like any others.
            unsafe { self.memory.copy_from(copy) };
        }
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if let Some(range) = self.range {
            self.buffers.ranges.give_back(range);
        }
    }
}
