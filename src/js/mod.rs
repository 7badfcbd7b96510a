//! Node-API behind safe types: a [`scope::Scope`] proves what its calls need.

pub(crate) mod abort_listener;
pub(crate) mod byte_view;
pub(crate) mod callback;
mod create;
pub(crate) mod intrinsics;
pub(crate) mod lent_buffer;
pub(crate) mod reference;
pub(crate) mod rejection;
mod runtime;
pub(crate) mod scope;
pub(crate) mod throw;
pub(crate) mod value;
