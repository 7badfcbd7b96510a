//! The host side of the C ABI in `exchange.h`: finds a library, loads it, and calls it, in order and on the right threads.
//! Nothing in here knows of JavaScript.

mod abi;
mod call;
mod dispatch;
mod elf;
mod entry_point;
mod error;
mod exit;
mod functions;
mod lent_memory;
mod library;
mod loader;
pub mod locate;
mod paging;
mod populator;
mod request;
mod ring;
mod session;
mod stream;
mod sync;

pub use abi::{Symbols, VERSION as ABI_VERSION};
pub use call::{Call, CompletionSink, NativeCall};
pub use dispatch::Cancelled;
pub use entry_point::{InPlace, NoMessage, Performs};
pub use error::{Error, ProcessEnd};
pub use exit::finish_calls_first;
pub use functions::{Properties, Remote};
pub use lent_memory::{LentMemory, Pages};
pub use library::Library;
pub use loader::pin::pin_this_module;
pub use loader::{is_same_file, real_path};
pub use populator::{OngoingCall, populator};
pub use request::{Caller, Progress, Report, Request, RingRequest, Waiting};
pub use session::Session;
pub use stream::{Broadcast, Filled, Filler, Member, Policy, Stream, StreamOptions, Taker};

/// The folder of the libraries that `npm test` and `npm run sanitize` have built.
#[cfg(test)]
fn fixtures() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fixtures")
}
