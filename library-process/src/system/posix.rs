//! macOS, and Linux with the feature `portable`: memory by `shm_open`, and sockets in place of futexes.

mod bell;
mod memory;

pub(crate) use bell::Bell;
pub(super) use bell::Bells;
pub(crate) use memory::{BUFFERS_LEN, Memory};
