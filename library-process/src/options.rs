//! What an app decides about the process of a library.

use std::time::Duration;

/// How a library's process is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long a call may take before its process is ended. If there is a limit, the process has as long to load the
    /// library, but 10 s at least.
    pub timeout: Option<Duration>,
    /// How often in a minute the process is started again after it has ended by itself.
    pub restarts: usize,
    /// Whether all memory is copied, also where it can be mapped.
    pub isolate: bool,
    /// Whether the process gives up what `confine.rs` says, once it has loaded the library.
    pub confine: bool,
    /// Whether the process is one for the whole app, which its [broker](crate::listen) has, and not this process's own.
    pub shared: bool,
}
