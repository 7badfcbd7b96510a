//! What Linux and macOS have in common: a pair of sockets, signals, `mmap`.

mod app;
mod program;
pub(crate) mod socket;
mod view;

use std::time::Duration;

pub(crate) use app::{App, end_now};
pub(crate) use program::Program;
pub(crate) use view::{View, page_size};

#[cfg(native_linux)]
use super::linux::Bells;
#[cfg(not(native_linux))]
use super::posix::Bells;

/// The core on which this thread runs, for now.
#[cfg(native_linux)]
pub(crate) fn this_core() -> Option<u32> {
    u32::try_from(rustix::thread::sched_getcpu()).ok()
}

/// macOS does not tell.
#[cfg(not(native_linux))]
pub(crate) fn this_core() -> Option<u32> {
    None
}

/// The system's monotonic clock, which all processes have, in milliseconds.
pub(crate) fn monotonic_ms() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::try_from(now).map_or(0.0, |now| now.as_secs_f64() * 1000.0)
}
