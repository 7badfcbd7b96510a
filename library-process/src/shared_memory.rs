//! Memory that both processes have mapped.

use std::io;
use std::ptr::NonNull;
use std::sync::Arc;

use inplace_exchange_host::{LentMemory, Pages};

use crate::protocol::Control;
use crate::system::{Memory, View};

/// Memory of the app, and a mapping of it.
pub(crate) struct SharedMemory {
    memory: Memory,
    mapping: Mapping,
}

/// All of a memory, mapped for reading and writing.
pub(crate) struct Mapping(View);

impl SharedMemory {
    /// New memory, all zeros. `len` is in bytes, and a multiple of the page size; the name is for who looks at a process.
    pub(crate) fn new(name: &str, len: u64) -> io::Result<Self> {
        let memory = Memory::new(name, len)?;
        let mapping = Mapping::of(&memory)?;
        Ok(Self { memory, mapping })
    }

    /// What the other process is given.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// All of it, mapped in this process.
    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }
}

impl Mapping {
    /// Maps what this process has made, or the other one.
    pub(crate) fn of(memory: &Memory) -> io::Result<Self> {
        let view = memory.map()?;
        if !view.reaches(size_of::<Control>() as u64) {
            let small = "the shared memory is too small";
            return Err(io::Error::new(io::ErrorKind::InvalidData, small));
        }
        Ok(Self(view))
    }

    /// What it begins with, if it is there to control calls.
    pub(crate) fn control(&self) -> &Control {
        // SAFETY: the view reaches as far as a Control (checked by `of`), begins a page, lives as long as self, and every
        // bit pattern is a Control, whose words are all atomic: the other process may write them at any time.
        unsafe { self.0.start().cast().as_ref() }
    }

    /// The bytes of a range. `None` if any of them is outside, or the system has no memory for them.
    pub(crate) fn bytes(&self, offset: u64, len: u64) -> Option<NonNull<u8>> {
        let end = offset.checked_add(len)?;
        if !self.0.reaches(end) {
            return None;
        }
        let offset = usize::try_from(offset).ok()?;
        // SAFETY: within the view, as was checked.
        Some(unsafe { self.0.start().add(offset) })
    }

    /// The bytes of a range of buffers, as memory that is lent: others may write to it at any time. `None` as with
    /// [`bytes`](Self::bytes).
    pub(crate) fn lend(&self, offset: u64, len: u64) -> Option<LentMemory<'_>> {
        let (data, len) = (self.bytes(offset, len)?, usize::try_from(len).ok()?);
        // SAFETY: within the memory, which is mapped for as long as self is there. No Rust reference covers it, and no code
        // here relies on what it holds.
        Some(unsafe { LentMemory::in_pages(data, len, Pages::Shared) })
    }

    /// As [`lend`](Self::lend), for longer than a call.
    ///
    /// # Safety
    /// Whoever uses the memory keeps the mapping meanwhile.
    pub(crate) unsafe fn lend_kept(self: &Arc<Self>, offset: u64, len: u64) -> Option<LentMemory<'static>> {
        let memory = self.lend(offset, len)?;
        // SAFETY: as above; the mapping is there as long as the memory is used (this function's contract).
        Some(unsafe { LentMemory::in_pages(memory.data(), memory.len(), memory.pages()) })
    }

    /// A copy of them.
    pub(crate) fn copy(&self, offset: u64, len: u64) -> Option<Box<[u8]>> {
        let memory = self.lend(offset, len)?;
        let mut copy = vec![0_u8; memory.len()].into_boxed_slice();
        // SAFETY: new memory of the same length, which nothing else has.
        unsafe { memory.copy_to(NonNull::from(&mut *copy).cast()) };
        Some(copy)
    }
}
