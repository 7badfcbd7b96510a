//! A library as tests find it.

use std::ffi::c_char;
use std::sync::Mutex;

use crate::abi::{Perform, Stream};

/// A library, for [`testing`](crate::testing): the `LIBRARY` that [`library!`](crate::library) defines.
pub struct Library {
    pub(crate) functions: Functions,
    /// What a host has for a library that takes one call at a time.
    pub(crate) gate: Mutex<()>,
}

/// By their names in `exchange.h`.
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "the header documents them")]
pub struct Functions {
    pub perform: Perform,
    pub stream: Option<Stream>,
    pub operations: extern "C" fn() -> *const c_char,
    pub flags: extern "C" fn() -> u32,
    pub library_name: extern "C" fn() -> *const c_char,
    pub open: extern "C" fn() -> i64,
    pub close: unsafe extern "C" fn(),
}

impl Library {
    /// # Safety
    /// - The functions are those of one library, and keep the contract of `exchange.h`.
    /// - Nothing else calls `perform`, `stream`, `open` and `close`: the state behind them is not that of a library which an app
    ///   has loaded.
    #[doc(hidden)]
    pub const unsafe fn new(functions: Functions) -> Self {
        Self {
            functions,
            gate: Mutex::new(()),
        }
    }
}
