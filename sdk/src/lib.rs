#![doc = include_str!("../README.md")]

mod abi;
mod bytes;
mod call;
mod control;
mod definition;
mod error;
#[doc(hidden)]
pub mod export;
mod library;
mod macros;
mod memory;
mod message;
mod panics;
mod private_copy;
mod sink;
mod slot;
pub mod testing;

pub use bytes::Bytes;
pub use call::Call;
pub use control::{Control, StreamControl};
pub use error::Error;
pub use library::Library;
pub use message::Message;
pub use sink::Sink;
pub use zerocopy;
