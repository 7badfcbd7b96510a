//! A library in a process of its own: the program that has it, and what starts the program and calls the library in it.
//!
//! Linux only, so far. [`protocol`] says how the two processes work together.
#![cfg(target_os = "linux")]

mod arena;
mod client;
mod current;
mod descriptors;
mod end;
mod futex;
mod process;
pub mod protocol;
mod ranges;
mod registry;
mod serve;
mod socket;

pub use client::{Client, Options};
pub use registry::{OwnLibrary, client, open};
pub use serve::serve;
