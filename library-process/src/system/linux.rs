//! Linux: sealed memory, and futexes.

mod bell;
mod membership;
mod memory;

pub(crate) use bell::Bell;
pub(super) use bell::Bells;
pub(crate) use membership::Membership;
pub(crate) use memory::{BUFFERS_LEN, Memory};
