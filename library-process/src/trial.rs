//! Whether an allocator's memory can be mapped: tried on some of it.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use inplace_exchange_host::LentMemory;

use crate::buffers::Buffers;
use crate::mapped;

/// Memory of an allocator, in whose place other memory was mapped.
pub struct Trial(Arc<Buffers>);

impl Trial {
    /// Maps other memory in the place of this, which is zero. `None` if that cannot be done, or has not the effect that it
    /// should have.
    pub fn begin(memory: &LentMemory<'_>) -> Option<Self> {
        if !mapped::IS_SUPPORTED {
            return None;
        }
        let buffers = Buffers::new().ok()?;
        let at = memory.len().checked_sub(1)?;
        // SAFETY: within the memory.
        let here = word(unsafe { memory.data().add(at) });
        here.store(1, Ordering::SeqCst);
        let offset = mapped::find_or_map(&buffers, memory)?;
        let there = word(buffers.bytes(offset + at as u64, 1)?);
        let has_moved = there.load(Ordering::SeqCst) == 1;
        there.store(0, Ordering::SeqCst); // as it was: if the allocator uses the memory again, it is none the worse
        (has_moved && here.load(Ordering::SeqCst) == 0).then_some(Self(buffers))
    }

    /// After the allocator has freed the memory: whether it has done away with what was mapped.
    pub fn is_freed(&self) -> bool {
        mapped::sweep();
        !mapped::holds(&self.0)
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        mapped::retire(&self.0);
    }
}

/// A byte that is mapped for reading and writing.
fn word<'a>(byte: NonNull<u8>) -> &'a AtomicU8 {
    // SAFETY: lent, or of the library's memory, for the time of the trial; no reference covers it.
    unsafe { AtomicU8::from_ptr(byte.as_ptr()) }
}
