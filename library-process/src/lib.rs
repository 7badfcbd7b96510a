//! A library in a process of its own: the program that has it, and what starts the program and calls the library in it.
//!
//! Linux only, so far. [`protocol`] says how the two processes work together.
#![cfg(target_os = "linux")]

mod arena;
mod client;
mod descriptors;
mod futex;
mod process;
pub mod protocol;
mod ranges;
mod serve;
mod socket;

pub use client::{Client, Error, Options};
pub use process::End;
pub use serve::serve;
