//! A library in a process of its own: the program that has it, and what starts the program and calls the library in it.
//!
//! Linux only, so far. [`protocol`] says how the two processes work together.
#![cfg(target_os = "linux")]

mod buffers;
mod client;
mod confine;
mod current;
mod descriptors;
mod end;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod filter;
mod lane;
mod lanes;
mod lender;
mod mapped;
mod options;
mod pages;
mod process;
pub mod protocol;
mod ranges;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod refused;
mod registry;
mod running;
mod serve;
mod shared_memory;
mod socket;
mod spin;
mod sync;
mod trial;

pub use client::Client;
pub use options::Options;
pub use protocol::CONFINE;
pub use registry::{OwnLibrary, client, open};
pub use serve::serve;
pub use trial::Trial;
