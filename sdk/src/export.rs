//! For the code that [`library!`](crate::library) writes, and nothing else: it may change at any time.

pub use crate::abi::{RawCall, RawSink, VERSION};
pub use crate::definition::{Definition, Operations, check_names};
pub use crate::library::Functions;
