//! What the two sides take from the operating system. All else in this crate is the same on each.
//!
//! | | Linux | macOS | Windows |
//! | --- | --- | --- | --- |
//! | [`Memory`], mapped as a [`View`] | a sealed memfd | POSIX shared memory whose name is gone | a section without a name |
//! | [`Bell`], by which a side sleeps and is woken | a futex | a pair of sockets | two events |
//! | [`Program`], the app's end, and [`App`], the program's end | a pair of sockets | the same | two pipes, and handles that the app puts into the program |
//! | the program ends with the app | by a signal of the system; the socket hangs up | the socket hangs up; its parent is another one | a job; the pipe hangs up |
//!
//! Linux can be told to work as macOS does, by the feature `portable`: the tests run that there. Other Unix systems work as
//! macOS, untested.

mod given;
#[cfg(native_linux)]
mod linux;
#[cfg(all(unix, not(native_linux)))]
mod posix;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

pub(crate) use given::Given;
#[cfg(native_linux)]
pub(crate) use linux::{BUFFERS_LEN, Bell, Membership, Memory};
#[cfg(all(unix, not(native_linux)))]
pub(crate) use posix::{BUFFERS_LEN, Bell, Memory};
#[cfg(native_linux)]
pub(crate) use unix::socket;
#[cfg(unix)]
pub(crate) use unix::{App, Program, View, end_now, monotonic_ms, page_size, this_core};
#[cfg(windows)]
pub(crate) use windows::{App, BUFFERS_LEN, Bell, Memory, Program, View, end_now, monotonic_ms, page_size, this_core};
