//! Node-API behind safe types: a [`scope::Scope`] proves what its calls need.

pub(crate) mod abort_listener;
pub(crate) mod answer;
pub(crate) mod byte_view;
pub(crate) mod callback;
pub(crate) mod callback_scope;
mod create;
pub(crate) mod ended_flag;
pub(crate) mod input;
pub(crate) mod intrinsics;
pub(crate) mod lent_buffer;
pub(crate) mod reference;
pub(crate) mod rejection;
mod runtime;
pub(crate) mod scope;
pub(crate) mod stream_options;
pub(crate) mod throw;
pub(crate) mod value;
