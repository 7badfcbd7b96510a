//! Lends memory to the processes of one library: maps it, or copies it.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use inplace_exchange_host::LentMemory;

use crate::buffers::Buffers;
use crate::mapped;
use crate::ranges::Range;

/// How often it is looked for memory that can go back to the system.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// Lends memory by way of [`Buffers`]: bytes are there already, mapped in the place of the caller's own pages (see
/// [`mapped`]), or are copied there and back. A thread looks after them, until this is dropped.
pub(crate) struct Lender {
    buffers: Arc<Buffers>,
    /// Whether anything is mapped at all.
    maps: bool,
    _until_dropped: SyncSender<()>,
}

/// A copy of bytes, which the process can read until this is dropped.
pub(crate) struct Copied<'a> {
    buffers: &'a Buffers,
    range: Range,
    /// Where they begin in the memory.
    pub(crate) offset: u64,
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

impl Lender {
    /// If not `maps`, all is copied: the process can then write to nothing after the answer.
    pub(crate) fn new(maps: bool) -> io::Result<Self> {
        let buffers = Buffers::new()?;
        let (until_dropped, dropped) = mpsc::sync_channel(0);
        let tidied = Arc::downgrade(&buffers);
        let thread = thread::Builder::new().name("library-memory".to_owned());
        thread.spawn(move || {
            while dropped.recv_timeout(TIDY_EVERY) == Err(RecvTimeoutError::Timeout) {
                tidy(&tidied);
            }
        })?;
        Ok(Self {
            buffers,
            maps,
            _until_dropped: until_dropped,
        })
    }

    /// What the processes are given.
    pub(crate) fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    /// Makes the bytes reachable for the library's process. `None` if there is no room for them.
    pub(crate) fn lend<'a>(&'a self, memory: &'a LentMemory<'_>) -> Option<Loan<'a>> {
        let buffers = &self.buffers;
        if let Some(offset) = self.find(memory) {
            return Some(Loan {
                buffers,
                memory,
                offset,
                range: None,
            });
        }
        let range = buffers.ranges.take(memory.len() as u64)?;
        let loan = Loan {
            buffers,
            memory,
            offset: range.start,
            range: Some(range),
        };
        // SAFETY: the range is at least as long, and apart from what was lent, which is in no range that was free.
        unsafe { memory.copy_to(buffers.bytes(range.start, range.len)?) };
        Some(loan)
    }

    /// Where memory is in that of the processes, if it is mapped, or can be now.
    pub(crate) fn find(&self, memory: &LentMemory<'_>) -> Option<u64> {
        if self.maps {
            mapped::find_or_map(&self.buffers, memory)
        } else {
            None
        }
    }

    /// Copies bytes for the process. `None` if there is no room for them.
    pub(crate) fn copy(&self, bytes: &[u8]) -> Option<Copied<'_>> {
        let buffers = &self.buffers;
        let range = buffers.ranges.take(bytes.len() as u64)?;
        let copied = Copied {
            buffers,
            range,
            offset: range.start,
        };
        let to = buffers.bytes(range.start, range.len)?;
        // SAFETY: the range is at least as long, and apart from memory of this process's own.
        unsafe { to.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Some(copied)
    }

    /// Maps memory that other threads get afterwards: from then on it is lent without a copy. Without effect where it cannot be
    /// mapped.
    pub(crate) fn map_now(&self, memory: &LentMemory<'_>) {
        self.find(memory);
    }
}

impl Drop for Lender {
    fn drop(&mut self) {
        mapped::retire(&self.buffers);
    }
}

fn tidy(buffers: &Weak<Buffers>) {
    if let Some(buffers) = buffers.upgrade() {
        mapped::sweep();
        buffers.clear_unused();
    }
}

impl Loan<'_> {
    /// Whether both processes have the bytes, and not a copy each.
    pub(crate) fn is_mapped(&self) -> bool {
        self.range.is_none()
    }

    /// After the library has filled them.
    pub(crate) fn take_back(self) {
        let copy = self.range.and_then(|range| self.buffers.bytes(range.start, range.len));
        if let Some(copy) = copy {
            // SAFETY: as in `lend`; what the library's process writes there meanwhile is bytes like any others.
            unsafe { self.memory.copy_from(copy) };
        }
    }
}

impl Drop for Copied<'_> {
    fn drop(&mut self) {
        self.buffers.ranges.give_back(self.range);
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if let Some(range) = self.range {
            self.buffers.ranges.give_back(range);
        }
    }
}
