//! A library in a process of its own: the program that has it, and what starts the program and calls the library in it.
//!
//! [`protocol`] says how the two processes work together, and `system.rs` what they take from the operating system.

mod answer;
#[cfg_attr(not(native_linux), path = "no_broker.rs")]
mod broker;
mod buffers;
mod client;
mod confine;
mod connection;
mod current;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod filter;
mod lane;
mod lanes;
mod lender;
mod loading;
#[cfg_attr(not(native_linux), path = "unmapped.rs")]
mod mapped;
mod message;
mod opening;
mod options;
#[cfg(native_linux)]
mod pages;
mod process;
pub mod protocol;
mod ranges;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod refused;
mod registry;
mod restarts;
mod running;
mod serve;
mod shared_memory;
mod sources;
mod spawn;
mod spin;
mod stream;
mod sync;
mod system;
mod trial;
mod turns;

pub use broker::listen;
pub use client::Client;
pub use options::Options;
pub use registry::{OwnLibrary, client, open};
pub use serve::serve;
pub use trial::Trial;
