//! What one JavaScript environment (a page load, a worker, the main process) has.

pub(crate) mod background;
pub(crate) mod ended_flag;
pub(crate) mod instance;
mod loop_handles;
pub(crate) mod own_loop;
mod uv;
