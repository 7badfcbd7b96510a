//! What the app gives the program at its start.

use super::{Bell, Memory};

/// As the program has received it.
pub(crate) struct Given {
    /// Begins with a `Control`.
    pub(crate) control: Memory,
    /// Has the bytes of buffers.
    pub(crate) buffers: Memory,
    /// Of `Control::cancels`.
    pub(crate) cancels: Bell,
}
