//! The two functions that exchange data, by hand over Node-API.

pub(crate) mod exchange;
pub(crate) mod exchange_async;
