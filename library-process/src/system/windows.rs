//! Windows: sections, events, pipes, and jobs.

mod app;
mod bell;
mod handle;
mod memory;
mod program;
mod spawn;

pub(crate) use app::{App, end_now};
pub(crate) use bell::Bell;
pub(crate) use memory::{BUFFERS_LEN, Memory, View};
pub(crate) use program::Program;

use windows_sys::Win32::System::Threading::GetCurrentProcessorNumber;

/// On all processors that Electron has builds for.
pub(crate) fn page_size() -> usize {
    4096
}

/// The core on which this thread runs, for now: its number within a group of 64.
pub(crate) fn this_core() -> Option<u32> {
    // SAFETY: has no precondition.
    Some(unsafe { GetCurrentProcessorNumber() })
}

/// No clock: it is for streams in memory that both processes have, and nothing is mapped here.
pub(crate) fn monotonic_ms() -> f64 {
    0.0
}
