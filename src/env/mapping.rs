//! Which memory of an environment a library's process can have mapped, and so write to without a copy. Linux, and
//! Electron's renderers, only.

use std::ptr::NonNull;

use inplace_exchange_host::{LentMemory, Pages};

use crate::env::instance::Environment;
use crate::js::byte_view::ByteView;
use crate::js::scope::Scope;

/// From this length on, in bytes, an ArrayBuffer has its pages for itself: PartitionAlloc, with which Chromium allocates
/// them, maps what is larger than 960 KiB by itself, and does away with the mapping when it is freed.
pub(crate) const MAPPED_FROM: usize = 1 << 20;

/// Whether memory can be mapped here: tried once, in a renderer. Other processes of Electron have another allocator, and
/// Node.js has that of the C library.
pub(crate) fn can_map(scope: Scope<'_>, environment: &Environment) -> bool {
    *environment
        .can_map
        .get_or_init(|| environment.in_renderer && attempt(scope).unwrap_or(false))
}

/// What may be done with the pages of a view's memory, which JavaScript does not use while it is lent.
pub(crate) fn pages_of(environment: &Environment, view: &ByteView<'_>) -> Pages {
    if view.len < MAPPED_FROM || environment.can_map.get() != Some(&true) {
        return Pages::Fixed;
    }
    if !view.buffer.is_array_buffer() {
        return Pages::Shared;
    }
    // One that can grow or shrink has another allocator.
    let is_whole = view.offset == 0 && view.buffer.array_buffer_bytes().map(|(_, len)| len) == Some(view.len);
    if is_whole && !environment.intrinsics.is_resizable(view.buffer) {
        Pages::Replaceable
    } else {
        Pages::Fixed
    }
}

fn attempt(scope: Scope<'_>) -> Option<bool> {
    let buffer = scope.array_buffer(MAPPED_FROM)?;
    let (data, len) = buffer.array_buffer_bytes()?;
    // SAFETY: the memory of an ArrayBuffer that was just made, which nobody else has. That nothing else is in its pages, and
    // that it can be freed, is what is tried.
    let memory = unsafe { LentMemory::in_pages(NonNull::new(data)?, len, Pages::Replaceable) };
    let trial = library_process::Trial::begin(&memory)?;
    buffer.detach(); // frees it
    Some(trial.is_freed())
}
