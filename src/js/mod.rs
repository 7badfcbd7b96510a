//! Node-API behind safe types.

pub(crate) mod abort_listener;
pub(crate) mod lent_buffer;
