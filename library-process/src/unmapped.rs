//! In the place of `mapped.rs`, where nothing is mapped in the place of a buffer's pages: all is copied.
//!
//! On macOS that may be possible: V8 itself maps over its pages (`mach_vm_map` with `VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE`), and
//! a POSIX shared memory can be mapped so, too. Nobody has tried. On Windows the allocator of V8 would end the process:
//! it expects `VirtualFree` to work on its pages.

use std::sync::Arc;

use inplace_exchange_host::LentMemory;

use crate::buffers::Buffers;

/// Whether anything is ever mapped here.
pub(crate) const IS_SUPPORTED: bool = false;

pub(crate) fn find_or_map(_buffers: &Arc<Buffers>, _memory: &LentMemory<'_>) -> Option<u64> {
    None
}

pub(crate) fn sweep() {}

pub(crate) fn holds(_buffers: &Arc<Buffers>) -> bool {
    false
}

pub(crate) fn retire(buffers: &Arc<Buffers>) {
    buffers.clear();
}
